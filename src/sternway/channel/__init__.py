"""Channels: signed lists of versions with their artifacts, after The Update Framework (TUF).

A channel is a directory of files. Anything that serves files can serve it, since nobody has to trust who does:
`publish` makes it with keys that stay elsewhere, `follow` reads it and believes only what the pinned root leads to.
"""
