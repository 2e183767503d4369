"""How Alembic takes a ledger from one revision to another; who asks for it, and when, is `schema`'s.

Imported where it is needed: it takes eleven megabytes, and scheduler and workers never migrate.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dialer.domain.upkeep import PendingStep
from dialer.ledger.schema import MIGRATIONS, revision


def steps_from(found: str | None) -> tuple[PendingStep, ...]:
    steps = ScriptDirectory(str(MIGRATIONS)).iterate_revisions("head", found or "base")
    return tuple(PendingStep(step.revision, step.doc) for step in reversed(list(steps)))


def walk(connection: Connection, wanted: str) -> None:
    """Up or down to the wanted revision, within the connection's transaction."""
    config = configuration(connection)
    below = {step.revision for step in ScriptDirectory.from_config(config).iterate_revisions(wanted, "base")}
    if wanted == "base" or (revision(connection) not in (None, *below)):
        command.downgrade(config, wanted)
    else:
        command.upgrade(config, wanted)


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
