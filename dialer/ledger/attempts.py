"""Live attempts: asked about, settled with their outcome, or given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, case, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from dialer.domain.call import OpenAttempt
from dialer.domain.placement import Progress
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason
from dialer.errors import IllegalMove
from dialer.ledger.columns import clock, word
from dialer.ledger.moves import Standing, standing
from dialer.ledger.notices import announce
from dialer.ledger.recording import provider_id_columns
from dialer.ledger.rows import MAX_RETRIES, terms_of
from dialer.ledger.tables import attempts, batches, calls, is_asked
from dialer.ledger.transactions import Transactions, now_of

#: While one asker asks, the next one passes by.
ASKING = timedelta(seconds=30)
SETTLE_TRIES = 3
#: The "worker" of attempts that a restored ledger may have forgotten.
RECOVERED = "restored"

_OPEN: Select[Any] = (
    select(attempts, calls, batches, MAX_RETRIES.label("own_retries"), clock().label("now"))
    .join_from(attempts, calls, calls.c.call_id == attempts.c.call_id)
    .join(batches, batches.c.batch_id == calls.c.batch_id)
)
_ASKED_CALLS = (CallState.IN_PROGRESS, CallState.UNKNOWN)


class SqlAttempts:
    """`dialer.ports.ledger.Attempts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def due(self, limit: int, batch_id: str | None = None) -> list[OpenAttempt]:
        a = attempts.c
        chosen = select(a.call_id, a.number).where(is_asked()).order_by(a.next_look_at).limit(limit)
        with self._transactions.write() as connection:
            now = now_of(connection)
            wanted = a.next_look_at <= now if batch_id is None else a.batch_id == batch_id
            keys = connection.execute(chosen.where(wanted).with_for_update(skip_locked=True)).all()
            if not keys:
                return []
            these = tuple_(a.call_id, a.number).in_(keys)
            connection.execute(update(attempts).where(these).values(next_look_at=now + ASKING))
            return open_attempts(connection, keys)

    def by_provider_id(self, account: str, provider_call_id: str) -> OpenAttempt | None:
        a = attempts.c
        this = and_(a.account == account, a.provider_call_id == provider_call_id, is_asked())
        with self._transactions.read() as connection:
            row = connection.execute(_OPEN.where(this)).mappings().one_or_none()
        return None if row is None else open_attempt_of(row)

    def settle(
        self, attempt: OpenAttempt, progress: Progress, again_after: timedelta | None, reason: CloseReason | None
    ) -> bool:
        for left in reversed(range(SETTLE_TRIES)):
            try:
                with self._transactions.write() as connection:
                    return settle(connection, attempt, progress, again_after, reason)
            except IntegrityError:
                # Another attempt got the same provider id at the same moment: the next try sees it.
                if left == 0:
                    raise
        raise AssertionError("unreachable")

    def found(self, attempt: OpenAttempt, provider_call_id: str) -> bool:
        with self._transactions.write() as connection:
            call = asked(connection, attempt)
            if call is None or call.state is not CallState.UNKNOWN:
                return False
            call.move(connection, CallState.IN_PROGRESS, failures=0)
            identified = provider_id_columns(connection, attempt.call_id, attempt.number, provider_call_id, None)
            looks = {"since_at": call.now, "next_look_at": call.now, "looks": 0}
            write_attempt(connection, attempt, AttemptState.IN_PROGRESS, **identified, **looks)
            return True

    def look_later(
        self, attempt: OpenAttempt, after: timedelta, note: str | None = None, raw: str | None = None
    ) -> None:
        a = attempts.c
        said = {name: value for name, value in (("detail", note), ("raw", raw)) if value is not None}
        this = and_(a.call_id == attempt.call_id, a.number == attempt.number, a.claim_id == attempt.claim_id)
        with self._transactions.write() as connection:
            now = now_of(connection)
            # Due already: somebody asked for a question while this one was being answered, and gets it.
            next_look_at = case((a.next_look_at <= now, a.next_look_at), else_=now + after)
            later = update(attempts).where(this, is_asked(), a.state == word(attempt.state))
            asked_again = later.values(next_look_at=next_look_at, looks=a.looks + 1, **said)
            # Not where its answer came meanwhile: that one says when it is looked at.
            if connection.execute(asked_again).rowcount == 1 and attempt.failures:  # this time it went well
                this_call = update(calls).where(calls.c.call_id == attempt.call_id)
                connection.execute(this_call.values(failures=0))

    def give_up(self, attempt: OpenAttempt, why: str) -> bool:
        with self._transactions.write() as connection:
            call = asked(connection, attempt)
            if call is None or call.state.value != attempt.state.value:
                return False  # its provider's own word came while another question was asked
            call.close(connection, CloseReason.UNRESOLVED, why)
            write_attempt(connection, attempt, AttemptState.UNRESOLVED, detail=why, next_look_at=None)
            announce(connection, call, attempt.number, AttemptState.UNRESOLVED)
            return True


def settle(
    connection: Connection,
    attempt: OpenAttempt,
    progress: Progress,
    again_after: timedelta | None,
    reason: CloseReason | None,
) -> bool:
    call = asked(connection, attempt)
    if call is None:
        return False
    ended = {} if progress.outcome is None else {"outcome": progress.outcome.value}
    if again_after is not None:
        call.again(connection, again_after, **ended)
    elif reason is not None:
        call.close(connection, reason, progress.detail or None, **ended)
    else:
        raise IllegalMove("a settled call either waits or closes with a reason")
    told = progress_columns(connection, attempt, progress)
    write_attempt(connection, attempt, AttemptState.ENDED, **told, **ended, next_look_at=None)
    announce(connection, call, attempt.number, AttemptState.ENDED)
    return True


def asked(connection: Connection, attempt: OpenAttempt) -> Standing | None:
    """The call, locked, while this attempt is still its live one; None when somebody else was first."""
    call = standing(connection, attempt.call_id)
    if call is None or call.state not in _ASKED_CALLS or call.claim_id != attempt.claim_id:
        return None
    return call


def progress_columns(connection: Connection, attempt: OpenAttempt, progress: Progress) -> dict[str, Any]:
    names = (
        "started_at",
        "answered_at",
        "ended_at",
        "duration_seconds",
        "credits_charged",
        "recording_url",
        "summary",
        "transcript",
        "raw",
    )
    told = {name: value for name in names if (value := getattr(progress, name)) is not None}
    if progress.detail:
        told["detail"] = progress.detail
    if progress.provider_call_id and attempt.provider_call_id is None:
        key = attempt.call_id, attempt.number
        told |= provider_id_columns(connection, *key, progress.provider_call_id, progress.detail or None)
    return told


def write_attempt(connection: Connection, attempt: OpenAttempt, state: AttemptState, **columns: Any) -> None:
    a = attempts.c
    this = and_(a.call_id == attempt.call_id, a.number == attempt.number, a.claim_id == attempt.claim_id)
    written = update(attempts).where(this, is_asked()).values(state=word(state), **columns)
    if connection.execute(written).rowcount != 1:
        raise IllegalMove(f"attempt {attempt.number} of call {attempt.call_id} ended while its call was live")


def open_attempts(connection: Connection, keys: Sequence[tuple[str, int]]) -> list[OpenAttempt]:
    """In the order of the keys."""
    a = attempts.c
    rows = connection.execute(_OPEN.where(tuple_(a.call_id, a.number).in_(keys))).mappings().all()
    found = {(row[a.call_id], row[a.number]): open_attempt_of(row) for row in rows}
    return [found[key] for key in keys if key in found]


def open_attempt_of(row: RowMapping) -> OpenAttempt:
    a = attempts.c
    return OpenAttempt(
        call_id=row[a.call_id],
        batch_id=row[a.batch_id],
        number=row[a.number],
        reference=row[a.reference],
        claim_id=row[a.claim_id],
        account=row[a.account],
        state=AttemptState(row[a.state]),
        phone=row[calls.c.phone],
        agent_id=row[batches.c.provider_agent_id] or row[batches.c.agent_id],
        provider_call_id=row[a.provider_call_id],
        claimed_at=row[a.claimed_at],
        left_by=row[a.left_by],
        since=row[a.since_at] or row[a.claimed_at],
        looks=row[a.looks],
        attempts_spent=row[calls.c.attempts_spent],
        max_retries=row["own_retries"],
        terms=terms_of(row),
        batch_state=BatchState(row[batches.c.state]),
        now=row["now"],
        is_recovered=row[a.worker] == RECOVERED,
        is_nameless=row[a.worker] == RECOVERED and row[calls.c.created_at] > row[a.claimed_at],
        failures=row[calls.c.failures],
    )
