"""Which revision the ledger's schema is at, and how it gets to another one; the steps are in `migrations/`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select

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
            walk(connection, revision)
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
    steps = _scripts().iterate_revisions("head", found or "base")
    return tuple(PendingStep(step.revision, step.doc) for step in reversed(list(steps)))


def _oldest_allowed(connection: Connection) -> str | None:
    """Only of a schema that is newer than ours, which has the column as we do."""
    oldest: str | None = connection.execute(select(ledger.c.oldest_revision)).scalar_one_or_none()
    return oldest


def walk(connection: Connection, wanted: str) -> None:
    """Up or down to the wanted revision, within the connection's transaction."""
    config = configuration(connection)
    below = {step.revision for step in ScriptDirectory.from_config(config).iterate_revisions(wanted, "base")}
    if wanted == "base" or (revision(connection) not in (None, *below)):
        command.downgrade(config, wanted)
    else:
        command.upgrade(config, wanted)


def revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@lru_cache(maxsize=1)
def head() -> str:
    """The revision that this version of the code needs."""
    return _scripts().get_current_head() or ""


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Every revision that this version has a step to."""
    return frozenset(step.revision for step in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
