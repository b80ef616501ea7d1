"""Revisions of the schema, run by Alembic; `schema` starts them."""
