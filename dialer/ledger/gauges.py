"""The ledger in figures: from the rows in flight, the tallies of batches, and the heads of open cohorts."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, union_all

from dialer.domain.figures import LedgerFigures
from dialer.domain.states import BatchState, CallState, CloseReason, Lane, Outcome
from dialer.ledger.client_tables import notices
from dialer.ledger.columns import Instant, word
from dialer.ledger.rows import LANE
from dialer.ledger.tables import IN_FLIGHT, UNDRAINED, batches, calls, cohorts, holds, in_flight
from dialer.ledger.tally_tables import TOTALLED, attempt_ended_with, closed_as, tallies, tally_deltas, totals
from dialer.ledger.transactions import Transactions, now_of


class SqlGauges:
    """`dialer.ports.upkeep.Gauges`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def read(self) -> LedgerFigures:
        with self._transactions.read() as connection:
            attempts, closed = _ended(connection)
            states, look_ahead = _in_flight(connection)
            lag = _due_lag(connection, now_of(connection))
            return LedgerFigures(attempts, closed, states, look_ahead, lag, *_notices(connection))


def _ended(connection: Connection) -> tuple[dict[str, dict[Outcome, int]], dict[str, dict[CloseReason, int]]]:
    """Attempts by outcome and calls by close reason, of each account: all that ever ended."""
    gone = select(totals.c.account, *(func.sum(totals.c[name]).label(name) for name in TOTALLED))
    sources = (*map(_sums_by_account, (tallies, tally_deltas)), gone.group_by(totals.c.account))
    parts = union_all(*sources).subquery("parts")
    sums = select(parts.c.account, *(func.sum(parts.c[name]).label(name) for name in TOTALLED))
    attempts: dict[str, dict[Outcome, int]] = {}
    closed: dict[str, dict[CloseReason, int]] = {}
    for row in connection.execute(sums.group_by(parts.c.account)).mappings():
        attempts[row["account"]] = {one: int(row[attempt_ended_with(one)] or 0) for one in Outcome}
        closed[row["account"]] = {one: int(row[closed_as(one)] or 0) for one in CloseReason}
    return attempts, closed


def _sums_by_account(table: Any) -> Select[Any]:
    sums = (func.sum(table.c[name]).label(name) for name in TOTALLED)
    joined = select(batches.c.account, *sums).join_from(table, batches, batches.c.batch_id == table.c.batch_id)
    return joined.group_by(batches.c.account)


def _notices(connection: Connection) -> list[int]:
    """Those that wait, and those that were given up; each by a partial index."""
    n = notices.c
    count = select(func.count()).select_from(notices)
    return [connection.execute(count.where(column.is_not(None))).scalar_one() for column in (n.due_at, n.dead_at)]


def _in_flight(connection: Connection) -> tuple[dict[str, dict[CallState, int]], dict[Lane, int]]:
    """Calls of each account by state, and the queued ones of all by lane."""
    lane = LANE.label("of_lane")
    query = (
        select(batches.c.account, calls.c.state, lane, func.count())
        .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
        .where(in_flight())
        .group_by(batches.c.account, calls.c.state, lane)
    )
    states: dict[str, dict[CallState, int]] = defaultdict(lambda: dict.fromkeys(IN_FLIGHT, 0))
    look_ahead = dict.fromkeys(Lane, 0)
    for account, state, of_lane, count in connection.execute(query).all():
        states[account][CallState(state)] += count
        if state == CallState.QUEUED:
            look_ahead[Lane(of_lane)] += count
    return dict(states), look_ahead


def _due_lag(connection: Connection, now: datetime) -> dict[str, timedelta]:
    """How long the longest overdue call of each account has been due, its window open, and nothing holding it."""
    overdue: dict[str, timedelta] = {}
    for account, opens_at, *heads in connection.execute(_HEADS, {"now": now}).all():
        due = min((at for at in heads if at is not None), default=None)
        if due is not None and due <= now:
            overdue[account] = max(overdue.get(account, timedelta(0)), now - max(due, opens_at))
    return overdue


def _head(lane: Lane | None) -> ColumnElement[Any]:
    """The earliest due call of a cohort in one lane of its own, or in its batch's: one look into the index."""
    c = calls.c
    of_lane = c.lane.is_(None) if lane is None else c.lane == word(lane)
    ready = select(c.due_at).where(c.cohort_id == cohorts.c.cohort_id, c.state == word(CallState.READY), of_lane)
    return ready.order_by(c.lane, c.due_at, c.call_id).limit(1).correlate(cohorts).scalar_subquery()


def _heads() -> Select[Any]:
    now = bindparam("now", type_=Instant())
    b, k = batches.c, cohorts.c
    held = holds.c.is_on & or_(
        holds.c.scope == "all",
        and_(holds.c.scope == "workspace", holds.c.key == b.workspace_id),
        and_(holds.c.scope == "account", holds.c.key == b.account),
    )
    return (
        select(b.account, k.opens_at, *(_head(lane).label(f"lane_{lane}") for lane in (None, *Lane)))
        .join_from(batches, cohorts, k.batch_id == b.batch_id)
        .where(b.state == word(BatchState.ACTIVE), UNDRAINED, b.is_loaded, b.cron.is_(None))
        .where(k.opens_at <= now, k.closes_at > now, ~select(holds.c.scope).where(held).correlate(batches).exists())
    )


_HEADS = _heads()
