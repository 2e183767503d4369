"""From queued to dialing, the point of no return, and what a worker writes of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialer.domain.call import Claim, NotClaimed, Ticket
from dialer.domain.placement import Answer
from dialer.domain.reference import reference_of
from dialer.domain.states import AttemptState, CallState, CloseReason, Lane
from dialer.ledger.columns import clock, word
from dialer.ledger.direct import Direct, Fields, Repeated, Row, Statement
from dialer.ledger.gates import DOUBT, HELD, closed_gate, open_seconds, over
from dialer.ledger.moves import closing, move, standing
from dialer.ledger.recording import record, record_plainly, still_dialing
from dialer.ledger.rows import LANE, MAX_RETRIES, TERMS, cohort_of, terms_known
from dialer.ledger.suppressions import IS_LISTED, listed
from dialer.ledger.tables import accounts, attempts, batches, calls, cohorts
from dialer.ledger.tallies import counted, note_change
from dialer.ledger.tokens import key_directly, token_of
from dialer.ledger.transactions import Transactions
from dialer.ports.ledger import Recording

#: A provider that repeats an id makes the first try fail at most once for each id it brings.
RECORD_TRIES = 3

_STALE = NotClaimed("its message is stale: the call was moved since", is_duplicate=True)
_LANE, _RETRIES, _NOW = LANE.label("own_lane"), MAX_RETRIES.label("own_retries"), clock().label("now")

_QUEUED = (
    calls.c.state == word(CallState.QUEUED),
    calls.c.call_id == bindparam("this_call"),
    calls.c.push_seq == bindparam("this_push"),
)
_TICKET = Statement(
    select(
        *(calls.c[name] for name in ("call_id", "push_seq", "batch_id", "claim_seq", "phone", "variables", "kept")),
        *(batches.c[name] for name in ("account", "workspace_id", "agent_id")),
        cohorts.c.opens_at,
        cohorts.c.closes_at,
        _LANE,
        _NOW,
    )
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .join(cohorts, cohorts.c.cohort_id == calls.c.cohort_id)
    .where(*_QUEUED)
)
_CLAIMABLE = Statement(
    select(
        *TERMS,
        *(batches.c[name] for name in ("state", "control_seq", "pause_reason", "is_loaded")),
        *(calls.c[name] for name in ("claim_seq", "phone", "variables", "timezone", "kept", "attempts_spent")),
        cohorts,
        *(column for column in accounts.c if column.name not in ("fingerprint", "since", "step")),
        HELD,
        DOUBT,
        _LANE,
        _RETRIES,
        IS_LISTED,
        _NOW,
    )
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .join(cohorts, cohorts.c.cohort_id == calls.c.cohort_id)
    .join(accounts, accounts.c.name == batches.c.account, isouter=True)
    .where(*_QUEUED)
)
#: The compare-and-set itself.
_CLAIM = Statement(
    move([CallState.QUEUED], CallState.DIALING)
    .where(*_QUEUED, calls.c.claim_seq == bindparam("new_number") - 1)
    .values(claim_seq=bindparam("new_number"), claim_id=bindparam("new_claim"), why=None)
)
_OPENED = (
    *("call_id", "number", "batch_id", "reference", "account", "claim_id", "worker", "boot_id", "state", "claimed_at"),
    *("left_by", "deadline_at", "closes_at", "gates"),
)
_OPEN = Statement(insert(attempts).values({name: bindparam(name) for name in _OPENED}))


class SqlClaims:
    """`dialer.ports.ledger.Claims`."""

    def __init__(self, transactions: Transactions, ledger_id: Any) -> None:
        self._transactions = transactions
        #: read when first needed: the ledger may be out of reach when it is opened
        self._ledger_id = ledger_id

    def ticket(self, call_id: str, push_seq: int) -> Ticket | None:
        with self._transactions.direct() as direct:
            row = direct.read(_TICKET, {"this_call": call_id, "this_push": push_seq})
        if row is None:
            return None
        c, number = calls.c, row[calls.c.claim_seq] + 1
        return Ticket(
            call_id=row[c.call_id],
            push_seq=row[c.push_seq],
            batch_id=row[c.batch_id],
            account=row[batches.c.account],
            lane=Lane(row["own_lane"]),
            next_number=number,
            reference=reference_of(self._ledger_id(), row[c.call_id], number),
            phone=row[c.phone],
            variables=row[c.variables],
            kept=kept_of(row),
            workspace_id=row[batches.c.workspace_id],
            agent_id=row[batches.c.agent_id],
            open_seconds=open_seconds(row, row["now"]),
        )

    def keep(self, call_id: str, kept: Mapping[str, str]) -> None:
        with self._transactions.write() as connection:
            connection.execute(update(calls).where(calls.c.call_id == call_id).values(kept=json.dumps(dict(kept))))

    def hand_back(self, ticket: Ticket, after: timedelta | None, why: str) -> bool:
        with self._transactions.write() as connection:
            call = standing(connection, ticket.call_id)
            if call is None or call.state is not CallState.QUEUED or call.push_seq != ticket.push_seq:
                return False
            call.back(connection, after, why)
            return True

    def take(
        self,
        ticket: Ticket,
        worker: str,
        boot_id: str,
        claim_id: str,
        start: timedelta,
        deadline: timedelta,
        account_of: Callable[[Claim], str] | None = None,
    ) -> Claim | NotClaimed:
        queued = {"this_call": ticket.call_id, "this_push": ticket.push_seq}
        with self._transactions.direct() as direct:
            token = token_of(key_directly(direct, self._transactions.backend.engine), ticket.phone)
            direct.begin()
            self._transactions.backend.share(direct, ticket.batch_id)
            row = direct.read(_CLAIMABLE, {**queued, "token": token})
            if row is None or row[calls.c.claim_seq] + 1 != ticket.next_number:
                direct.rollback()
                return _STALE  # the permit was asked for under another reference
            refusal = refuse(direct, ticket, row)
            if refusal is not None:
                direct.commit()
                return refusal
            claim = self._claim(direct, ticket, row, claim_id, token)
            if direct.write(_CLAIM, {**queued, "new_number": claim.number, "new_claim": claim_id}) != 1:
                direct.rollback()
                return _STALE
            opened: dict[str, Any] = {"worker": worker, "boot_id": boot_id, "account": ticket.account}
            opened |= {"left_by": claim.claimed_at + start, "deadline_at": claim.claimed_at + deadline}
            open_attempt(direct, claim, {**opened, "gates": account_of(claim) if account_of else None})
            remember_wire_exp(direct, claim, row)
            direct.commit()
            return claim

    def _claim(self, direct: Direct, ticket: Ticket, row: Row, claim_id: str, token: str) -> Claim:
        c, terms, cohort = calls.c, terms_known(row), cohort_of(row)
        number, phone, now = ticket.next_number, row[c.phone], row["now"]
        return Claim(
            claim_id=claim_id,
            call_id=ticket.call_id,
            batch_id=ticket.batch_id,
            number=number,
            reference=ticket.reference,
            phone=phone,
            variables=row[c.variables],
            timezone=row[c.timezone],
            lane=Lane(row["own_lane"]),
            terms=terms,
            zones=cohort.zones,
            wire_ref=cohort.wire_ref(terms.name.batch_ref),
            kept=kept_of(row),
            claimed_at=now,
            closes_at=row[cohorts.c.closes_at],
            attempts_spent=row[c.attempts_spent],
            max_retries=row["own_retries"],
            suppression=listed(direct, (phone, token), terms.name.workspace_id, now) if row["is_listed"] else None,
            control_seq=row[batches.c.control_seq],
            is_probe=row[accounts.c.stop] is not None,
            is_watched="1" in row[accounts.c.recent],
            epoch=ticket.epoch,
        )

    def defer(self, claim: Claim, after: timedelta | None, why: str) -> bool:
        with self._transactions.write() as connection:
            call = still_dialing(connection, claim.call_id, claim.claim_id)
            if call is None:
                return False
            call.back(connection, after, why)
            forget_attempt(connection, claim)
            return True

    def withdraw(self, call_id: str, claim_id: str, why: str) -> bool:
        with self._transactions.write() as connection:
            call = still_dialing(connection, call_id, claim_id)
            if call is None:
                return False
            call.back(connection, None, why)
            a = attempts.c
            connection.execute(delete(attempts).where(a.call_id == call_id, a.claim_id == claim_id))
            return True

    def close(self, claim: Claim, reason: CloseReason, why: str) -> bool:
        with self._transactions.write() as connection:
            call = still_dialing(connection, claim.call_id, claim.claim_id)
            if call is None:
                return False
            call.close(connection, reason, why)
            forget_attempt(connection, claim)
            return True

    def record(self, claim: Claim, answer: Answer, recording: Recording) -> bool:
        if self._record_plainly(claim, answer, recording):
            return True
        for left in reversed(range(RECORD_TRIES)):
            try:
                with self._transactions.write() as connection:
                    return record(connection, claim, answer, recording)
            except IntegrityError:
                # Another attempt got the same provider id at the same moment: the next try sees it.
                if left == 0:
                    raise
        raise AssertionError("unreachable")

    def _record_plainly(self, claim: Claim, answer: Answer, recording: Recording) -> bool:
        """False where it cannot be written without looking first: nothing is written then."""
        try:
            with self._transactions.direct() as direct:
                return record_plainly(direct, claim, answer, recording)
        except Repeated:
            return False  # the provider gave this id to another call


def refuse(direct: Direct, ticket: Ticket, row: Fields) -> NotClaimed | None:
    """None when every gate is open; else the call is handed back or closed, and the gate named."""
    now: datetime = row["now"]
    reason, why = over(row, now), closed_gate(row, now)
    if reason is not None:
        why = f"the batch is {reason}"
        moves = move([CallState.QUEUED], CallState.CLOSED).values(**closing(reason, now, why))
    elif why is not None:
        moves = move([CallState.QUEUED], CallState.READY).values(why=why)
    else:
        return None
    this = moves.where(calls.c.call_id == ticket.call_id, calls.c.push_seq == ticket.push_seq)
    if direct.write(Statement(this), {}) != 1:
        return _STALE
    if reason is not None:
        note_change(direct, ticket.batch_id, counted(CallState.CLOSED, reason))
    return NotClaimed(why)


def open_attempt(direct: Direct, claim: Claim, opened: Mapping[str, Any]) -> None:
    values = {
        **opened,
        "call_id": claim.call_id,
        "number": claim.number,
        "batch_id": claim.batch_id,
        "reference": claim.reference,
        "claim_id": claim.claim_id,
        "state": AttemptState.DIALING.value,
        "claimed_at": claim.claimed_at,
        "closes_at": claim.closes_at,
    }
    direct.write(_OPEN, values)


def remember_wire_exp(direct: Direct, claim: Claim, row: Fields) -> None:
    """The request names the span's end as exp. Written once for each span, so claims don't queue at their cohort."""
    known = row[cohorts.c.wire_exp]
    if known is not None and known >= claim.closes_at:
        return
    c = cohorts.c
    later = update(cohorts).where(
        c.cohort_id == row[c.cohort_id], c.wire_exp.is_(None) | (c.wire_exp < claim.closes_at)
    )
    direct.write(Statement(later.values(wire_exp=claim.closes_at)), {})


def forget_attempt(connection: Connection, claim: Claim) -> None:
    """No request was made: the attempt never was. Its number is not given again."""
    a = attempts.c
    connection.execute(delete(attempts).where(a.call_id == claim.call_id, a.number == claim.number))


def kept_of(row: Fields) -> dict[str, str]:
    kept = row[calls.c.kept]
    return dict(json.loads(kept)) if kept else {}
