"""The Docker engine: processes are containers, supervised by the engine itself, found again by their labels."""
