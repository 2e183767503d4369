"""What a call, an attempt and a batch may be, and every legal move of a call as one table; who makes a move is the
engine's."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class CallState(StrEnum):
    """Where a call stands; `docs/lifecycle.md` has the picture."""

    #: not due yet: its `due_at` lies ahead (or it belongs to a template and is never due)
    WAITING = "waiting"
    #: due; its cohort decides the hour
    READY = "ready"
    #: a message for it was pushed to its lane
    QUEUED = "queued"
    #: claimed by a worker: the point of no return
    DIALING = "dialing"
    #: the provider has it
    IN_PROGRESS = "in_progress"
    #: a request may have placed a call; never dialed again on a guess
    UNKNOWN = "unknown"
    #: over, with a close reason
    CLOSED = "closed"


#: States in which a call has a live attempt: it may be ringing.
LIVE_STATES = frozenset({CallState.DIALING, CallState.IN_PROGRESS, CallState.UNKNOWN})
#: States before any request: a terminate closes them at once.
DIALABLE_STATES = frozenset({CallState.WAITING, CallState.READY, CallState.QUEUED})
OPEN_STATES = LIVE_STATES | DIALABLE_STATES

_W, _R, _Q, _D = CallState.WAITING, CallState.READY, CallState.QUEUED, CallState.DIALING
_P, _U, _C = CallState.IN_PROGRESS, CallState.UNKNOWN, CallState.CLOSED

#: from -> to -> the moves that make it. What is not here is an IllegalMove.
LEGAL_MOVES: dict[CallState, dict[CallState, str]] = {
    _W: {_R: "due", _U: "restored, late answer", _C: "expire, suppress, terminate"},
    _R: {_Q: "release", _U: "restored, late answer", _C: "expire, suppress, terminate"},
    _Q: {
        _Q: "rescue pushes again",
        _R: "hand back",
        _W: "hand back until later",
        _D: "claim",
        _U: "restored, late answer",
        _C: "expire, terminate, set aside",
    },
    _D: {
        _P: "accepted",
        _C: "rejected, handed off, gate, set aside",
        _W: "deferred",
        _R: "deferred",
        _U: "no answer, dead worker",
    },
    _P: {_C: "settle", _W: "retry", _U: "rescue"},
    _U: {_P: "found", _C: "settle, unresolved", _W: "retry", _R: "resolved not placed", _D: "redial, same reference"},
    _C: {_R: "requeue, reopen"},
}


def is_legal(old: CallState, new: CallState) -> bool:
    return new in LEGAL_MOVES[old]


class CloseReason(StrEnum):
    """Why a call is over."""

    #: an attempt was answered
    REACHED = "reached"
    #: accepted by a provider that reports no outcome
    HANDED_OFF = "handed_off"
    #: the last attempt allowed ended without an answer
    EXHAUSTED = "exhausted"
    #: the provider refused this number for good
    REJECTED = "rejected"
    #: `exp` passed
    EXPIRED = "expired"
    #: on the do-not-call list, for good
    SUPPRESSED = "suppressed"
    #: its batch was terminated
    TERMINATED = "terminated"
    #: it could not be learned what a request did, or it kept failing for a reason nobody foresaw; an operator decides
    UNRESOLVED = "unresolved"


class Outcome(StrEnum):
    """How an attempt ended on the line."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    FAILED = "failed"
    UNKNOWN = "unknown"


class AttemptState(StrEnum):
    """Where one placement request stands."""

    DIALING = "dialing"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    #: ended on the line, with an outcome
    ENDED = "ended"
    #: accepted where no outcome is reported
    HANDED_OFF = "handed_off"
    #: 400 or 422: this number, for good
    REJECTED = "rejected"
    #: 401, 402, 404, 429: the account, not the number; spends nothing
    REFUSED = "refused"
    #: the request never left; spends nothing
    NOT_SENT = "not_sent"
    #: no news until `max_call_seconds` or `give_up_seconds` were over
    UNRESOLVED = "unresolved"


LIVE_ATTEMPTS = frozenset({AttemptState.DIALING, AttemptState.IN_PROGRESS, AttemptState.UNKNOWN})
#: These spent no attempt; every other state reached, or may have reached, the provider.
UNSPENT_ATTEMPTS = frozenset({AttemptState.REFUSED, AttemptState.NOT_SENT})


class BatchState(StrEnum):
    """What the ledger stores of a batch. Outside, `active` reads `scheduled` before nbf and `running` after."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Lane(IntEnum):
    """Priority queues, served strictly in this order."""

    TEST = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @property
    def queue(self) -> str:
        """The Celery queue of this lane, e.g. `dialer.high`."""
        return f"dialer.{self.word}"

    @classmethod
    def of(cls, word: str) -> Lane:
        return cls[word.upper()]


class StopKind(StrEnum):
    """Why an account places nothing for now."""

    #: 401, 403: ends by changed credentials, by `dialer accounts resume`, or by one probe every 15 minutes
    AUTH = "auth"
    #: 402 or a low balance: ends when the balance is there, by one probe call
    CREDIT = "credit"
    #: 429: ends with Retry-After
    THROTTLED = "throttled"
    #: too many requests unsent or without an answer: ends by one probe, a read where the API has one
    BREAKER = "breaker"


#: The key of the hold that a drain is: beside the red button of scope `all`, so that whatever heeds that heeds this, a
#: worker of an older version too.
DRAIN = "drain"


class HoldScope(StrEnum):
    """How far a red button reaches."""

    ALL = "all"
    WORKSPACE = "workspace"
    ACCOUNT = "account"
