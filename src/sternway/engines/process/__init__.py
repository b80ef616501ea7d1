"""The engine that runs formations as plain processes of this machine, each beside its supervisor."""
