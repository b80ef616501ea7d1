"""The only SQL: the ledger over SQLAlchemy Core."""
