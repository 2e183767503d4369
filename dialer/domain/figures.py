"""The dialer in figures, as whoever watches it by machine reads them. Values only; no number and no batch is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.domain.states import CallState, CloseReason, Lane, Outcome, StopKind


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """One provider account."""

    #: attempts that ended, by outcome, ever
    attempts: dict[Outcome, int] = field(default_factory=dict)
    #: calls that closed, by reason, ever
    closed: dict[CloseReason, int] = field(default_factory=dict)
    #: calls that are queued, dialing, in progress and unknown
    in_flight: dict[CallState, int] = field(default_factory=dict)
    channels: int = 0
    calls_per_second: float = 0.0
    #: channels in use by Redis' book; None while Redis is away
    permits: int | None = None
    #: what keeps it from placing calls: the breaker, a closed credit guard, refused credentials, …
    stop: StopKind | None = None
    #: the red button of this account
    is_held: bool = False
    balance: float | None = None
    #: how long its longest overdue call has been due in an open window
    due_lag: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What the ledger says in one look."""

    attempts: dict[str, dict[Outcome, int]]
    closed: dict[str, dict[CloseReason, int]]
    in_flight: dict[str, dict[CallState, int]]
    #: calls in Redis or on their way there
    look_ahead: dict[Lane, int]
    due_lag: dict[str, timedelta]
    #: owners of agents are still to be told
    notices_waiting: int
    #: given up, until somebody replays them
    notices_dead: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them, read at `at`."""

    at: datetime
    accounts: dict[str, AccountFigures]
    look_ahead: dict[Lane, int]
    #: by lane
    workers: dict[Lane, int]
    last_tick: datetime | None
    #: reachable, and set up by a scheduler
    is_redis_ready: bool
    #: red buttons that are pressed, whatever their reach
    holds: int
    #: why nothing may be dialed until an operator has spoken
    is_doubted: bool
    notices_waiting: int
    notices_dead: int
