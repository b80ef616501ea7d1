"""What is done with single containers: commands, files, connections, what they use, and those that run once."""
