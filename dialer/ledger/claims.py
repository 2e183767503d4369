"""From queued to dialing, the point of no return, and what a worker writes of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialer.domain.call import Claim, NotClaimed, Ticket
from dialer.domain.placement import Answer
from dialer.domain.reference import reference_of
from dialer.domain.states import AttemptState, CallState, CloseReason, Lane
from dialer.ledger.columns import clock, word
from dialer.ledger.gates import DOUBT, HELD, closed_gate, over
from dialer.ledger.moves import closing, move, standing
from dialer.ledger.recording import record
from dialer.ledger.rows import LANE, MAX_RETRIES, cohort_of, terms_of
from dialer.ledger.suppressions import strictest
from dialer.ledger.tables import accounts, attempts, batches, calls, cohorts
from dialer.ledger.tallies import add_delta, counted
from dialer.ledger.transactions import Transactions
from dialer.ports.ledger import Recording

#: A provider that repeats an id makes the first try fail at most once for each id it brings.
RECORD_TRIES = 3

_STALE = NotClaimed("its message is stale: the call was moved since", is_duplicate=True)
_LANE, _RETRIES, _NOW = LANE.label("own_lane"), MAX_RETRIES.label("own_retries"), clock().label("now")

_CLAIMABLE = (
    select(calls, batches, cohorts, accounts, HELD, DOUBT, _LANE, _RETRIES, _NOW)
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .join(cohorts, cohorts.c.cohort_id == calls.c.cohort_id)
    .join(accounts, accounts.c.name == batches.c.account, isouter=True)
    .where(calls.c.state == word(CallState.QUEUED))
)
_TICKET = (
    select(calls, batches.c.account, batches.c.workspace_id, batches.c.agent_id, _LANE)
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .where(calls.c.state == word(CallState.QUEUED))
)


class SqlClaims:
    """`dialer.ports.ledger.Claims`."""

    def __init__(self, transactions: Transactions, ledger_id: Any) -> None:
        self._transactions = transactions
        #: read when first needed: the ledger may be out of reach when it is opened
        self._ledger_id = ledger_id

    def ticket(self, call_id: str, push_seq: int) -> Ticket | None:
        wanted = _TICKET.where(calls.c.call_id == call_id, calls.c.push_seq == push_seq)
        with self._transactions.read() as connection:
            row = connection.execute(wanted).mappings().one_or_none()
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
        with self._transactions.write() as connection:
            self._transactions.backend.share(connection, ticket.batch_id)
            query = _CLAIMABLE.where(calls.c.call_id == ticket.call_id, calls.c.push_seq == ticket.push_seq)
            row = connection.execute(query).mappings().one_or_none()
            if row is None or row[calls.c.claim_seq] + 1 != ticket.next_number:
                return _STALE  # the permit was asked for under another reference
            refusal = refuse(connection, ticket, row)
            if refusal is not None:
                return refusal
            claim = self._claim(connection, ticket, row, claim_id)
            if not claimed(connection, ticket, claim):
                return _STALE
            opened = {"worker": worker, "boot_id": boot_id, "account": ticket.account}
            if account_of is not None:
                opened["gates"] = account_of(claim)
            open_attempt(connection, claim, opened, claim.claimed_at + start, claim.claimed_at + deadline)
            remember_wire_exp(connection, claim, row)
            return claim

    def _claim(self, connection: Connection, ticket: Ticket, row: RowMapping, claim_id: str) -> Claim:
        c, terms, cohort = calls.c, terms_of(row), cohort_of(row)
        number = row[c.claim_seq] + 1
        return Claim(
            claim_id=claim_id,
            call_id=ticket.call_id,
            batch_id=ticket.batch_id,
            number=number,
            reference=reference_of(self._ledger_id(), ticket.call_id, number),
            phone=row[c.phone],
            variables=row[c.variables],
            timezone=row[c.timezone],
            lane=Lane(row["own_lane"]),
            terms=terms,
            zones=cohort.zones,
            wire_ref=cohort.wire_ref(terms.name.batch_ref),
            kept=kept_of(row),
            claimed_at=row["now"],
            closes_at=row[cohorts.c.closes_at],
            attempts_spent=row[c.attempts_spent],
            max_retries=row["own_retries"],
            suppression=strictest(connection, row[c.phone], terms.name.workspace_id, row["now"]),
            control_seq=row[batches.c.control_seq],
            is_probe=row[accounts.c.stop] is not None,
            is_watched="1" in row[accounts.c.recent],
            epoch=ticket.epoch,
        )

    def defer(self, claim: Claim, after: timedelta | None, why: str) -> bool:
        with self._transactions.write() as connection:
            call = standing(connection, claim.call_id)
            if call is None or call.state is not CallState.DIALING or call.claim_id != claim.claim_id:
                return False
            call.back(connection, after, why)
            forget_attempt(connection, claim)
            return True

    def withdraw(self, call_id: str, claim_id: str, why: str) -> bool:
        with self._transactions.write() as connection:
            call = standing(connection, call_id)
            if call is None or call.state is not CallState.DIALING or call.claim_id != claim_id:
                return False
            call.back(connection, None, why)
            a = attempts.c
            connection.execute(delete(attempts).where(a.call_id == call_id, a.claim_id == claim_id))
            return True

    def close(self, claim: Claim, reason: CloseReason, why: str) -> bool:
        with self._transactions.write() as connection:
            call = standing(connection, claim.call_id)
            if call is None or call.state is not CallState.DIALING or call.claim_id != claim.claim_id:
                return False
            call.close(connection, reason, why)
            forget_attempt(connection, claim)
            return True

    def record(self, claim: Claim, answer: Answer, recording: Recording) -> bool:
        for left in reversed(range(RECORD_TRIES)):
            try:
                with self._transactions.write() as connection:
                    return record(connection, claim, answer, recording)
            except IntegrityError:
                # Another attempt got the same provider id at the same moment: the next try sees it.
                if left == 0:
                    raise
        raise AssertionError("unreachable")


def refuse(connection: Connection, ticket: Ticket, row: RowMapping) -> NotClaimed | None:
    """None when every gate is open; else the call is handed back or closed, and the gate named."""
    now: datetime = row["now"]
    reason, why = over(row, now), closed_gate(row, now)
    queued = calls.c.call_id == ticket.call_id, calls.c.push_seq == ticket.push_seq
    if reason is not None:
        why = f"the batch is {reason}"
        done = connection.execute(
            move([CallState.QUEUED], CallState.CLOSED).where(*queued).values(**closing(reason, now, why))
        )
        add_delta(connection, ticket.batch_id, counted(CallState.CLOSED, reason), done.rowcount)
    elif why is not None:
        done = connection.execute(move([CallState.QUEUED], CallState.READY).where(*queued).values(why=why))
    else:
        return None
    return NotClaimed(why) if done.rowcount == 1 else _STALE


def claimed(connection: Connection, ticket: Ticket, claim: Claim) -> bool:
    """The compare-and-set itself."""
    claims = (
        move([CallState.QUEUED], CallState.DIALING)
        .where(calls.c.call_id == ticket.call_id, calls.c.push_seq == ticket.push_seq)
        .where(calls.c.claim_seq == claim.number - 1)
        .values(claim_seq=claim.number, claim_id=claim.claim_id, why=None)
    )
    return connection.execute(claims).rowcount == 1


def open_attempt(
    connection: Connection, claim: Claim, opened: Mapping[str, str], left_by: datetime, deadline_at: datetime
) -> None:
    connection.execute(
        insert(attempts).values(
            **opened,
            call_id=claim.call_id,
            number=claim.number,
            batch_id=claim.batch_id,
            reference=claim.reference,
            claim_id=claim.claim_id,
            state=AttemptState.DIALING.value,
            claimed_at=claim.claimed_at,
            left_by=left_by,
            deadline_at=deadline_at,
            closes_at=claim.closes_at,
        )
    )


def remember_wire_exp(connection: Connection, claim: Claim, row: RowMapping) -> None:
    """The request names the span's end as exp. Written once for each span, so claims don't queue at their cohort."""
    known = row[cohorts.c.wire_exp]
    if known is not None and known >= claim.closes_at:
        return
    c = cohorts.c
    later = update(cohorts).where(
        c.cohort_id == row[c.cohort_id], c.wire_exp.is_(None) | (c.wire_exp < claim.closes_at)
    )
    connection.execute(later.values(wire_exp=claim.closes_at))


def forget_attempt(connection: Connection, claim: Claim) -> None:
    """No request was made: the attempt never was. Its number is not given again."""
    a = attempts.c
    connection.execute(delete(attempts).where(a.call_id == claim.call_id, a.number == claim.number))


def kept_of(row: RowMapping) -> dict[str, str]:
    kept: dict[str, str] = json.loads(row[calls.c.kept] or "{}")
    return kept
