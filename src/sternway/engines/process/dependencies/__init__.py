"""Prepares what a source tree declares to need: read from its lock files, kept by their hash, built once."""
