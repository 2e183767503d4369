"""Whole batches: found, listed, paused, resumed, terminated and started."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, case, func, select, update

from dialer.domain.batch import Batch, BatchName, Cohort
from dialer.domain.states import AttemptState, BatchState, CloseReason, Lane
from dialer.errors import BatchUnknown
from dialer.ledger.columns import clock, word, words
from dialer.ledger.loads import get, is_named, locked, resuming, rewrite
from dialer.ledger.moves import close_dialable, dialing, has_open_call
from dialer.ledger.outbox import add_words
from dialer.ledger.rezoning import rezone
from dialer.ledger.rows import batch_of, cohort_of
from dialer.ledger.tables import UNDRAINED, attempts, batches, calls, cohorts, live
from dialer.ledger.tallies import counts_of
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import NextSpan, ZonesOf

#: Calls that a terminate closes itself; the sweep closes the rest.
TERMINATE_CHUNK = 2000

_MAY_BECOME = {
    BatchState.PAUSED: (BatchState.DRAFT, BatchState.ACTIVE),
    BatchState.ACTIVE: (BatchState.PAUSED,),
    BatchState.TERMINATED: (BatchState.DRAFT, BatchState.ACTIVE, BatchState.PAUSED),
}
_WORDS = {BatchState.PAUSED: "pause", BatchState.ACTIVE: "resume", BatchState.TERMINATED: "terminate"}


class SqlBatches:
    """`dialer.ports.ledger.Batches`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def find(self, name: BatchName) -> Batch | None:
        tests_last = case((batches.c.lane == word(Lane.TEST), 1), else_=0)
        query = select(batches).where(*is_named(name)).order_by(tests_last, batches.c.batch_id.desc()).limit(1)
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else batch_of(row)

    def tests(self, name: BatchName) -> list[Batch]:
        b = batches.c
        of_name = select(batches).where(*is_named(name), b.lane == word(Lane.TEST)).order_by(b.batch_id.desc())
        is_over = b.state.in_(words([BatchState.COMPLETED, BatchState.TERMINATED]))
        its = (cohorts.c.batch_id == b.batch_id) & (cohorts.c.wire_exp > clock())
        may_be_held = select(cohorts.c.cohort_id).where(its).correlate(batches).exists()
        with self._transactions.read() as connection:
            rows = [
                *connection.execute(of_name.where(~is_over)).mappings().all(),
                *connection.execute(of_name.where(is_over, may_be_held).limit(1)).mappings().all(),
            ]
        return [batch_of(row) for row in rows]

    def get(self, batch_id: str) -> Batch | None:
        with self._transactions.read() as connection:
            try:
                return get(connection, batch_id)
            except BatchUnknown:
                return None

    def control(
        self, batch_id: str, wanted: BatchState, reason: str, by: str, *, relay: bool = False, above: int = 0
    ) -> tuple[Batch, int]:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            batch = locked(connection, batch_id)
            is_overtaken = batch.state is wanted and above > batch.control_seq
            if batch.state in _MAY_BECOME[wanted] or is_overtaken:
                rewrite(connection, batch_id, **_turned(batch, wanted, reason, by, above))
                if wanted is BatchState.TERMINATED:
                    now = now_of(connection)
                    close_dialable(connection, batch_id, CloseReason.TERMINATED, now, TERMINATE_CHUNK, reason)
                    rewrite(connection, batch_id, is_drained=not has_open_call(connection, batch_id))
            elif batch.state is not BatchState.COMPLETED:
                relay = False
            elif wanted is BatchState.ACTIVE:  # should it be opened again, it goes on
                rewrite(connection, batch_id, pause_reason=None, paused_by=None)
            if relay:  # of a completed batch, too: its provider may hold what was handed over
                add_words(connection, batch, _WORDS[wanted])
            in_flight = dialing(connection, calls.c.batch_id == batch_id)
            return get(connection, batch_id), in_flight

    def start(self, batch_id: str) -> Batch:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            if locked(connection, batch_id).state is BatchState.DRAFT:
                rewrite(connection, batch_id, state=BatchState.ACTIVE.value)
            return get(connection, batch_id)

    def unschedule(self, batch_id: str) -> bool:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            batch = locked(connection, batch_id)
            is_ahead = batch.state is BatchState.ACTIVE and batch.terms.nbf > now_of(connection)
            if not is_ahead or _was_tried(connection, batch_id):
                return False
            rewrite(connection, batch_id, state=BatchState.DRAFT.value)
            return True

    def rezone(self, batch_id: str, timezone: str, zones_of: ZonesOf, next_span: NextSpan) -> bool:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            batch = locked(connection, batch_id)
            is_ahead = batch.state is BatchState.ACTIVE and batch.terms.nbf > now_of(connection)
            if not (batch.state is BatchState.DRAFT or is_ahead) or _was_tried(connection, batch_id):
                return False
            rezone(connection, batch, timezone, zones_of, next_span)
            return True

    def hide(self, batch_id: str) -> bool:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            batch, now = locked(connection, batch_id), now_of(connection)
            if batch.state is BatchState.DRAFT:
                why = "deleted as a draft"
                rewrite(connection, batch_id, **_turned(batch, BatchState.TERMINATED, why, "user", 0))
                close_dialable(connection, batch_id, CloseReason.TERMINATED, now, TERMINATE_CHUNK, why)
                rewrite(connection, batch_id, is_drained=not has_open_call(connection, batch_id))
            elif batch.state not in (BatchState.COMPLETED, BatchState.TERMINATED):
                return False
            rewrite(connection, batch_id, hidden_at=now)
            return True

    def note_rejection(self, batch_id: str) -> int:
        counted = update(batches).where(batches.c.batch_id == batch_id).values(rejections=batches.c.rejections + 1)
        with self._transactions.write() as connection:
            return connection.execute(counted.returning(batches.c.rejections)).scalar_one_or_none() or 0

    def unknowns(self, batch_id: str, enough: int) -> tuple[int, int]:
        a = attempts.c
        # Without an answer there is no placed_at: those are dead workers', and say nothing of the provider.
        left = select(func.count()).where(
            live(), a.state == word(AttemptState.UNKNOWN), a.batch_id == batch_id, a.placed_at.is_not(None)
        )
        with self._transactions.read() as connection:
            unknowns = connection.execute(left).scalar_one()
            if unknowns <= enough:
                return unknowns, 0
            return unknowns, counts_of(connection, [batch_id])[batch_id]["total"]

    def cohorts(self, batch_id: str) -> list[Cohort]:
        query = select(cohorts).where(cohorts.c.batch_id == batch_id).order_by(cohorts.c.number)
        with self._transactions.read() as connection:
            return [cohort_of(row) for row in connection.execute(query).mappings().all()]

    def controlled(self) -> list[Batch]:
        b = batches.c
        was_controlled = (b.state == word(BatchState.ACTIVE)) & (b.control_seq > 0)
        halted = b.state.in_(words([BatchState.PAUSED, BatchState.TERMINATED]))
        query = select(batches).where(UNDRAINED, was_controlled | halted).order_by(b.batch_id)
        with self._transactions.read() as connection:
            return [batch_of(row) for row in connection.execute(query).mappings().all()]

    def page(
        self, workspace_id: str | None = None, state: str | None = None, after: str | None = None, limit: int = 500
    ) -> list[Batch]:
        query = select(batches).order_by(batches.c.batch_id.desc()).limit(limit)
        if workspace_id is not None:
            query = query.where(batches.c.workspace_id == workspace_id)
        if state is not None:
            query = query.where(*_in_outside_state(state))
        if after is not None:
            query = query.where(batches.c.batch_id < after)
        with self._transactions.read() as connection:
            return [batch_of(row) for row in connection.execute(query).mappings().all()]


def _was_tried(connection: Connection, batch_id: str) -> bool:
    """A claim was made for one of its calls, whatever came of it."""
    some = select(calls.c.call_id).where(calls.c.batch_id == batch_id, calls.c.claim_seq > 0).limit(1)
    return connection.execute(some).first() is not None


def _turned(batch: Batch, wanted: BatchState, reason: str, by: str, above: int) -> dict[str, Any]:
    if wanted is BatchState.ACTIVE:
        return resuming(batch)
    columns = {"state": wanted.value, "control_seq": max(batch.control_seq, above) + 1}
    if wanted is BatchState.PAUSED:
        return columns | {"pause_reason": reason, "paused_by": by}
    return columns | {"pause_reason": reason, "paused_by": by}


def _in_outside_state(state: str) -> tuple[Any, ...]:
    """`active` reads scheduled before nbf, and running from then on."""
    is_active = batches.c.state == word(BatchState.ACTIVE)
    if state == "scheduled":
        return is_active, batches.c.nbf > clock()
    if state == "running":
        return is_active, batches.c.nbf <= clock()
    return (batches.c.state == state,)
