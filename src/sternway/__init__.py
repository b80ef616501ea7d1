"""Sternway: a self-hosted application platform with a reverse gear."""

__version__ = "20261122200000-dev"
"""`YYYYMMDDhhmmss[-label]`, as for rack and command line alike; clients compare it as text."""
