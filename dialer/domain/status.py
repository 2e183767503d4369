"""What a reader is told of a batch, of one number, and of an account: the documents of contract sections 3 and 5."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.domain.call import AttemptRecord


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """One batch at a glance; `why` says in one line why nothing dials now, None while calls go out."""

    batch_id: str
    workspace_id: str
    agent_id: str
    batch_ref: str
    state: str
    total: int
    #: by state; their sum is `total`
    counts: dict[str, int]
    #: by close reason; their sum is counts["closed"]
    closed: dict[str, int]
    outcomes: dict[str, int]
    attempts: int
    in_flight: int
    why: str | None
    next_open_at: datetime | None
    rate_per_minute: float
    eta: datetime | None


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate as `explain` shows it. `verdict`: open | closed; `until`: when that changes, where it is known."""

    gate: str
    verdict: str
    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one number is not being dialed now, and when it will be."""

    batch_id: str
    call_id: str
    phone: str
    state: str
    why: str | None
    next_eligible_at: datetime | None
    gates: tuple[Gate, ...]
    #: what was tried so far, each with the gates as they stood for it
    attempts: tuple[AttemptRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One provider account: its guards, pace and channels."""

    name: str
    kind: str
    #: open | probing | stopped
    state: str
    stop: str | None
    reason: str | None
    until: datetime | None
    balance: float | None
    balance_at: datetime | None
    minimum_balance: float | None
    calls_per_second: float
    channels: int
    #: dialing, in progress and unknown
    in_use: int
    queued: int
    held: bool


@dataclass(frozen=True, slots=True)
class ZoneWeek:
    """The open spans of one zone set within [start, end)."""

    zones: tuple[str, ...]
    open: tuple[tuple[datetime, datetime], ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What asking the providers about a batch's unknown attempts brought."""

    asked: int
    #: the provider has them
    found: int
    #: ended by now
    settled: int
    unresolved: int
    #: asked again later
    later: int


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of `dialer check`."""

    name: str
    ok: bool
    detail: str
    is_warning: bool = False
