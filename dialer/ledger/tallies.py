"""What each move changes in its batch's tally, written in the move's own transaction, and folded into sums later.

Appended, never updated: moves of one batch do not wait for each other, and what a crash undoes it undoes with its move.
What is few (queued, dialing, in progress, unknown) is counted by its rows, and `ready` is what remains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
)

from dialer.domain.states import CallState, CloseReason, Outcome
from dialer.ledger.backend import Backend
from dialer.ledger.columns import word
from dialer.ledger.direct import Direct, Statement
from dialer.ledger.tables import IN_FLIGHT, calls, in_flight
from dialer.ledger.tally_tables import COUNTS, closed_as, ended_with, tallies, tally_deltas
from dialer.ledger.totals import keep_endings

#: What a batch's counts are changed by.
Change = Mapping[str, int]

#: Of these, the attempt under way is counted by the row.
_ATTEMPT_UNDER_WAY = (CallState.IN_PROGRESS, CallState.UNKNOWN)


def counted(
    state: CallState,
    close_reason: CloseReason | str | None = None,
    outcome: Outcome | str | None = None,
    attempts_spent: int = 0,
) -> dict[str, int]:
    """What one call that stands so adds to its batch's counts, besides being one of them."""
    counts = {"attempts": attempts_spent - (state in _ATTEMPT_UNDER_WAY)}
    if state is CallState.WAITING:
        counts["waiting"] = 1
    if close_reason is not None:
        counts[closed_as(CloseReason(close_reason))] = 1
    if outcome is not None:
        counts[ended_with(Outcome(outcome))] = 1
    return counts


def difference(before: Change, after: Change) -> Change:
    return {name: after.get(name, 0) - before.get(name, 0) for name in {**before, **after}}


def add_delta(connection: Connection, batch_id: str, change: Change, times: int = 1) -> None:
    """What `times` such moves have changed; no row, where they changed nothing that is counted so."""
    delta = {name: by * times for name, by in change.items() if by * times}
    if delta:
        connection.execute(insert(tally_deltas).values(batch_id=batch_id, **delta))
        keep_endings(connection, batch_id, delta)


def note_change(direct: Direct, batch_id: str, change: Change) -> None:
    """What one move of a dispatch has changed."""
    delta = {name: by for name, by in change.items() if by}
    if delta:
        direct.write(_noting(tuple(delta)), {"batch_id": batch_id, **delta})


@cache
def _noting(names: tuple[str, ...]) -> Statement:
    return Statement(insert(tally_deltas).inline().values({name: bindparam(name) for name in ("batch_id", *names)}))


def add_deltas(connection: Connection, change: Change, times: Mapping[str, int]) -> None:
    """The same change in several batches, in each as many times as it says."""
    rows = [{"batch_id": batch, **{name: by * count for name, by in change.items()}} for batch, count in times.items()]
    if rows:
        connection.execute(insert(tally_deltas), rows)


def fold(connection: Connection, backend: Backend, limit: int) -> int:
    """Up to `limit` deltas become part of their batches' sums, in this transaction; how many."""
    d = tally_deltas.c
    oldest = (
        select(d.delta_id)
        .order_by(d.delta_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("oldest")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    takes = delete(tally_deltas).where(d.delta_id.in_(select(oldest.c.delta_id)))
    rows = connection.execute(takes.returning(d.batch_id, *(d[name] for name in COUNTS))).all()
    sums: dict[str, list[int]] = {}
    for batch_id, *changes in rows:
        so_far = sums.get(batch_id, [0] * len(COUNTS))
        sums[batch_id] = [total + (change or 0) for total, change in zip(so_far, changes, strict=True)]
    for batch_id in sorted(sums):  # in one order: two folds at once must not wait for each other crosswise
        _add(connection, backend, batch_id, dict(zip(COUNTS, sums[batch_id], strict=True)))
    return len(rows)


def counts_of(connection: Connection, batch_ids: Sequence[str]) -> dict[str, Counter[str]]:
    """Every count of each batch, and the calls in each of the few states: one statement, so that they agree."""
    found: dict[str, Counter[str]] = {batch_id: Counter() for batch_id in batch_ids}
    for batch_id, *sums in connection.execute(_COUNTS_OF, {"batch_ids": list(batch_ids)}).all():
        found[batch_id].update({name: int(total or 0) for name, total in zip(_COUNTED, sums, strict=True)})
    return found


_ONE, _ZERO = literal_column("1", Integer), literal_column("0", Integer)


def _counts_of() -> Select[Any]:
    these: BindParameter[Any] = bindparam("batch_ids", expanding=True)
    few = [func.sum(case((calls.c.state == word(state), _ONE), else_=_ZERO)).label(state) for state in IN_FLIGHT]
    none, no_few = [_ZERO.label(name) for name in COUNTS], [_ZERO.label(state) for state in IN_FLIGHT]
    folded = select(tallies.c.batch_id, *(tallies.c[name] for name in COUNTS), *no_few)
    fresh = select(tally_deltas.c.batch_id, *(tally_deltas.c[name] for name in COUNTS), *no_few)
    by_rows = select(calls.c.batch_id, *none, *few).where(in_flight(), calls.c.batch_id.in_(these))
    parts = union_all(
        folded.where(tallies.c.batch_id.in_(these)),
        fresh.where(tally_deltas.c.batch_id.in_(these)),
        by_rows.group_by(calls.c.batch_id),
    ).subquery("parts")
    return select(parts.c.batch_id, *(func.sum(parts.c[name]) for name in _COUNTED)).group_by(parts.c.batch_id)


_COUNTED = (*COUNTS, *(state.value for state in IN_FLIGHT))
_COUNTS_OF = _counts_of()


def _add(connection: Connection, backend: Backend, batch_id: str, counts: Change) -> None:
    upsert = backend.insert(tallies).values(batch_id=batch_id, **counts)
    added: dict[str, Any] = {name: tallies.c[name] + upsert.excluded[name] for name in COUNTS}
    connection.execute(upsert.on_conflict_do_update(index_elements=["batch_id"], set_=added))
