"""The tables of counts: what each move changed, appended beside it, the sums that these are folded into, and what
stays of sums that are gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from dialer.domain.states import CloseReason, Outcome
from dialer.ledger.columns import Id
from dialer.ledger.tables import NAME_CHARS, metadata


def closed_as(reason: CloseReason) -> str:
    return f"closed_{reason.value}"


def ended_with(outcome: Outcome) -> str:
    return f"outcome_{outcome.value}"


def attempt_ended_with(outcome: Outcome) -> str:
    """Of every attempt, where `ended_with` counts the last one of each call."""
    return f"ended_{outcome.value}"


#: What is counted of a batch. `attempts` leaves out the one that each call in progress or unknown has under way: it is
#: counted when the call comes back or closes, and until then by its row.
COUNTS = (
    "total",
    "waiting",
    "attempts",
    *map(closed_as, CloseReason),
    *map(ended_with, Outcome),
    *map(attempt_ended_with, Outcome),
)


#: What /metrics counts of an account: endings, which only ever become more.
TOTALLED = (*map(closed_as, CloseReason), *map(attempt_ended_with, Outcome))


def _counts(**given: Any) -> list[Column[int]]:
    return [Column(name, Integer, **given) for name in COUNTS]


# Neither has a foreign key: it would lock its batch's row at every move.
tallies = Table(
    "tallies",
    metadata,
    Column("batch_id", Id, primary_key=True),
    *_counts(nullable=False),
    # rewritten by each fold, in place
    postgresql_with={"fillfactor": 50},
)

#: NULL is no change: a row is as wide as what its move changed.
tally_deltas = Table(
    "tally_deltas",
    metadata,
    Column("delta_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("batch_id", Id, nullable=False),
    *_counts(),
    Index("ix_tally_deltas_batch_id", "batch_id"),
    # rows live for seconds: vacuumed by how many died, whatever the table holds
    postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 5000},
)

#: Of each account, what its batches' tallies do not hold any more; NULL is nothing. See `totals`.
totals = Table(
    "totals",
    metadata,
    Column("total_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account", String(NAME_CHARS), nullable=False),
    *(Column(name, BigInteger) for name in TOTALLED),
    Index("ix_totals_account", "account"),
)
