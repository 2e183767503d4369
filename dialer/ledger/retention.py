"""Batches that are not kept: read whole, sealed in one transaction, then emptied chunk by chunk.

Sealing is the point of no return: what stays of a batch is written and its row removed, so that nobody finds it any
more; its calls are then nobody's, and are removed whenever somebody gets to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, not_, select, update

from dialer.domain.states import BatchState
from dialer.ledger.books import keep_sums
from dialer.ledger.client_tables import notices
from dialer.ledger.columns import words
from dialer.ledger.moves import has_open_call
from dialer.ledger.tables import (
    attempts,
    batches,
    calls,
    cohorts,
    decisions,
    live,
    outbox,
    schedules,
)
from dialer.ledger.tally_tables import tallies, tally_deltas
from dialer.ledger.totals import keep_tally
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.upkeep_tables import alerts, pruned, tidings
from dialer.ports.upkeep import Row

_OVER = (BatchState.COMPLETED, BatchState.TERMINATED)
_OF_BATCH: tuple[Table, ...] = (schedules, outbox, cohorts, tallies, tally_deltas)


class SqlRetention:
    """`dialer.ports.upkeep.Retention`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def prunable(self, older: timedelta, after: str | None, limit: int) -> list[str]:
        b = batches.c
        with self._transactions.read() as connection:
            now = now_of(connection)
            query = select(b.batch_id).where(*_is_past(now, older)).order_by(b.batch_id).limit(limit)
            return list(connection.execute(query if after is None else query.where(b.batch_id > after)).scalars().all())

    def whole(self, batch_id: str) -> Row | None:
        with self._transactions.read() as connection:
            row = connection.execute(select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
            if row is None:
                return None
            of_batch = {table.name: _rows(connection, table, batch_id) for table in (cohorts, schedules, outbox)}
        return {"batch": dict(row), **of_batch}

    def page(self, batch_id: str, after: str | None, limit: int) -> list[Row]:
        c = calls.c
        query = select(calls).where(c.batch_id == batch_id).order_by(c.call_id).limit(limit)
        with self._transactions.read() as connection:
            rows = connection.execute(query if after is None else query.where(c.call_id > after)).mappings().all()
            ids = [row[c.call_id] for row in rows]
            tried = _by_call(connection, attempts, ids)
            decided = _by_call(connection, decisions, ids)
        return [
            {"call": dict(row), "attempts": tried.get(call_id, []), "decisions": decided.get(call_id, [])}
            for row, call_id in zip(rows, ids, strict=True)
        ]

    def seal(self, batch_id: str, older: timedelta, archive: str) -> bool:
        b = batches.c
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            now = now_of(connection)
            still = select(batches, _closed_at().label("closed_at")).where(b.batch_id == batch_id)
            row = connection.execute(still.where(*_is_past(now, older)).with_for_update(of=batches)).mappings().first()
            if row is None or has_open_call(connection, batch_id) or _has_live_attempt(connection, batch_id):
                return False
            connection.execute(insert(pruned).values(**_identity(connection, row), archive=archive, pruned_at=now))
            keep_sums(connection, batch_id)
            keep_tally(connection, batch_id)
            for table in _OF_BATCH:
                connection.execute(delete(table).where(table.c.batch_id == batch_id))
            connection.execute(delete(batches).where(b.batch_id == batch_id))
            return True

    def unfinished(self) -> list[str]:
        query = select(pruned.c.batch_id).where(pruned.c.emptied_at.is_(None)).order_by(pruned.c.batch_id)
        with self._transactions.read() as connection:
            return list(connection.execute(query).scalars().all())

    def empty(self, batch_id: str, limit: int) -> int:
        c = calls.c
        with self._transactions.write() as connection:
            if not _is_sealed(connection, batch_id):
                return 0
            chosen = select(c.call_id).where(c.batch_id == batch_id).order_by(c.call_id)
            ids = list(connection.execute(chosen.limit(limit)).scalars().all())
            for table in (decisions, notices, attempts, calls):
                connection.execute(delete(table).where(table.c.call_id.in_(ids)))
            if len(ids) < limit:
                for of_batch in (tallies, tally_deltas):  # a fold may have been under way
                    connection.execute(delete(of_batch).where(of_batch.c.batch_id == batch_id))
                this = update(pruned).where(pruned.c.batch_id == batch_id, pruned.c.emptied_at.is_(None))
                connection.execute(this.values(emptied_at=now_of(connection)))
            return len(ids)

    def forget_alerts(self, older: timedelta) -> int:
        a, t = alerts.c, tidings.c
        with self._transactions.write() as connection:
            waiting = select(t.tiding_id).where(t.alert_id == a.alert_id, t.due_at.is_not(None))
            is_old = and_(a.over_at.is_not(None), a.over_at <= now_of(connection) - older)
            query = select(a.alert_id).where(is_old, ~waiting.correlate(alerts).exists())
            ids = list(connection.execute(query).scalars().all())
            for table in (tidings, alerts):
                connection.execute(delete(table).where(table.c.alert_id.in_(ids)))
            return len(ids)


def _is_past(now: datetime, older: timedelta) -> tuple[ColumnElement[bool], ...]:
    """Over for so long, and nobody is still to be told of anything about it."""
    b, runs = batches.c, batches.alias("runs")
    run = select(runs.c.batch_id).where(runs.c.template_id == b.batch_id)
    word = select(outbox.c.entry_id).where(outbox.c.batch_id == b.batch_id, outbox.c.done_at.is_(None))
    a, n = attempts.c, notices.c
    held = select(a.call_id).where(a.batch_id == b.batch_id, a.held_until.is_not(None), a.held_until > now)
    untold = select(calls.c.batch_id).join_from(notices, calls, calls.c.call_id == n.call_id)
    in_the_way = (each.correlate(batches).exists() for each in (run, word, held))
    return (
        b.state.in_(words(_OVER)),
        b.is_drained,
        not_(b.is_loading),
        b.created_at <= now - older,
        _closed_at() <= now - older,
        *(not_(each) for each in in_the_way),
        b.batch_id.not_in(untold.where(n.due_at.is_not(None))),
    )


def _closed_at() -> ColumnElement[Any]:
    """A terminated batch is over with its last call."""
    last = select(func.max(calls.c.closed_at)).where(calls.c.batch_id == batches.c.batch_id)
    return func.coalesce(batches.c.completed_at, last.correlate(batches).scalar_subquery(), batches.c.created_at)


def _has_live_attempt(connection: Connection, batch_id: str) -> bool:
    query = select(attempts.c.call_id).where(live(), attempts.c.batch_id == batch_id).limit(1)
    return connection.execute(query).first() is not None


def _is_sealed(connection: Connection, batch_id: str) -> bool:
    """Never a call of a batch that is there."""
    query = select(pruned.c.batch_id).where(pruned.c.batch_id == batch_id, pruned.c.emptied_at.is_(None))
    return connection.execute(query).first() is not None


def _identity(connection: Connection, row: Any) -> dict[str, Any]:
    b = batches.c
    count = connection.execute(select(func.count()).where(calls.c.batch_id == row[b.batch_id])).scalar_one()
    names = (b.batch_id, b.workspace_id, b.agent_id, b.batch_ref, b.account, b.lane, b.state, b.created_at)
    return {column.name: row[column] for column in names} | {"calls": count, "closed_at": row["closed_at"]}


def _rows(connection: Connection, table: Table, batch_id: str) -> list[Row]:
    query = select(table).where(table.c.batch_id == batch_id).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings().all()]


def _by_call(connection: Connection, table: Table, call_ids: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    query = select(table).where(table.c.call_id.in_(call_ids)).order_by(*table.primary_key.columns)
    for row in connection.execute(query).mappings().all():
        found.setdefault(row[table.c.call_id], []).append(dict(row))
    return found
