"""What counters keep of batches that were pruned and of endings that were taken back; dead notices by an index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Frozen with this step: what dialer.ledger.columns makes of them later is no concern of it.
SERIAL: sa.types.TypeEngine[Any] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

REASONS = ("reached", "handed_off", "exhausted", "rejected", "expired", "suppressed", "terminated", "unresolved")
OUTCOMES = ("answered", "voicemail", "no_answer", "busy", "declined", "failed", "unknown")
COUNTED = (*(f"closed_{reason}" for reason in REASONS), *(f"ended_{outcome}" for outcome in OUTCOMES))


def upgrade() -> None:
    op.create_table(
        "totals",
        sa.Column("total_id", SERIAL, nullable=False),
        sa.Column("account", sa.String(255), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in COUNTED),
        sa.PrimaryKeyConstraint("total_id", name=op.f("pk_totals")),
    )
    op.create_index("ix_totals_account", "totals", ["account"])
    there = sa.text("dead_at IS NOT NULL")
    op.create_index("ix_notices_dead", "notices", ["dead_at"], postgresql_where=there, sqlite_where=there)


def downgrade() -> None:
    op.drop_index("ix_notices_dead", "notices")
    op.drop_table("totals")
