"""Runs Alembic's steps within the transaction that `dialer.ledger.schema` opened."""

from __future__ import annotations

from alembic import context

from dialer.ledger import client_tables, tally_tables, upkeep_tables  # noqa: F401  their tables are part of the whole
from dialer.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
