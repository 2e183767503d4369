"""Moves that failed for a reason nobody foresaw, counted against their call; one that keeps failing is set aside."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, update

from dialer.domain.call import Claim, OpenAttempt
from dialer.domain.states import AttemptState, CallState, CloseReason
from dialer.ledger.attempts import asked, write_attempt
from dialer.ledger.columns import word
from dialer.ledger.moves import Standing, standing
from dialer.ledger.notices import announce
from dialer.ledger.recording import still_dialing
from dialer.ledger.tables import attempts, calls
from dialer.ledger.transactions import Transactions
from dialer.ports.ledger import Failed


class SqlFailures:
    """`dialer.ports.ledger.Failures`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def undialed(
        self, call_id: str, push_seq: int, claim: Claim | None, why: str, after: timedelta, most: int
    ) -> Failed | None:
        with self._transactions.write() as connection:
            call = _ours(connection, call_id, push_seq, claim)
            if call is None:
                return None
            count = call.failures + 1
            if count >= most:
                call.close(connection, CloseReason.UNRESOLVED, why, failures=count)
            else:
                call.back(connection, after, why, failures=count)
            if claim is not None:
                _keep_attempt(connection, claim, call, why)
            return Failed(call.batch_id, count, is_set_aside=count >= most)

    def unasked(self, attempt: OpenAttempt, why: str, after: timedelta, most: int) -> Failed | None:
        with self._transactions.write() as connection:
            call = asked(connection, attempt)
            if call is None or call.state.value != attempt.state.value:
                return None  # its provider's own word came while another question was asked
            count = call.failures + 1
            if count >= most:
                call.close(connection, CloseReason.UNRESOLVED, why, failures=count)
                write_attempt(connection, attempt, AttemptState.UNRESOLVED, detail=why, next_look_at=None)
                announce(connection, call, attempt.number, AttemptState.UNRESOLVED)
            else:
                counted = update(calls).where(calls.c.call_id == attempt.call_id).values(failures=count)
                connection.execute(counted)
                later = {"detail": why, "next_look_at": call.now + after, "looks": attempts.c.looks + 1}
                write_attempt(connection, attempt, attempt.state, **later)
            return Failed(call.batch_id, count, is_set_aside=count >= most)


def _ours(connection: Connection, call_id: str, push_seq: int, claim: Claim | None) -> Standing | None:
    if claim is not None:
        return still_dialing(connection, call_id, claim.claim_id)
    call = standing(connection, call_id)
    is_ours = call is not None and call.state is CallState.QUEUED and call.push_seq == push_seq
    return call if is_ours else None


def _keep_attempt(connection: Connection, claim: Claim, call: Standing, why: str) -> None:
    """Unlike a deferral's, its attempt stays: it says what went wrong, and when."""
    a = attempts.c
    this = update(attempts).where(a.call_id == claim.call_id, a.number == claim.number)
    connection.execute(this.values(state=word(AttemptState.NOT_SENT), detail=why, ended_at=call.now))
