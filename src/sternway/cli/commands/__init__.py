"""The commands that talk to a rack, one module by noun; each is imported only when it is used."""
