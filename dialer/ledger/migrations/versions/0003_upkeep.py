"""What stays of pruned batches and erased numbers, alerts, and which older versions may run on a newer schema."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Frozen with this step: what dialer.ledger.columns makes of them later is no concern of it.
INSTANT: sa.types.TypeEngine[Any] = sa.DateTime(timezone=True).with_variant(sa.String(26), "sqlite")
ID: sa.types.TypeEngine[Any] = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
SERIAL: sa.types.TypeEngine[Any] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME, WORD = sa.String(length=255), sa.String(length=16)

TABLES = ("pruned", "summaries", "erasures", "alerts", "tidings")
SUMMED = (
    "attempts",
    "answered",
    "voicemail",
    "no_answer",
    "busy",
    "declined",
    "failed",
    "handed_off",
    "rejected",
    "unresolved",
    "under_way",
)


def upgrade() -> None:
    # A step that takes something away from older versions raises this to the first revision that does without it.
    floor = sa.Column("oldest_revision", sa.String(length=32), server_default=sa.text("'0001'"), nullable=False)
    op.add_column("ledger", floor)
    op.add_column("ledger", sa.Column("erasure_key", sa.String(length=64), nullable=True))
    op.add_column("workers", sa.Column("revision", sa.String(length=32), nullable=True))
    create_pruned()
    create_summaries()
    create_erasures()
    create_alerts()
    create_tidings()
    ledger = sa.table("ledger", sa.column("erasure_key"))
    op.execute(sa.update(ledger).values(erasure_key=secrets.token_hex(32)))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("workers", "revision")
    op.drop_column("ledger", "erasure_key")
    op.drop_column("ledger", "oldest_revision")


def only(condition: str) -> dict[str, Any]:
    """A partial index."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def create_pruned() -> None:
    op.create_table(
        "pruned",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("agent_id", NAME, nullable=False),
        sa.Column("batch_ref", NAME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("archive", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("pruned_at", INSTANT, nullable=False),
        sa.Column("emptied_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_pruned")),
    )
    op.create_index("ix_pruned_name", "pruned", ["workspace_id", "agent_id", "batch_ref"])
    op.create_index("ix_pruned_unfinished", "pruned", ["batch_id"], **only("emptied_at IS NULL"))


def create_summaries() -> None:
    op.create_table(
        "summaries",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in SUMMED),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("microcredits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["pruned.batch_id"], name=op.f("fk_summaries_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "starts_at", name=op.f("pk_summaries")),
    )


def create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_erasures")),
    )


def create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", SERIAL, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("over_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_alerts_open", "alerts", ["kind", "subject"], unique=True, **only("over_at IS NULL"))


def create_tidings() -> None:
    op.create_table(
        "tidings",
        sa.Column("tiding_id", SERIAL, nullable=False),
        sa.Column("alert_id", SERIAL, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_tidings_alert_id")),
        sa.PrimaryKeyConstraint("tiding_id", name=op.f("pk_tidings")),
    )
    op.create_index("ix_tidings_alert_id", "tidings", ["alert_id"])
    op.create_index("ix_tidings_due", "tidings", ["due_at"], **only("due_at IS NOT NULL"))
