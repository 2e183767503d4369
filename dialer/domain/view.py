"""What a client of an HTTP dialect sees of its workspace: how far a batch is, and one word for where a call stands.

Where nobody knows how a call ended (handed off, unresolved) it is not over here: a client that dials again what was not
picked up would ring people twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, cast

from dialer.domain.batch import Batch
from dialer.domain.call import AttemptRecord, CallRecord
from dialer.domain.states import BatchState, CallState, CloseReason, Outcome

State = Literal["draft", "scheduled", "running", "paused", "completed", "terminated"]


class Stage(StrEnum):
    """How far a batch is."""

    #: begins when it is executed
    DRAFT = "draft"
    #: begins at its nbf
    SCHEDULED = "scheduled"
    #: has begun; also while nobody knows how some of its calls ended
    SENT = "sent"
    #: every call is over
    COMPLETED = "completed"
    #: ended before its time: what was not dialed never will be
    FAILED = "failed"


class CallStatus(StrEnum):
    """Where a call stands, in one word."""

    #: not dialed yet, or waiting for its retry
    QUEUED = "queued"
    #: on its way to a provider, or with one that reports no outcome
    INITIATED = "initiated"
    IN_PROGRESS = "in_progress"
    #: a request may have placed it; the provider is being asked
    UNKNOWN = "unknown"
    #: it could not be learned what a request did
    UNRESOLVED = "unresolved"
    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    DECLINED = "declined"
    FAILED = "failed"
    #: never dialed: expired, suppressed, or its batch was terminated
    CANCELED = "canceled"


STATUS_OF_OPEN: Final = {
    CallState.WAITING: CallStatus.QUEUED,
    CallState.READY: CallStatus.QUEUED,
    CallState.QUEUED: CallStatus.QUEUED,
    CallState.DIALING: CallStatus.INITIATED,
    CallState.IN_PROGRESS: CallStatus.IN_PROGRESS,
    CallState.UNKNOWN: CallStatus.UNKNOWN,
}
STATUS_OF_CLOSED: Final = {
    CloseReason.REACHED: CallStatus.COMPLETED,
    CloseReason.HANDED_OFF: CallStatus.INITIATED,
    CloseReason.REJECTED: CallStatus.FAILED,
    CloseReason.EXPIRED: CallStatus.CANCELED,
    CloseReason.SUPPRESSED: CallStatus.CANCELED,
    CloseReason.TERMINATED: CallStatus.CANCELED,
    CloseReason.UNRESOLVED: CallStatus.UNRESOLVED,
}
#: Of an exhausted call, by its last outcome; any other is `failed`.
STATUS_OF_EXHAUSTED: Final = {
    Outcome.NO_ANSWER: CallStatus.NO_ANSWER,
    Outcome.BUSY: CallStatus.BUSY,
    Outcome.VOICEMAIL: CallStatus.VOICEMAIL,
    Outcome.DECLINED: CallStatus.DECLINED,
}
#: Closed, and yet nobody knows how the call ended.
UNTOLD: Final = frozenset({CloseReason.HANDED_OFF, CloseReason.UNRESOLVED})


def status_of(record: CallRecord) -> CallStatus:
    if record.close_reason is None:
        return STATUS_OF_OPEN[record.state]
    if record.close_reason is not CloseReason.EXHAUSTED:
        return STATUS_OF_CLOSED[record.close_reason]
    return CallStatus.FAILED if record.outcome is None else STATUS_OF_EXHAUSTED.get(record.outcome, CallStatus.FAILED)


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Counts of calls, from rows."""

    total: int = 0
    #: a request for them reached a provider, or may have
    tried: int = 0
    #: somebody answered
    reached: int = 0
    #: closed, and it is known how they ended
    over: int = 0
    #: that the provider charged; None where it names none
    credits: float | None = None
    last_placed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch, and how far it is at `now`, the ledger's clock."""

    batch: Batch
    progress: BatchProgress
    now: datetime

    @property
    def name(self) -> str:
        """The user's title, else its ref."""
        return self.batch.terms.title or self.batch.terms.name.batch_ref

    @property
    def state(self) -> State:
        """The contract's word for its state."""
        if self.batch.state is BatchState.ACTIVE:
            return "scheduled" if self.batch.terms.nbf > self.now else "running"
        return cast(State, self.batch.state.value)

    @property
    def stage(self) -> Stage:
        if self.batch.state is BatchState.DRAFT:
            return Stage.DRAFT
        is_over = self.progress.over == self.progress.total
        match self.batch.state:
            case BatchState.COMPLETED if is_over:
                return Stage.COMPLETED
            case BatchState.TERMINATED if is_over:
                return Stage.FAILED
            case BatchState.ACTIVE | BatchState.PAUSED if self.batch.terms.nbf > self.now:
                return Stage.SCHEDULED
        return Stage.SENT


@dataclass(frozen=True, slots=True)
class CallView:
    """One call, with what its batch adds."""

    record: CallRecord
    batch: Batch
    created_at: datetime

    @property
    def status(self) -> CallStatus:
        return status_of(self.record)

    @property
    def latest(self) -> AttemptRecord | None:
        """Its last attempt, whatever became of it."""
        return self.record.attempts[-1] if self.record.attempts else None


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Which batches of a workspace: newest first, page by page from 0."""

    workspace_id: str
    agent_id: str | None = None
    name: str | None = None
    stage: Stage | None = None
    page: int = 0
    limit: int = 100
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls of a workspace, newest first."""

    workspace_id: str
    agent_id: str | None = None
    batch_id: str | None = None
    status: CallStatus | None = None
    limit: int = 50


#: What a client asked for as one call, outside any list: its batch's ref is this and an id.
SINGLE_PREFIX: Final = "call/"


def single_ref(ref: str) -> str:
    return SINGLE_PREFIX + ref


@dataclass(frozen=True, slots=True)
class Single:
    """One call as a client asks for it, outside any list."""

    workspace_id: str
    agent_id: str
    phone: Any
    #: a uuid that names it: repeating it makes nothing twice
    ref: str
    #: as the account's phone_numbers table names a caller ID, or E.164; None = the agent's or the account's
    phone_number_id: str | None = None
    #: a contact, what is known of which travels as variables
    contact_id: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a client wants changed of a batch that has not begun; None = as it is."""

    name: str | None = None
    starts_at: datetime | None = None
    timezone: str | None = None
    stage: Stage | None = None
