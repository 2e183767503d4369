"""Which revision the ledger's schema is at, and how it gets to another one; the steps are in `migrations/`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from dialer.domain.upkeep import PendingStep, SchemaStatus
from dialer.errors import SchemaOutdated
from dialer.ledger.tables import ledger
from dialer.ledger.transactions import Transactions, backend_of

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str, revision: str = "head") -> None:
    """Bring the ledger at this address to the newest schema, or up or down to `revision` (`base` = no tables).

    All in one transaction, one process after the other: whoever comes second finds it done. LedgerUnreachable;
    SchemaOutdated where a later version was here: it is never taken back by one that does not know it.
    """
    transactions = Transactions(backend_of(url))
    try:
        with transactions.write() as connection:
            transactions.backend.exclude_all(connection)
            if (found := status(connection).found) not in (None, *known()):
                raise SchemaOutdated(f"a later version made the ledger's schema {found}: nothing was changed")
            _walk(connection, revision)
    finally:
        transactions.backend.engine.dispose()


def schema_revision(url: str) -> str | None:
    """The revision that the ledger at this address is at; None where no ledger is. LedgerUnreachable."""
    transactions = Transactions(backend_of(url))
    try:
        with transactions.read() as connection:
            return revision(connection)
    finally:
        transactions.backend.engine.dispose()


def schema_status(url: str) -> SchemaStatus:
    """The schema of the ledger at this address beside ours, and what `migrate` would do. LedgerUnreachable."""
    transactions = Transactions(backend_of(url))
    try:
        with transactions.read() as connection:
            return status(connection)
    finally:
        transactions.backend.engine.dispose()


def status(connection: Connection) -> SchemaStatus:
    """A newer schema is fit for us where its ledger says that versions as old as ours may still run on it."""
    found, needed = revision(connection), head()
    if found == needed:
        return SchemaStatus(found, needed, (), None, may_run=True)
    if found is None or found in known():
        return SchemaStatus(found, needed, _steps_from(found), None, may_run=False)
    oldest = _oldest_allowed(connection)
    return SchemaStatus(found, needed, (), oldest, may_run=oldest in known())


def _steps_from(found: str | None) -> tuple[PendingStep, ...]:
    from dialer.ledger.stepping import steps_from  # Alembic's weight, for those alone who carry it

    return steps_from(found)


def _walk(connection: Connection, wanted: str) -> None:
    from dialer.ledger.stepping import walk  # likewise

    walk(connection, wanted)


def _oldest_allowed(connection: Connection) -> str | None:
    """Only of a schema that is newer than ours, which has the column as we do."""
    oldest: str | None = connection.execute(select(ledger.c.oldest_revision)).scalar_one_or_none()
    return oldest


def revision(connection: Connection) -> str | None:
    """Alembic's own note of it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


@lru_cache(maxsize=1)
def head() -> str:
    """The revision that this version of the code needs."""
    return max(known())


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Every revision that this version has a step to. Their files are named by them, one after the other."""
    return frozenset(step.name[:4] for step in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))
