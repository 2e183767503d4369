"""Tallies made true again after workers of a version that does not count its moves were at work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
)

from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome
from dialer.ledger.columns import word
from dialer.ledger.tables import UNDRAINED, attempts, batches, calls, live, workers
from dialer.ledger.tally_tables import COUNTS, attempt_ended_with, closed_as, ended_with, tallies, tally_deltas

#: Versions before this schema move calls without counting that.
COUNTING_SINCE = "0004"
#: A batch that was over before this has been counted in its time.
LATELY = timedelta(hours=1)

_ONE, _ZERO = literal_column("1", Integer), literal_column("0", Integer)
_UNCOUNTING = or_(workers.c.revision.is_(None), workers.c.revision < COUNTING_SINCE)


def uncounting(connection: Connection) -> bool:
    """Whether such a worker may have moved anything since the last recount."""
    return connection.execute(select(workers.c.worker).where(_UNCOUNTING).limit(1)).first() is not None


def forget_the_gone(connection: Connection, now: datetime, dead_after: timedelta) -> None:
    """Those that are gone and have nothing left to write: what they moved is counted for good."""
    a, w = attempts.c, workers.c
    claims = select(a.call_id).where(live(), a.state == word(AttemptState.DIALING), a.worker == w.worker)
    is_gone = or_(w.stopped_at.is_not(None), w.beat_at < now - dead_after)
    connection.execute(delete(workers).where(_UNCOUNTING, is_gone, ~claims.correlate(workers).exists()))


def lately_moved(connection: Connection, now: datetime) -> list[str]:
    a, b = attempts.c, batches.c
    placed = select(a.call_id).where(a.batch_id == b.batch_id, a.placed_at.is_not(None), a.placed_at >= now - LATELY)
    moved = or_(UNDRAINED, b.completed_at >= now - LATELY, placed.correlate(batches).exists())
    return list(connection.execute(select(b.batch_id).where(moved).order_by(b.batch_id)).scalars().all())


def recount(connection: Connection, batch_id: str) -> bool:
    """Whether its tally had drifted. What is lacking is one more delta, reckoned in one statement from its rows and its
    tally as they are at one instant: moves go on meanwhile, and need not wait."""
    rows = select(*(_of_a_call(name).label(name) for name in COUNTS)).where(calls.c.batch_id == batch_id)
    ended = select(*(_of_an_attempt(name).label(name) for name in COUNTS)).where(attempts.c.batch_id == batch_id)
    folded = select(*(-tallies.c[name] for name in COUNTS)).where(tallies.c.batch_id == batch_id)
    fresh = select(*(-_none_is_zero(tally_deltas.c[name]) for name in COUNTS))
    parts = union_all(rows, ended, folded, fresh.where(tally_deltas.c.batch_id == batch_id)).subquery("parts")
    row = connection.execute(select(*(func.sum(parts.c[name]) for name in COUNTS))).one()
    delta = {name: int(by) for name, by in zip(COUNTS, row, strict=True) if by}
    if delta:
        connection.execute(insert(tally_deltas).values(batch_id=batch_id, **delta))
    return bool(delta)


def _none_is_zero(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(column, _ZERO)


def _of_a_call(name: str) -> ColumnElement[int]:
    """As `dialer.ledger.tallies.counted` says it."""
    c = calls.c
    if name == "total":
        return _ONE
    if name == "attempts":
        under_way = c.state.in_([word(CallState.IN_PROGRESS), word(CallState.UNKNOWN)])
        return c.attempts_spent - case((under_way, _ONE), else_=_ZERO)
    if name == "waiting":
        return case((c.state == word(CallState.WAITING), _ONE), else_=_ZERO)
    return case((_CALLS[name], _ONE), else_=_ZERO) if name in _CALLS else _ZERO


def _of_an_attempt(name: str) -> ColumnElement[int]:
    return case((_ATTEMPTS[name], _ONE), else_=_ZERO) if name in _ATTEMPTS else _ZERO


_CALLS: dict[str, ColumnElement[bool]] = {
    **{closed_as(reason): calls.c.close_reason == word(reason) for reason in CloseReason},
    **{ended_with(outcome): calls.c.outcome == word(outcome) for outcome in Outcome},
}
_ATTEMPTS: dict[str, ColumnElement[bool]] = {
    attempt_ended_with(outcome): attempts.c.outcome == word(outcome) for outcome in Outcome
}
