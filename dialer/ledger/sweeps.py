"""Bulk moves of the scheduler, each bounded, each safe to repeat, each passing by the rows that somebody else holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, not_, or_, select, update

from dialer.domain.call import Queued
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Lane
from dialer.ledger.columns import word, words
from dialer.ledger.loads import complete_if_over, locked, rewrite
from dialer.ledger.moves import close_dialable, has_open_call, move
from dialer.ledger.recounts import forget_the_gone, lately_moved, recount, uncounting
from dialer.ledger.rows import LANE
from dialer.ledger.tables import UNDRAINED, attempts, batches, calls, in_flight, live, workers
from dialer.ledger.tallies import add_deltas, counted, difference, fold
from dialer.ledger.transactions import Transactions, now_of

#: Contract section 6: unknowns are asked about after 5 s first.
FIRST_LOOK = timedelta(seconds=5)
#: A living worker holds an answer no longer than this past its deadline, however long the ledger was away.
FORSAKEN = timedelta(minutes=2)
#: Batches that one sweep goes through.
BATCHES_AT_ONCE = 200

_RUNNING = (BatchState.ACTIVE, BatchState.PAUSED)
_MAY_EXPIRE = (BatchState.DRAFT, *_RUNNING)


class SqlSweeps:
    """`dialer.ports.ledger.Sweeps`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def promote(self, limit: int) -> int:
        c = calls.c
        with self._transactions.write() as connection:
            # Bound, not clock(): the index condition needs an instant that stays.
            is_due = c.due_at.is_not(None) & (c.due_at <= now_of(connection))
            due = select(c.call_id).where(c.state == word(CallState.WAITING), is_due).order_by(c.due_at).limit(limit)
            chosen = due.with_for_update(skip_locked=True).cte("chosen")
            promotes = move([CallState.WAITING], CallState.READY).where(c.call_id.in_(select(chosen.c.call_id)))
            promoted = Counter(connection.execute(promotes.returning(c.batch_id)).scalars())
            add_deltas(connection, difference(counted(CallState.WAITING), counted(CallState.READY)), promoted)
            return promoted.total()

    def stale_queued(self, older: timedelta, limit: int) -> list[Queued]:
        c = calls.c
        with self._transactions.write() as connection:
            now = now_of(connection)
            stale = (
                select(c.call_id, c.push_seq, LANE.label("own_lane"))
                .join_from(calls, batches, batches.c.batch_id == c.batch_id)
                .where(in_flight(), c.state == word(CallState.QUEUED), c.queued_at <= now - older)
                .order_by(c.queued_at)
                .limit(limit)
                .with_for_update(of=calls, skip_locked=True)
            )
            rows = connection.execute(stale).all()
            if rows:
                pushed = move([CallState.QUEUED], CallState.QUEUED).where(c.call_id.in_([row.call_id for row in rows]))
                connection.execute(pushed.values(push_seq=c.push_seq + 1, queued_at=now))
        return [Queued(call_id, push_seq + 1, Lane(lane)) for call_id, push_seq, lane in rows]

    def orphans(self, dead_after: timedelta, limit: int) -> list[tuple[str, str]]:
        with self._transactions.write() as connection:
            rows = _orphans(connection, dead_after, limit)
            if rows:
                _lose(connection, [row.call_id for row in rows])
        return [(row.account, row.reference) for row in rows]

    def expired(self, limit: int) -> int:
        with self._transactions.read() as connection:
            over = select(batches.c.batch_id).where(
                UNDRAINED, batches.c.state.in_(words(_MAY_EXPIRE)), batches.c.exp <= now_of(connection)
            )
            found = connection.execute(over.order_by(batches.c.exp).limit(BATCHES_AT_ONCE)).scalars().all()
        return self._close_all(found, CloseReason.EXPIRED, limit)

    def terminated(self, limit: int) -> int:
        over = select(batches.c.batch_id).where(UNDRAINED, batches.c.state == word(BatchState.TERMINATED))
        with self._transactions.read() as connection:
            found = connection.execute(over.limit(BATCHES_AT_ONCE)).scalars().all()
        return self._close_all(found, CloseReason.TERMINATED, limit)

    def fold(self, limit: int) -> int:
        with self._transactions.write() as connection:
            return fold(connection, self._transactions.backend, limit)

    def recount(self, dead_after: timedelta) -> list[str]:
        with self._transactions.read() as connection:
            if not uncounting(connection):
                return []
            now = now_of(connection)
            moved_lately = lately_moved(connection, now)
        drifted = [batch_id for batch_id in moved_lately if self._recount(batch_id)]
        with self._transactions.write() as connection:
            # Gone before the first batch was counted, so that nothing of theirs came after it.
            forget_the_gone(connection, now, dead_after)
        return drifted

    def _recount(self, batch_id: str) -> bool:
        with self._transactions.write() as connection:
            return recount(connection, batch_id)

    def complete(self) -> list[str]:
        running = select(batches.c.batch_id).where(
            UNDRAINED,
            batches.c.state.in_(words(_RUNNING)),
            not_(_any_open_call()),
        )
        all_in = and_(batches.c.is_loaded, not_(batches.c.is_loading), batches.c.cron.is_(None))
        with self._transactions.read() as connection:
            over = running.where(or_(all_in, batches.c.exp <= now_of(connection)))
            found = connection.execute(over).scalars().all()
        return [batch_id for batch_id in found if self._complete(batch_id)]

    def _complete(self, batch_id: str) -> bool:
        with self._transactions.write() as connection:
            # Exclusive: a load or a requeue that opens calls meanwhile must not be overlooked.
            self._transactions.backend.exclude(connection, batch_id)
            batch = locked(connection, batch_id)
            return complete_if_over(connection, batch, now_of(connection))

    def _close_all(self, batch_ids: Iterable[str], reason: CloseReason, limit: int) -> int:
        closed = 0
        for batch_id in batch_ids:
            if closed >= limit:
                break
            with self._transactions.write() as connection:
                self._transactions.backend.share(connection, batch_id)
                closed += _close_batch(connection, batch_id, reason, limit - closed)
        return closed


def _close_batch(connection: Connection, batch_id: str, reason: CloseReason, limit: int) -> int:
    """The batch was chosen a moment ago: its state and exp are read again, lest a re-load has moved them since."""
    batch, now = locked(connection, batch_id), now_of(connection)
    is_terminated = batch.state is BatchState.TERMINATED
    if is_terminated is not (reason is CloseReason.TERMINATED) or not (is_terminated or batch.terms.exp <= now):
        return 0
    closed = close_dialable(connection, batch_id, reason, now, limit)
    if closed < limit and batch.state not in _RUNNING and not has_open_call(connection, batch_id):
        rewrite(connection, batch_id, is_drained=True)  # running ones complete, which says the same
    return closed


def _any_open_call() -> Any:
    open_states = [state for state in CallState if state is not CallState.CLOSED]
    some = select(calls.c.call_id).where(calls.c.batch_id == batches.c.batch_id, calls.c.state.in_(words(open_states)))
    return some.correlate(batches).exists()


def _orphans(connection: Connection, dead_after: timedelta, limit: int) -> Any:
    """Dialing past their deadline, their worker proven dead by heartbeat or boot id; or so long past it that even a
    living worker has given up writing its answer down. Its answer would still be taken: it names its claim."""
    a, w = attempts.c, workers.c
    now = now_of(connection)
    is_dead = or_(w.worker.is_(None), w.boot_id != a.boot_id, w.stopped_at.is_not(None), w.beat_at < now - dead_after)
    query = (
        select(a.account, a.reference, a.call_id)
        .join_from(attempts, calls, and_(calls.c.call_id == a.call_id, calls.c.claim_id == a.claim_id))
        .join(workers, w.worker == a.worker, isouter=True)
        .where(
            live(),
            a.state == word(AttemptState.DIALING),
            a.deadline_at < now,
            or_(is_dead, a.deadline_at < now - FORSAKEN),
        )
        .where(calls.c.state == word(CallState.DIALING))
        .order_by(a.deadline_at)
        .limit(limit)
        .with_for_update(of=calls, skip_locked=True)
    )
    return connection.execute(query).all()


def _lose(connection: Connection, call_ids: list[str]) -> None:
    """dialing → unknown. It may have reached the provider, so an attempt is spent."""
    a, c, now = attempts.c, calls.c, now_of(connection)
    loses = move([CallState.DIALING], CallState.UNKNOWN).where(c.call_id.in_(call_ids))
    connection.execute(loses.values(attempts_spent=c.attempts_spent + 1, why="its worker died"))
    lost = update(attempts).where(a.call_id.in_(call_ids), live(), a.state == word(AttemptState.DIALING))
    why = "its worker died before it recorded an answer"
    connection.execute(
        lost.values(state=word(AttemptState.UNKNOWN), since_at=now, next_look_at=now + FIRST_LOOK, detail=why)
    )
