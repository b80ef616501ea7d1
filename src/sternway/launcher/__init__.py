"""The launcher: keeps the active version of a rack running, and moves the rack to another version and back.

It is small, needs the standard library only, and lies outside all versions, so that none of them can break it.
It and the rack speak through files of the data directory (`files`), each replaced by rename; every step of an
update is on disk before it is taken, so that whoever starts next knows what was under way. docs/updating.md has
the states one by one.
"""
