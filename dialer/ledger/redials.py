"""An unknown attempt sent once more under its own reference, for a provider that honours it as an idempotency key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, select, update

from dialer.domain.call import Claim, NotClaimed, OpenAttempt
from dialer.domain.states import AttemptState, CallState, Lane
from dialer.ledger.claims import kept_of
from dialer.ledger.columns import clock, word
from dialer.ledger.gates import DOUBT, HELD, closed_gate, over
from dialer.ledger.moves import move, standing
from dialer.ledger.rows import LANE, MAX_RETRIES, cohort_of, terms_of
from dialer.ledger.suppressions import strictest
from dialer.ledger.tables import accounts, attempts, batches, calls, cohorts
from dialer.ledger.transactions import Transactions
from dialer.ports.ledger import Retaken

_STALE = NotClaimed("it is unknown no more", is_duplicate=True)
#: Until it is asked about again, should its asker die now.
LOOK_AGAIN = timedelta(seconds=30)


class SqlRedials:
    """`dialer.ports.ledger.Redials`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def retake(
        self, attempt: OpenAttempt, worker: str, boot_id: str, start: timedelta, deadline: timedelta, epoch: str = ""
    ) -> Retaken | NotClaimed:
        with self._transactions.write() as connection:
            self._transactions.backend.share(connection, attempt.batch_id)
            row = connection.execute(_query(attempt)).mappings().one_or_none()
            if row is None:
                return _STALE
            now = row["now"]
            reason, why = over(row, now), closed_gate(row, now)
            if reason is not None or why is not None:
                return NotClaimed(why or f"the batch is {reason}")
            # The attempt is spent when the call leaves `dialing` again, so it is given back here.
            again = {"attempts_spent": calls.c.attempts_spent - 1, "why": None}
            this = and_(calls.c.call_id == attempt.call_id, calls.c.claim_id == attempt.claim_id)
            retakes = move([CallState.UNKNOWN], CallState.DIALING).where(this).values(**again)
            if connection.execute(retakes).rowcount != 1:
                return _STALE
            a = attempts.c
            reopened = {"worker": worker, "boot_id": boot_id, "left_by": now + start, "deadline_at": now + deadline}
            reopened["gates"] = _once_more(row, now, epoch)
            reopens = update(attempts).where(a.call_id == attempt.call_id, a.number == attempt.number)
            connection.execute(reopens.values(state=word(AttemptState.DIALING), next_look_at=None, **reopened))
            suppression = strictest(connection, attempt.phone, attempt.terms.name.workspace_id, now)
            claim = replace(_claim_of(row, attempt, suppression), epoch=epoch)
            return Retaken(claim, now, row[cohorts.c.closes_at], row[attempts.c.gates])

    def put_back(self, claim: Claim, why: str) -> bool:
        a = attempts.c
        with self._transactions.write() as connection:
            call = standing(connection, claim.call_id)
            if call is None or call.state is not CallState.DIALING or call.claim_id != claim.claim_id:
                return False
            call.move(connection, CallState.UNKNOWN, attempts_spent=call.attempts_spent + 1, why=why)
            this = update(attempts).where(a.call_id == claim.call_id, a.number == claim.number)
            connection.execute(this.values(state=word(AttemptState.UNKNOWN), next_look_at=call.now + LOOK_AGAIN))
            return True


def _query(attempt: OpenAttempt) -> Any:
    a, c = attempts.c, calls.c
    return (
        select(attempts, calls, batches, cohorts, accounts, HELD, DOUBT, LANE.label("own_lane"))
        .add_columns(MAX_RETRIES.label("own_retries"), clock().label("now"))
        .join_from(attempts, calls, and_(c.call_id == a.call_id, c.claim_id == a.claim_id))
        .join(batches, batches.c.batch_id == c.batch_id)
        .join(cohorts, cohorts.c.cohort_id == c.cohort_id)
        .join(accounts, accounts.c.name == batches.c.account, isouter=True)
        .where(a.call_id == attempt.call_id, a.number == attempt.number, a.claim_id == attempt.claim_id)
        .where(c.state == word(CallState.UNKNOWN))
        .with_for_update(of=calls)
    )


def _once_more(row: Any, now: datetime, epoch: str) -> str:
    """What its first request went through, and what this one does."""
    read = {"at": now.isoformat(), "control_seq": row[batches.c.control_seq], "signal_epoch": epoch}
    return json.dumps([*json.loads(row[attempts.c.gates] or "[]"), {"gate": "redial", "verdict": "read", **read}])


def _claim_of(row: Any, attempt: OpenAttempt, suppression: Any) -> Claim:
    """The claim as it was: the same id, number and instants make the same reference and the same bytes."""
    c, terms, cohort = calls.c, terms_of(row), cohort_of(row)
    return Claim(
        claim_id=attempt.claim_id,
        call_id=attempt.call_id,
        batch_id=attempt.batch_id,
        number=attempt.number,
        reference=attempt.reference,
        phone=attempt.phone,
        variables=row[c.variables],
        timezone=row[c.timezone],
        lane=Lane(row["own_lane"]),
        terms=terms,
        zones=cohort.zones,
        wire_ref=cohort.wire_ref(terms.name.batch_ref),
        kept=kept_of(row),
        claimed_at=attempt.claimed_at,
        closes_at=row[attempts.c.closes_at] or terms.exp,
        attempts_spent=row[c.attempts_spent] - 1,
        max_retries=row["own_retries"],
        suppression=suppression,
        control_seq=row[batches.c.control_seq],
        is_probe=row[accounts.c.stop] is not None,
        is_watched="1" in row[accounts.c.recent],
    )
