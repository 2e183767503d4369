"""Batches and calls with defaults, and the short way of a call to the state that a test begins with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, update

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones, Span
from dialer.domain.call import CallRecord, Claim, DueCohort, NewCall, NotClaimed, OpenAttempt, Queued, Ticket
from dialer.domain.placement import Answer, AnswerKind
from dialer.domain.states import AttemptState, CallState, Lane
from dialer.ledger import SqlLedger
from dialer.ledger.tables import batches
from dialer.ports.ledger import OpenedLoad, Recording

ACCOUNT = "inspra_au"
WORKER, BOOT = "worker-1", "boot-1"
MELBOURNE = CohortZones(("Australia/Melbourne",), ("Australia/Melbourne",))
PERTH = CohortZones(("Australia/Perth",), ("Australia/Perth",))
START, DEADLINE = timedelta(seconds=8), timedelta(seconds=40)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2090, 1, 1, tzinfo=UTC)


def always_open(terms: BatchTerms, zones: CohortZones, now: datetime) -> Span | None:
    return Span(terms.nbf, terms.exp) if now < terms.exp else None


def never_open(terms: BatchTerms, zones: CohortZones, now: datetime) -> Span | None:
    return None


def name_of(ref: str = "spring") -> BatchName:
    return BatchName("w1", "a1", ref)


def terms_of(ref: str = "spring", **changed: Any) -> BatchTerms:
    return replace(BatchTerms(name_of(ref), ACCOUNT, nbf=LONG_AGO, exp=FAR_OFF, cli="+61387772586"), **changed)


def phone_of(index: int) -> str:
    return f"+6139{index:07d}"


def new_calls(count: int = 1, first: int = 0, **changed: Any) -> list[NewCall]:
    return [replace(NewCall(phone_of(first + index), MELBOURNE), **changed) for index in range(count)]


def answer(kind: AnswerKind = AnswerKind.ACCEPTED, **changed: Any) -> Answer:
    return replace(Answer(kind, "the provider's words", 200, "their-1"), **changed)


IN_PROGRESS = Recording(CallState.IN_PROGRESS, AttemptState.IN_PROGRESS, first_look=timedelta(0))
UNKNOWN = Recording(CallState.UNKNOWN, AttemptState.UNKNOWN, first_look=timedelta(0))


@dataclass
class House:
    """A ledger with one account set up, and verbs that tests begin with."""

    ledger: SqlLedger
    loads: list[OpenedLoad] = field(default_factory=list)

    def open(self, terms: BatchTerms, **named: Any) -> OpenedLoad:
        name = None if terms.is_test else terms.name
        next_span = named.pop("next_span", always_open)
        named.setdefault("resume", False)
        return self.ledger.loads.open(name, lambda old, now: terms, next_span, **named)

    def load(self, terms: BatchTerms | None = None, calls: Sequence[NewCall] | None = None, **named: Any) -> Batch:
        next_span = named.get("next_span", always_open)
        opened = self.open(terms or terms_of(), **named)
        self.ledger.loads.add(opened, new_calls() if calls is None else calls, next_span)
        return self.ledger.loads.finish(opened)

    def due(self, lane: Lane = Lane.NORMAL, room: int = 100, account: str = ACCOUNT, **most: int) -> list[DueCohort]:
        return [due for due in self.ledger.release.due({account: room}, room, **most) if due.lane is lane]

    def push(self, lane: Lane = Lane.NORMAL, per_cohort: int = 100, account: str = ACCOUNT) -> list[Queued]:
        turns = [due for due in self.due(lane, per_cohort, account) for _ in range(min(due.count, per_cohort))]
        return self.ledger.release.enqueue(turns)

    def ticket(self, queued: Queued | None = None) -> Ticket:
        [queued] = [queued] if queued else self.push()
        ticket = self.ledger.claims.ticket(queued.call_id, queued.push_seq)
        assert ticket is not None
        return ticket

    def take(
        self, ticket: Ticket, worker: str = WORKER, boot_id: str = BOOT, deadline: timedelta = DEADLINE
    ) -> Claim | NotClaimed:
        return self.ledger.claims.take(ticket, worker, boot_id, str(uuid.uuid4()), START, deadline)

    def claim(self, ticket: Ticket | None = None, **named: Any) -> Claim:
        claim = self.take(ticket or self.ticket(), **named)
        assert isinstance(claim, Claim), claim
        return claim

    def open_attempt(self, claim: Claim | None = None, recording: Recording = IN_PROGRESS) -> OpenAttempt:
        claim = claim or self.claim()
        kind = AnswerKind.ACCEPTED if recording.call_state is CallState.IN_PROGRESS else AnswerKind.UNKNOWN
        provider_call_id = f"their-{claim.reference}" if kind is AnswerKind.ACCEPTED else None
        assert self.ledger.claims.record(claim, answer(kind, provider_call_id=provider_call_id), recording)
        [attempt] = [one for one in self.ledger.attempts.due(100) if one.claim_id == claim.claim_id]
        return attempt

    def rewrite(self, table: Table, where: ColumnElement[bool], **columns: Any) -> None:
        """What time or an operator's SQL would have done to these rows."""
        with self.ledger._transactions.write() as connection:
            connection.execute(update(table).where(where).values(**columns))

    def let_expire(self, batch: Batch) -> None:
        self.rewrite(batches, batches.c.batch_id == batch.batch_id, exp=LONG_AGO + DAY)

    def call(self, call_id: str) -> CallRecord:
        found = self.ledger.reading.call(call_id)
        assert found is not None
        return found[0]

    def only_call(self, batch: Batch) -> CallRecord:
        [record] = self.ledger.reading.calls(batch.batch_id)
        return record
