"""The whole dialer at a glance: what runs, what waits and why, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.domain.status import AccountStatus, BatchStatus
from dialer.domain.upkeep import Alert


@dataclass(frozen=True, slots=True)
class LaneGlance:
    """One lane: calls on their way to a worker, and living workers that serve it."""

    lane: str
    queued: int
    workers: int


@dataclass(frozen=True, slots=True)
class WorkerGlance:
    """One worker. `state`: alive, stopped (it said so), or silent (dead, or cut off)."""

    worker: str
    state: str
    lanes: tuple[str, ...]
    #: claims of it that are not recorded yet
    dialing: int
    silent_seconds: float
    #: the schema its version was written for
    revision: str | None


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything `dialer top` shows, as of one moment."""

    at: datetime
    scheduler: str | None
    last_tick_seconds: float | None
    is_ticking: bool
    #: None = it stands as the scheduler has set it up; else what is the matter with it
    redis: str | None
    drained_since: datetime | None
    #: red buttons that are pressed: all, workspace NAME, account NAME
    held: tuple[str, ...]
    #: calls in flight, by state
    in_flight: dict[str, int]
    lanes: tuple[LaneGlance, ...]
    workers: tuple[WorkerGlance, ...]
    accounts: tuple[AccountStatus, ...]
    #: open batches, those with calls in flight first, then the newest
    batches: tuple[BatchStatus, ...]
    #: how many there are
    open_batches: int
    alerts: tuple[Alert, ...]
    #: what somebody should look at, the worst first
    wrong: tuple[str, ...]
