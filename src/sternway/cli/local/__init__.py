"""The commands that work on this machine rather than through a rack's API."""
