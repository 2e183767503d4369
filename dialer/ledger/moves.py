"""The SQL of a move: only legal ones, and what becomes of a call that comes back undialed or due for a retry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, Update, func, literal_column, select, update

from dialer.domain.states import DIALABLE_STATES, BatchState, CallState, CloseReason, Outcome, is_legal
from dialer.errors import IllegalMove
from dialer.ledger.columns import clock, word, words
from dialer.ledger.tables import batches, calls, in_flight
from dialer.ledger.tallies import Change, add_delta, counted, difference
from dialer.ledger.tally_tables import attempt_ended_with

#: Whether the batch's agent wants to be told: one look-up by key, in a statement that is made anyway. As text: taken
#: apart into expressions it would cost a move ten times the look-up, for SQLAlchemy walks them each time.
LISTENER = literal_column(
    "EXISTS (SELECT 1 FROM agents WHERE agents.workspace_id = batches.workspace_id AND agents.agent_id = "
    "batches.agent_id AND agents.webhook_url IS NOT NULL AND agents.webhook_secret IS NOT NULL)",
    Boolean(),
)


def move(old: Iterable[CallState], new: CallState) -> Update:
    """An UPDATE of calls in these states, to be narrowed further. IllegalMove where the table of moves lacks one."""
    states = tuple(old)
    for state in states:
        if not is_legal(state, new):
            raise IllegalMove(f"a call cannot go from {state} to {new}")
    return update(calls).where(calls.c.state.in_(words(states))).values(state=word(new))


def closing(reason: CloseReason, now: datetime, why: str | None = None) -> dict[str, Any]:
    """What a closed call's row says, besides its state."""
    return {"close_reason": reason.value, "closed_at": now, "due_at": None, "claim_id": None, "why": why}


@dataclass(frozen=True, slots=True)
class Standing:
    """A call and its batch as they stand, the call's row locked."""

    call_id: str
    batch_id: str
    state: CallState
    push_seq: int
    claim_id: str | None
    batch_state: BatchState
    exp: datetime
    rejections: int
    failures: int
    attempts_spent: int
    outcome: Outcome | None
    now: datetime
    #: its agent's registration names somebody who is told when an attempt ends (`notices.announce`)
    has_listener: bool

    def back(self, connection: Connection, after: timedelta | None, why: str | None, **also: Any) -> CallState:
        """The call comes back undialed: it waits for `after`, or is ready at once; closed where its batch is over."""
        if self.batch_state is BatchState.TERMINATED:
            return self.close(connection, CloseReason.TERMINATED, why, **also)
        if self.now >= self.exp:
            return self.close(connection, CloseReason.EXPIRED, why, **also)
        return self._wait(connection, after, why, **also)

    def again(self, connection: Connection, after: timedelta, **also: Any) -> CallState:
        """The call is to be dialed once more: not in a batch that is over, and not past exp."""
        if self.batch_state is BatchState.TERMINATED:
            return self.close(connection, CloseReason.TERMINATED, None, **also)
        if self.now + after >= self.exp:
            return self.close(connection, CloseReason.EXHAUSTED, None, **also)
        return self._wait(connection, after, None, **also)

    def close(self, connection: Connection, reason: CloseReason, why: str | None, **also: Any) -> CallState:
        return self.move(connection, CallState.CLOSED, **closing(reason, self.now, why), **also)

    def move(self, connection: Connection, new: CallState, **columns: Any) -> CallState:
        """Values only, no expressions: what they change is counted, too."""
        done = connection.execute(move([self.state], new).where(calls.c.call_id == self.call_id).values(**columns))
        if done.rowcount != 1:
            raise IllegalMove(f"call {self.call_id} left {self.state} while its row was locked")
        add_delta(connection, self.batch_id, self._change(new, **columns))
        return new

    def _change(self, new: CallState, **columns: Any) -> Change:
        before = counted(self.state, None, self.outcome, self.attempts_spent)
        spent, outcome = columns.get("attempts_spent", self.attempts_spent), columns.get("outcome", self.outcome)
        change = difference(before, counted(new, columns.get("close_reason"), outcome, spent))
        ended = columns.get("outcome")  # written by the move that ends an attempt, and by no other
        return {**change, attempt_ended_with(Outcome(ended)): 1} if ended is not None else change

    def _wait(self, connection: Connection, after: timedelta | None, why: str | None, **also: Any) -> CallState:
        if after is None:
            return self.move(connection, CallState.READY, claim_id=None, why=why, **also)
        return self.move(connection, CallState.WAITING, due_at=self.now + after, claim_id=None, why=why, **also)


_STANDING = (
    select(
        calls.c.call_id,
        calls.c.batch_id,
        calls.c.state,
        calls.c.push_seq,
        calls.c.claim_id,
        calls.c.failures,
        calls.c.attempts_spent,
        calls.c.outcome,
        batches.c.state.label("batch_state"),
        batches.c.exp,
        batches.c.rejections,
        clock().label("now"),
        LISTENER.label("has_listener"),
    )
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .with_for_update(of=calls)
)


def standing(connection: Connection, call_id: str) -> Standing | None:
    """Locks the call's row: whoever moves it next waits for our commit, and then sees what we did."""
    row = connection.execute(_STANDING.where(calls.c.call_id == call_id)).one_or_none()
    if row is None:
        return None
    return Standing(
        call_id=row.call_id,
        batch_id=row.batch_id,
        state=CallState(row.state),
        push_seq=row.push_seq,
        claim_id=row.claim_id,
        batch_state=BatchState(row.batch_state),
        exp=row.exp,
        rejections=row.rejections,
        failures=row.failures,
        attempts_spent=row.attempts_spent,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        now=row.now,
        has_listener=bool(row.has_listener),
    )


def close_dialable(
    connection: Connection, batch_id: str, reason: CloseReason, now: datetime, limit: int, why: str | None = None
) -> int:
    """Close up to `limit` waiting, ready and queued calls; rows that somebody else holds are left for later."""
    closed = 0
    for state in (CallState.WAITING, CallState.READY, CallState.QUEUED):
        if closed >= limit:
            break
        chosen = (
            select(calls.c.call_id)
            .where(calls.c.batch_id == batch_id, calls.c.state == word(state))
            .order_by(calls.c.call_id)
            .limit(limit - closed)
            .with_for_update(skip_locked=True)
            .cte("chosen")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        closes = move([state], CallState.CLOSED).where(calls.c.call_id.in_(select(chosen.c.call_id)))
        count = moved(connection, closes.values(**closing(reason, now, why)))
        add_delta(connection, batch_id, difference(counted(state), counted(CallState.CLOSED, reason)), count)
        closed += count
    return closed


def moved(connection: Connection, bulk: Update) -> int:
    """How many calls a bulk move moved. Of a statement that begins with WITH, SQLite's driver does not say."""
    return len(connection.execute(bulk.returning(calls.c.call_id)).all())


def has_open_call(connection: Connection, batch_id: str) -> bool:
    return any_in(connection, batch_id, [state for state in CallState if state is not CallState.CLOSED])


def has_dialable_call(connection: Connection, batch_id: str) -> bool:
    return any_in(connection, batch_id, [state for state in CallState if state in DIALABLE_STATES])


def any_in(connection: Connection, batch_id: str, states: Iterable[CallState]) -> bool:
    some = select(calls.c.call_id).where(calls.c.batch_id == batch_id, calls.c.state.in_(words(states))).limit(1)
    return connection.execute(some).first() is not None


def dialing(connection: Connection, *where: Any) -> int:
    """Calls in `dialing` that meet these conditions on calls and batches: the honest in_flight."""
    count = select(func.count()).select_from(calls.join(batches, batches.c.batch_id == calls.c.batch_id))
    return connection.execute(count.where(in_flight(), calls.c.state == word(CallState.DIALING), *where)).scalar_one()
