"""The console: pages for those who would rather look, beside the api and over the same use cases.

Every page is rendered here, works without JavaScript for reading and for going back, and is kept live by
server-sent events that carry the same fragments. Words are in `texts`, pages in `templates`.
"""
