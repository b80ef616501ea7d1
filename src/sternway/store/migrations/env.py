"""What Alembic runs to run migrations: all steps in the one transaction that `schema` opened."""

from alembic import context

from sternway.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
