"""What clients of the HTTP dialects see: batches of a workspace with their progress, and its calls, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal_column, or_, select

from dialer.domain.states import BatchState, CallState, CloseReason, Lane
from dialer.domain.view import (
    SINGLE_PREFIX,
    STATUS_OF_CLOSED,
    STATUS_OF_EXHAUSTED,
    STATUS_OF_OPEN,
    UNTOLD,
    BatchProgress,
    BatchQuery,
    BatchView,
    CallQuery,
    CallStatus,
    CallView,
    Stage,
)
from dialer.ledger.columns import word, words
from dialer.ledger.reading import records
from dialer.ledger.rows import batch_of
from dialer.ledger.tables import attempts, batches, calls
from dialer.ledger.transactions import Transactions, now_of

#: Requests of these states left, or may have.
_SENT_STATES = (CallState.IN_PROGRESS, CallState.UNKNOWN)


class SqlViews:
    """`dialer.ports.clients.Views`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def batch(self, workspace_id: str, batch_id: str) -> BatchView | None:
        with self._transactions.read() as connection:
            found = self._views(connection, [*_is_shown(workspace_id), batches.c.batch_id == batch_id])
        return next(iter(found), None)

    def batches(self, wanted: BatchQuery) -> list[BatchView]:
        with self._transactions.read() as connection:
            return self._views(connection, _wanted(connection, wanted), wanted)

    def count(self, wanted: BatchQuery) -> int:
        with self._transactions.read() as connection:
            query = select(func.count()).select_from(batches).where(*_wanted(connection, wanted))
            return connection.execute(query).scalar_one()

    def call(self, workspace_id: str, call_id: str) -> CallView | None:
        with self._transactions.read() as connection:
            found = _call_views(connection, [call_id])
        return next((view for view in found if view.batch.terms.name.workspace_id == workspace_id), None)

    def calls(self, wanted: CallQuery) -> list[CallView]:
        c, b = calls.c, batches.c
        # Asked of each call, newest first, until there are enough: a join would read and sort all of the workspace's.
        is_ours: Select[Any] = select(literal_column("1")).where(
            b.batch_id == c.batch_id, b.workspace_id == wanted.workspace_id
        )
        if wanted.agent_id is not None:
            is_ours = is_ours.where(b.agent_id == wanted.agent_id)
        query = select(c.call_id).where(is_ours.correlate(calls).exists())
        if wanted.batch_id is not None:
            query = query.where(c.batch_id == wanted.batch_id)
        if wanted.status is not None:
            query = query.where(_has_status(wanted.status))
        with self._transactions.read() as connection:
            found = connection.execute(query.order_by(c.call_id.desc()).limit(wanted.limit)).scalars().all()
            return _call_views(connection, found)

    def _views(
        self, connection: Connection, where: Sequence[ColumnElement[bool]], wanted: BatchQuery | None = None
    ) -> list[BatchView]:
        order = batches.c.batch_id if wanted and wanted.oldest_first else batches.c.batch_id.desc()
        query = select(batches).where(*where).order_by(order)
        if wanted is not None:
            query = query.limit(wanted.limit).offset(wanted.page * wanted.limit)
        found = [batch_of(row) for row in connection.execute(query).mappings().all()]
        progress = progress_of(connection, [batch.batch_id for batch in found])
        now = now_of(connection)
        return [BatchView(batch, progress.get(batch.batch_id, BatchProgress()), now) for batch in found]


def progress_of(connection: Connection, batch_ids: Sequence[str]) -> dict[str, BatchProgress]:
    """By batch id, from rows; a batch without calls has no entry."""
    c, a = calls.c, attempts.c
    tried = or_(c.attempts_spent > 0, c.state.in_(words(_SENT_STATES)))
    reached = c.close_reason == word(CloseReason.REACHED)
    over = and_(c.state == word(CallState.CLOSED), c.close_reason.not_in(words(UNTOLD)))
    counted = select(c.batch_id, func.count(), *map(_how_many, (tried, reached, over)))
    latest = select(a.batch_id, func.sum(a.credits_charged), func.max(a.placed_at))
    placed = (a.batch_id.in_(batch_ids), a.placed_at.is_not(None))
    charges = {
        batch_id: (charged, at)
        for batch_id, charged, at in connection.execute(latest.where(*placed).group_by(a.batch_id)).all()
    }
    rows = connection.execute(counted.where(c.batch_id.in_(batch_ids)).group_by(c.batch_id)).all()
    none = (None, None)
    return {
        batch_id: BatchProgress(total, tried, reached, over, *charges.get(batch_id, none))
        for batch_id, total, tried, reached, over in rows
    }


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, literal_column("1")), else_=literal_column("0")))


def _is_shown(workspace_id: str) -> list[ColumnElement[bool]]:
    """What was loaded as a list and not deleted: no test calls, no single calls."""
    b = batches.c
    return [
        b.workspace_id == workspace_id,
        b.lane != word(Lane.TEST),
        b.hidden_at.is_(None),
        # an id of 36 characters behind it
        b.batch_ref.not_like(SINGLE_PREFIX + "_" * 8 + "-____-____-____-" + "_" * 12),
    ]


def _wanted(connection: Connection, wanted: BatchQuery) -> list[ColumnElement[bool]]:
    b = batches.c
    where = _is_shown(wanted.workspace_id)
    if wanted.agent_id is not None:
        where.append(b.agent_id == wanted.agent_id)
    if wanted.name is not None:
        where.append(func.coalesce(func.nullif(b.title, ""), b.batch_ref) == wanted.name)
    if wanted.stage is not None:
        where.append(_is_at(wanted.stage, connection))
    return where


def _is_at(stage: Stage, connection: Connection) -> ColumnElement[bool]:
    """As `BatchView.stage` tells it, in SQL."""
    b, c = batches.c, calls.c
    is_ahead = and_(b.state.in_(words([BatchState.ACTIVE, BatchState.PAUSED])), b.nbf > now_of(connection))
    untold = or_(c.state != word(CallState.CLOSED), c.close_reason.in_(words(UNTOLD)))
    is_over = ~select(c.call_id).where(c.batch_id == b.batch_id, untold).correlate(batches).exists()
    stages = {
        Stage.DRAFT: b.state == word(BatchState.DRAFT),
        Stage.SCHEDULED: is_ahead,
        Stage.COMPLETED: and_(b.state == word(BatchState.COMPLETED), is_over),
        Stage.FAILED: and_(b.state == word(BatchState.TERMINATED), is_over),
    }
    return stages[stage] if stage in stages else ~or_(*stages.values())


def _has_status(status: CallStatus) -> ColumnElement[bool]:
    """As `status_of` tells it, in SQL."""
    c = calls.c
    open_states = [state for state, told in STATUS_OF_OPEN.items() if told is status]
    reasons = [reason for reason, told in STATUS_OF_CLOSED.items() if told is status]
    where: list[ColumnElement[bool]] = [c.state.in_(words(open_states))] if open_states else []
    if reasons:
        where.append(c.close_reason.in_(words(reasons)))
    is_exhausted = c.close_reason == word(CloseReason.EXHAUSTED)
    outcomes = [outcome for outcome, told in STATUS_OF_EXHAUSTED.items() if told is status]
    if outcomes:
        where.append(and_(is_exhausted, c.outcome.in_(words(outcomes))))
    if status is CallStatus.FAILED:
        where.append(and_(is_exhausted, or_(c.outcome.is_(None), c.outcome.not_in(words(STATUS_OF_EXHAUSTED)))))
    return or_(*where)


def _call_views(connection: Connection, call_ids: Sequence[str]) -> list[CallView]:
    """In this order; what is not there is left out."""
    c, b = calls.c, batches.c
    query: Any = select(batches, c.call_id, c.created_at.label("made_at"))
    query = query.join_from(calls, batches, b.batch_id == c.batch_id).where(c.call_id.in_(call_ids))
    rows = {row[c.call_id]: row for row in connection.execute(query).mappings().all()}
    found = {record.call_id: record for record in records(connection, call_ids)}
    return [CallView(found[one], batch_of(rows[one]), rows[one]["made_at"]) for one in call_ids if one in rows]
