"""Calls and attempts as values: what is loaded, what a worker claims, and what a reader sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dialer.domain.batch import BatchTerms, CohortZones
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Lane, Outcome


@dataclass(slots=True)
class NewCall:
    """One number on its way into the ledger, checked. Not frozen: a load makes millions, and that would cost a tenth of
    its time."""

    phone: str
    zones: CohortZones
    #: JSON text of an object, at most 5 KB, byte for byte as given; None = no variables
    variables: str | None = None
    timezone: str | None = None
    #: None = the batch's
    max_retries: int | None = None
    #: None = the batch's
    lane: Lane | None = None
    #: on the do-not-call list for good: it enters closed, `suppressed`
    is_suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """A call marked `queued`, its message still to be pushed."""

    call_id: str
    push_seq: int
    lane: Lane


@dataclass(frozen=True, slots=True)
class DueCohort:
    """An open cohort with calls that are due in one lane, candidates for release."""

    account: str
    batch_id: str
    cohort_id: int
    lane: Lane
    #: calls that are due, as far as was looked
    count: int
    #: there may be more
    has_more: bool


@dataclass(frozen=True, slots=True)
class Ticket:
    """A queued call as a worker reads it before asking for a permit. Nothing is claimed yet."""

    call_id: str
    push_seq: int
    batch_id: str
    account: str
    lane: Lane
    #: the attempt its claim will make: claim_seq + 1
    next_number: int
    #: of that attempt: uuid5 of ledger id, call id and attempt number
    reference: str
    phone: str
    variables: str | None
    kept: dict[str, str] = field(default_factory=dict)
    workspace_id: str = ""
    agent_id: str = ""
    #: for so long its window stays open from when this was read, by the ledger's clock; 0 = it is closed
    open_seconds: float = math.inf
    #: of the Redis that granted its permit; nothing before it has one
    epoch: str = ""
    #: Redis knows of an armed attempt of this number or a later one: the ledger may have forgotten it
    is_witnessed: bool = False


@dataclass(frozen=True, slots=True)
class Suppression:
    """One do-not-call entry. `workspace_id` None = for all; `until` None = for good."""

    phone: str
    reason: str
    workspace_id: str | None = None
    until: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed call: `queued → dialing` is committed, and the attempt row with it."""

    claim_id: str
    call_id: str
    batch_id: str
    #: attempt number = the call's claim sequence: plus one at each claim, never reused
    number: int
    reference: str
    phone: str
    variables: str | None
    timezone: str | None
    lane: Lane
    terms: BatchTerms
    zones: CohortZones
    wire_ref: str
    kept: dict[str, str]
    #: ledger clock, read after the barrier
    claimed_at: datetime
    #: of the cohort's open span (cut to exp)
    closes_at: datetime
    #: attempts spent before this one
    attempts_spent: int
    #: the call's own, else the batch's
    max_retries: int
    #: the strictest entry in force for this number, read in the claim
    suppression: Suppression | None
    control_seq: int
    #: the account's stop has run out and this call finds out: an answer lifts it
    is_probe: bool = False
    #: a fault is among the account's last answers: this one is to be counted, whatever it is
    is_watched: bool = False
    #: the epoch of the Redis that granted its permit; in another it is not armed
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Why a claim got nothing. `is_duplicate`: the message is stale, the call is somebody else's or over by now."""

    why: str
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """A live attempt about which the provider is to be asked."""

    call_id: str
    batch_id: str
    number: int
    reference: str
    claim_id: str
    account: str
    state: AttemptState
    phone: str
    agent_id: str
    provider_call_id: str | None
    claimed_at: datetime
    #: too late for its request to have left
    left_by: datetime
    #: when it became in_progress or unknown
    since: datetime
    #: questions asked so far; the pauses grow with it
    looks: int
    attempts_spent: int
    max_retries: int
    terms: BatchTerms
    batch_state: BatchState
    #: ledger clock at the time of reading
    now: datetime
    #: not an attempt that the ledger knows of, but one it may have forgotten when it was restored
    is_recovered: bool = False
    #: nor does the ledger know under which references: the call's row is younger than the backup
    is_nameless: bool = False
    #: unforeseen failures in a row
    failures: int = 0

    @property
    def age(self) -> timedelta:
        """How long it has been asked about, at most: one that the ledger may have forgotten has no true beginning."""
        return self.now - (self.since if self.is_recovered else self.claimed_at)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt as readers see it (contract section 3)."""

    number: int
    reference: str
    account: str
    provider_call_id: str | None
    state: AttemptState
    outcome: Outcome | None
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    credits_charged: float | None
    recording_url: str | None
    summary: str | None
    transcript: str | None
    http_status: int | None
    detail: str | None
    raw: str | None
    claimed_at: datetime | None = None
    worker: str | None = None
    #: the gates as they stood for its claim, each with what it said
    gates: tuple[dict[str, Any], ...] = ()
    #: what operators decided about it: {"decision", "by", "at"}
    decisions: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as readers see it (contract section 3)."""

    call_id: str
    batch_id: str
    phone: str
    timezone: str | None
    priority: str
    state: CallState
    close_reason: CloseReason | None
    outcome: Outcome | None
    due_at: datetime | None
    max_retries: int
    attempts_spent: int
    variables: dict[str, Any] | None
    attempts: tuple[AttemptRecord, ...] = ()
    #: what held it or went wrong last, where a move has left a word
    why: str | None = None
