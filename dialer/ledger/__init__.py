"""The ledger: the SQL truth about batches, calls and attempts, on PostgreSQL or in one SQLite file."""

from __future__ import annotations

from dialer.ledger.ledger import SqlLedger
from dialer.ledger.schema import migrate, schema_revision, schema_status
from dialer.ledger.transactions import backend_of

__all__ = ["SqlLedger", "migrate", "open_ledger", "schema_revision", "schema_status"]


def open_ledger(url: str) -> SqlLedger:
    """The ledger at `postgresql://…` or `sqlite:///FILE`; nothing is connected yet. ConfigInvalid for other URLs."""
    return SqlLedger(backend_of(url))
