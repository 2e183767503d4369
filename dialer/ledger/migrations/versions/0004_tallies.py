"""Counts of a batch without counting its rows, and pages of the few calls among many that ended in one way."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Frozen with this step: what dialer.ledger.columns makes of them later is no concern of it.
ID: sa.types.TypeEngine[Any] = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
SERIAL: sa.types.TypeEngine[Any] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

REASONS = ("reached", "handed_off", "exhausted", "rejected", "expired", "suppressed", "terminated", "unresolved")
OUTCOMES = ("answered", "voicemail", "no_answer", "busy", "declined", "failed", "unknown")
#: What is counted, and how one call says it.
COUNTED = {
    "total": "1",
    "waiting": "CASE WHEN state = 'waiting' THEN 1 ELSE 0 END",
    "attempts": "attempts_spent - CASE WHEN state IN ('in_progress', 'unknown') THEN 1 ELSE 0 END",
    **{f"closed_{reason}": f"CASE WHEN close_reason = '{reason}' THEN 1 ELSE 0 END" for reason in REASONS},
    **{f"outcome_{outcome}": f"CASE WHEN outcome = '{outcome}' THEN 1 ELSE 0 END" for outcome in OUTCOMES},
    # Of attempts, not of calls: those that ended before this step are counted from their own rows below.
    **{f"ended_{outcome}": "0" for outcome in OUTCOMES},
}
INDEXES = {
    "ix_calls_due": (["batch_id", "due_at"], "state = 'waiting'"),
    "ix_calls_reason": (["batch_id", "close_reason", "call_id"], "close_reason IS NOT NULL"),
    "ix_calls_outcome": (["batch_id", "outcome", "call_id"], "outcome IS NOT NULL"),
}


def upgrade() -> None:
    take_as_long_as_it_takes()
    create_tallies()
    create_deltas()
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "calls", columns, postgresql_where=where, sqlite_where=where)
    count_what_is_there()
    # A version before this one moves calls without saying what it changes, and the counts would go wrong.
    op.execute("UPDATE ledger SET oldest_revision = '0004'")


def downgrade() -> None:
    op.execute("UPDATE ledger SET oldest_revision = '0001'")
    for name in reversed(INDEXES):
        op.drop_index(name, "calls")
    op.drop_table("tally_deltas")
    op.drop_table("tallies")


def take_as_long_as_it_takes() -> None:
    """Every call is read; the ledger's own limit is meant for statements of a move."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL statement_timeout = 0")


def create_tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("batch_id", ID, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTED),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_tallies")),
        postgresql_with={"fillfactor": 50},
    )


def create_deltas() -> None:
    op.create_table(
        "tally_deltas",
        sa.Column("delta_id", SERIAL, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in COUNTED),
        sa.PrimaryKeyConstraint("delta_id", name=op.f("pk_tally_deltas")),
        postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 5000},
    )
    op.create_index("ix_tally_deltas_batch_id", "tally_deltas", ["batch_id"])


def count_what_is_there() -> None:
    names, sums = ", ".join(COUNTED), ", ".join(f"sum({one})" for one in COUNTED.values())
    op.execute(f"INSERT INTO tallies (batch_id, {names}) SELECT batch_id, {sums} FROM calls GROUP BY batch_id")  # noqa: S608
    count_attempts_that_ended()


def count_attempts_that_ended() -> None:
    """Read once, and not for each batch."""
    sums = ", ".join(f"sum(CASE WHEN outcome = '{one}' THEN 1 ELSE 0 END) AS ended_{one}" for one in OUTCOMES)
    op.execute(f"CREATE TEMPORARY TABLE ended AS SELECT batch_id, {sums} FROM attempts GROUP BY batch_id")  # noqa: S608
    of_batch = "FROM ended WHERE ended.batch_id = tallies.batch_id"
    columns = ", ".join(f"ended_{one} = coalesce((SELECT ended_{one} {of_batch}), 0)" for one in OUTCOMES)
    op.execute(f"UPDATE tallies SET {columns}")  # noqa: S608
    op.execute("DROP TABLE ended")
