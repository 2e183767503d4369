"""A ledger that may be a restored copy: in doubt nothing is claimed, and what it may have forgotten becomes unknown."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from dialer.domain.batch import Cohort
from dialer.domain.reference import NUMBERS_FORGOTTEN, reference_of
from dialer.domain.states import AttemptState, CallState
from dialer.ledger.attempts import RECOVERED
from dialer.ledger.columns import word, words
from dialer.ledger.loads import rewrite
from dialer.ledger.moves import move, moved
from dialer.ledger.tables import attempts, batches, calls, lease, ledger, live
from dialer.ledger.tallies import add_delta, counted, difference
from dialer.ledger.transactions import Transactions, now_of

_DUE = (CallState.READY, CallState.QUEUED)


class SqlTrust:
    """`dialer.ports.ledger.Trust`."""

    def __init__(self, transactions: Transactions, ledger_id: Callable[[], str]) -> None:
        self._transactions = transactions
        self._ledger_id = ledger_id

    def doubt(self) -> str | None:
        with self._transactions.read() as connection:
            why: str | None = connection.execute(select(ledger.c.doubt)).scalar_one()
        return why

    def raise_doubt(self, why: str) -> None:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude_all(connection)
            doubted = update(ledger).where(ledger.c.doubt.is_(None))
            connection.execute(doubted.values(doubt=why, doubted_at=now_of(connection)))

    def confirm(self) -> None:
        with self._transactions.write() as connection:
            connection.execute(update(ledger).values(doubt=None, doubted_at=None))
            connection.execute(update(lease).values(ticked_at=now_of(connection)))

    def recover(self, cohort: Cohort, taken_at: datetime, limit: int) -> int:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, cohort.batch_id)
            connection.execute(_further_back(cohort.batch_id, taken_at))
            rows = connection.execute(_forgetful(cohort, now_of(connection), taken_at).limit(limit)).all()
            for row in rows:
                self._recover(connection, row, taken_at)
            if rows:
                rewrite(connection, cohort.batch_id, is_drained=False)
        return len(rows)

    def _recover(self, connection: Connection, row: Any, taken_at: datetime) -> None:
        number, claim_id, now = row.claim_seq + 1, str(uuid.uuid4()), now_of(connection)
        # The numbers that forgotten claims may have used are not given again.
        taken = {"claim_seq": row.claim_seq + NUMBERS_FORGOTTEN, "claim_id": claim_id, "why": "may have been forgotten"}
        spent = {"attempts_spent": calls.c.attempts_spent + 1}
        old, new = CallState(row.state), CallState.UNKNOWN
        moved(connection, move([old], new).where(calls.c.call_id == row.call_id).values(**taken, **spent))
        add_delta(connection, row.batch_id, difference(counted(old), counted(new, attempts_spent=1)))
        connection.execute(
            insert(attempts).values(
                call_id=row.call_id,
                number=row.claim_seq + NUMBERS_FORGOTTEN,
                batch_id=row.batch_id,
                reference=reference_of(self._ledger_id(), row.call_id, number),
                account=row.account,
                claim_id=claim_id,
                worker=RECOVERED,
                boot_id=RECOVERED,
                state=AttemptState.UNKNOWN.value,
                claimed_at=taken_at,
                left_by=now,
                deadline_at=now,
                since_at=now,
                next_look_at=now,
                detail="the ledger was restored from a backup: it may have been dialed since",
            )
        )


def _forgetful(cohort: Cohort, now: datetime, taken_at: datetime) -> Any:
    """Calls that were due, and were not yet looked into by an earlier round of the same recovery."""
    c, a = calls.c, attempts.c
    # An earlier round asked about the time from claimed_at to left_by.
    covers = and_(a.claimed_at <= taken_at, a.left_by >= taken_at)
    seen = select(a.call_id).where(a.call_id == c.call_id, a.worker == RECOVERED, covers)
    was_due = or_(c.state.in_(words(_DUE)), and_(c.state == word(CallState.WAITING), c.due_at <= now))
    return (
        select(c.call_id, c.batch_id, c.state, c.claim_seq, batches.c.account)
        .join_from(calls, batches, batches.c.batch_id == c.batch_id)
        .where(c.batch_id == cohort.batch_id, c.cohort_id == cohort.cohort_id, was_due, ~seen.correlate(calls).exists())
        .order_by(c.call_id)
        .with_for_update(of=calls)
    )


def _further_back(batch_id: str, taken_at: datetime) -> Any:
    """What is still asked about is asked about since then, should the backup be older than was said at first."""
    a = attempts.c
    open_still = and_(a.batch_id == batch_id, a.worker == RECOVERED, a.state == word(AttemptState.UNKNOWN))
    return update(attempts).where(live(), open_still, a.claimed_at > taken_at).values(claimed_at=taken_at)
