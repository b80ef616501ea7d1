"""Calls to a Docker engine: the connection, single ones, long ones that tell how they get on, and its events."""
