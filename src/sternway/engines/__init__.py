"""What runs formations. Each engine is a sibling that does not know the others."""
