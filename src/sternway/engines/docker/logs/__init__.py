"""What containers printed, as lines, read and followed."""
