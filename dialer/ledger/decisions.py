"""What operators decide about calls that are over or unknown: dialed again, or taken for placed; each is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, func, insert, or_, select, update

from dialer.domain.batch import Batch
from dialer.domain.call import OpenAttempt
from dialer.domain.states import UNSPENT_ATTEMPTS, AttemptState, BatchState, CallState, CloseReason
from dialer.errors import BatchTerminated, InvalidInput
from dialer.ledger.attempts import asked
from dialer.ledger.columns import word
from dialer.ledger.loads import locked, reopening, rewrite
from dialer.ledger.moves import closing, move, moved
from dialer.ledger.notices import announce_all
from dialer.ledger.tables import NAME_CHARS, attempts, calls, decisions
from dialer.ledger.tallies import add_delta, counted, difference
from dialer.ledger.tokens import is_number
from dialer.ledger.transactions import Transactions, now_of

CHUNK = 2000

_UNRESOLVED = or_(
    calls.c.state == word(CallState.UNKNOWN),
    and_(calls.c.state == word(CallState.CLOSED), calls.c.close_reason == word(CloseReason.UNRESOLVED)),
)
#: What such a call counts for before anybody decides.
_UNRESOLVED_COUNT = {
    CallState.UNKNOWN: counted(CallState.UNKNOWN),
    CallState.CLOSED: counted(CallState.CLOSED, CloseReason.UNRESOLVED),
}


class SqlDecisions:
    """`dialer.ports.ledger.Decisions`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def requeue(self, batch_id: str, reason: CloseReason, by: str) -> int:
        requeued = 0
        while chunk := self._requeue(batch_id, reason, by):
            requeued += chunk
        return requeued

    def resolve(self, batch_id: str, call_id: str | None, placed: bool, by: str) -> list[tuple[str, str]]:
        resolved: list[tuple[str, str]] = []
        while chunk := self._resolve(batch_id, call_id, placed, by[:NAME_CHARS]):
            resolved += chunk
        return resolved

    def _requeue(self, batch_id: str, reason: CloseReason, by: str) -> int:
        c = calls.c
        with self._transactions.write() as connection:
            batch, now = self._reopenable(connection, batch_id)
            closed = (
                select(c.call_id)
                .where(c.batch_id == batch_id, c.state == word(CallState.CLOSED), c.close_reason == reason.value)
                .where(is_number())
                .order_by(c.call_id)
                .limit(CHUNK)
                .cte("chosen")
                .prefix_with("MATERIALIZED", dialect="postgresql")
            )
            requeues = move([CallState.CLOSED], CallState.READY).where(c.call_id.in_(select(closed.c.call_id)))
            again = _dialable(now, f"requeued by {by}") | {"max_retries": _one_more(batch.terms.max_retries)}
            count = moved(connection, requeues.values(**again))
            add_delta(connection, batch_id, counted(CallState.CLOSED, reason), -count)
            if count:
                rewrite(connection, batch_id, **reopening(batch), is_drained=False)
            return count

    def _resolve(self, batch_id: str, call_id: str | None, placed: bool, by: str) -> list[tuple[str, str]]:
        c, a = calls.c, attempts.c
        query = (
            # A call that was set aside before any claim has no attempt.
            select(c.call_id, c.state, c.claim_seq.label("number"), a.account, a.reference, a.state.label("left"))
            .join_from(calls, attempts, and_(a.call_id == c.call_id, a.number == c.claim_seq), isouter=True)
            .where(c.batch_id == batch_id, _UNRESOLVED)
            .order_by(c.call_id)
            .limit(CHUNK)
            .with_for_update(of=calls)
        )
        if call_id is not None:
            query = query.where(c.call_id == call_id)
        if not placed:
            query = query.where(is_number())
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            rows = connection.execute(query).all()
            if rows:
                decide = self._placed if placed else self._not_placed
                decide(connection, batch_id, rows, by)
                _record(connection, rows, "placed" if placed else "not-placed", by)
        return [(row.account or "", row.reference or "") for row in rows]

    def never_placed(self, attempt: OpenAttempt, by: str) -> bool:
        with self._transactions.write() as connection:
            self._transactions.backend.share(connection, attempt.batch_id)
            call = asked(connection, attempt)
            if call is None or call.state is not CallState.UNKNOWN:
                return False  # its provider's own word came first: it was placed
            if not _was_asked_far_back(connection, attempt):
                return False  # the backup is older than was said when the list was asked
            call.back(connection, None, f"not placed, says {by}", attempts_spent=call.attempts_spent - 1)
            _settle_attempts(connection, [attempt], AttemptState.NOT_SENT, f"not placed, says {by}")
            _record(connection, [attempt], "not-placed", by)
            return True

    def _placed(self, connection: Connection, batch_id: str, rows: Sequence[Any], by: str) -> None:
        """Somebody was called, what came of it nobody knows: as with a provider that reports no outcome."""
        now, why = now_of(connection), f"taken for placed by {by}"
        closed = closing(CloseReason.HANDED_OFF, now, why)
        for state, before in _UNRESOLVED_COUNT.items():
            these = [row.call_id for row in rows if row.state == state]
            chosen = calls.c.call_id.in_(these)
            if state is CallState.UNKNOWN:
                moved(connection, move([state], CallState.CLOSED).where(chosen).values(**closed))
            else:
                connection.execute(update(calls).where(chosen).values(**closed))
            after = counted(CallState.CLOSED, CloseReason.HANDED_OFF)
            add_delta(connection, batch_id, difference(before, after), len(these))
        _settle_attempts(connection, rows, AttemptState.HANDED_OFF, why)
        ended = [(row.call_id, row.number) for row in rows if row.reference is not None]
        announce_all(connection, batch_id, ended, AttemptState.HANDED_OFF, now)

    def _not_placed(self, connection: Connection, batch_id: str, rows: Sequence[Any], by: str) -> None:
        batch, now = self._reopenable(connection, batch_id)
        again, spent = _dialable(now, f"not placed, says {by}"), calls.c.attempts_spent
        for state, before in _UNRESOLVED_COUNT.items():
            for was_spent in (True, False):
                these = [row.call_id for row in rows if row.state == state and _was_spent(row) is was_spent]
                dials = move([state], CallState.READY).where(calls.c.call_id.in_(these))
                moved(connection, dials.values(**again, attempts_spent=spent - int(was_spent)))
                after = counted(CallState.READY, attempts_spent=-int(was_spent))
                add_delta(connection, batch_id, difference(before, after), len(these))
        rewrite(connection, batch_id, **reopening(batch), is_drained=False)
        _settle_attempts(connection, rows, AttemptState.NOT_SENT, f"not placed, says {by}")

    def _reopenable(self, connection: Connection, batch_id: str) -> tuple[Batch, datetime]:
        self._transactions.backend.exclude(connection, batch_id)
        batch, now = locked(connection, batch_id), now_of(connection)
        if batch.state is BatchState.TERMINATED:
            raise BatchTerminated
        if batch.terms.exp <= now:
            ended = batch.terms.exp.isoformat()
            raise InvalidInput(f"exp: the batch ended at {ended}; load it with a later exp first", code="WINDOW_PAST")
        return batch, now


def _dialable(now: datetime, why: str) -> dict[str, Any]:
    return {"close_reason": None, "closed_at": None, "due_at": now, "claim_id": None, "why": why, "failures": 0}


def _was_spent(row: Any) -> bool:
    """Of what was set aside before a request, nothing was."""
    return row.left is not None and AttemptState(row.left) not in UNSPENT_ATTEMPTS


def _one_more(of_batch: int) -> Any:
    """A call whose attempts are all spent is granted another: else it would come back only to close `exhausted`."""
    c = calls.c
    return case((func.coalesce(c.max_retries, of_batch) < c.attempts_spent, c.attempts_spent), else_=c.max_retries)


def _settle_attempts(connection: Connection, rows: Sequence[Any], state: AttemptState, detail: str) -> None:
    a = attempts.c
    for row in rows:
        this = update(attempts).where(a.call_id == row.call_id, a.number == row.number)
        connection.execute(this.values(state=word(state), detail=detail, next_look_at=None))


def _was_asked_far_back(connection: Connection, attempt: OpenAttempt) -> bool:
    a = attempts.c
    this = a.call_id == attempt.call_id, a.number == attempt.number, a.claimed_at >= attempt.claimed_at
    return connection.execute(select(a.number).where(*this)).first() is not None


def _record(connection: Connection, rows: Sequence[Any], decision: str, by: str) -> None:
    made = {"decision": decision, "made_by": by, "made_at": now_of(connection)}
    connection.execute(insert(decisions), [{"call_id": row.call_id, "number": row.number} | made for row in rows])
