"""Which revision the ledger's schema is at, and how it gets to another one; the steps are in `migrations/`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dialer.ledger.transactions import Transactions, backend_of

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str, revision: str = "head") -> None:
    """Bring the ledger at this address to the newest schema, or up or down to `revision` (`base` = no tables).

    All in one transaction, one process after the other: whoever comes second finds it done. LedgerUnreachable.
    """
    transactions = Transactions(backend_of(url))
    try:
        with transactions.write() as connection:
            transactions.backend.exclude_all(connection)
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
def head() -> str | None:
    """The revision that this version of the code needs."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
