"""The ports to Redis: admission, signals, the pace of API keys, and the lanes' queues. All may be wiped at any moment;
the ledger is the truth.

Every method raises RedisUnreachable when Redis does not answer: whoever asked then dials nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dialer.domain.call import Claim, Queued
from dialer.domain.placement import Account
from dialer.domain.states import Lane


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit: one channel, and a start instant `start_in` seconds from now (0 to 1)."""

    start_in: float
    #: Redis' clock when it was granted; None where it was not told
    at: datetime | None = field(default=None, compare=False)
    #: the epoch in which it was granted: arming in another is refused
    epoch: str = field(default="", compare=False)
    #: the attempt that it is for, or a later one of its call, was armed before: the ledger may have forgotten it
    is_witnessed: bool = False


#: why a Refusal: the coming second is full
PACE = "pace"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No permit now; ask again in `retry_in` seconds. `why`: no channel | pace | stale."""

    why: str
    retry_in: float


class Armed(StrEnum):
    """The verdict of the last check before a request."""

    GO = "go"
    #: a pause, terminate or hold is in force
    HALT = "halt"
    #: the epoch is missing or another: this Redis was not set up by the scheduler, or was since the permit
    STALE = "stale"
    #: this call was armed before at this or a later number by another claim: the ledger forgot something
    WITNESSED = "witnessed"
    #: the permit is gone (derived away while this worker was frozen)
    UNPERMITTED = "unpermitted"


@dataclass(frozen=True, slots=True)
class Bunched:
    """Not now: as many of its account as a second may see have just left. Ask again in `retry_in` seconds."""

    retry_in: float


class Admission(Protocol):
    """Pace and channels of provider accounts, shared by every worker on every host."""

    def permit(
        self, account: Account, lane: Lane, reference: str, call_id: str = "", number: int = 0
    ) -> Grant | Refusal:
        """Ask for a channel and a start instant; idempotent per reference (asking again charges nothing).

        `number`: of the call's attempt that would be claimed next; 0 = it is claimed already.
        """
        ...

    def arm(self, claim: Claim, most: int = 0) -> Armed | Bunched:
        """Epoch, signals, witness and permit in one step, right before the request; records the witness on GO.

        `most`: so many of its account at most are told GO within a second; 0 = any.
        """
        ...

    def free(self, account: str, reference: str) -> None:
        """Give the channel back; harmless when it is not held."""
        ...

    def derive(self, account: str, live: Iterable[str], grace_seconds: float) -> None:
        """Make the permits what the ledger says: add missing references, drop those not live and older than the
        grace."""
        ...

    def held(self, account: str) -> int:
        """Channels in use now."""
        ...


class Throttle(Protocol):
    """How often each API key may come over HTTP, counted for all servers together. It dials nobody."""

    def wait(self, key_id: str, per_second: float) -> float:
        """Seconds until this key may send again; 0 = it may now, and has. Twice `per_second` at once, then as many as
        it says."""
        ...


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: `word` go | pause | terminate for `b:<batch id>`; go | hold for `all`, `w:<workspace>`,
    `a:<account>`."""

    key: str
    word: str
    seq: int

    @staticmethod
    def batch_key(batch_id: str) -> str:
        return f"b:{batch_id}"


class Signals(Protocol):
    """Pause and terminate as workers see them, and the epoch that makes them trustworthy."""

    def write(self, signal: Signal) -> None:
        """Set one signal; an older seq never overwrites a newer one."""
        ...

    def align(self, signals: Sequence[Signal]) -> tuple[Signal, ...]:
        """Write what differs, drop every `go` that is not named. Return, and leave standing, what may show that the
        ledger was rolled back: signals that are NEWER in Redis, and halting ones that are not named."""
        ...

    def epoch_stands(self) -> bool:
        """True when the epoch key names this very Redis process (its run_id)."""
        ...

    def raise_epoch(self) -> None:
        """Only the leading scheduler, after signals, guards and permits were rebuilt: pace starts at full debt."""
        ...

    def witness_tick(self, ledger_id: str, at: datetime) -> None:
        """Remember how far this ledger had come: its last good tick, by its own clock."""
        ...

    def witnessed_tick(self, ledger_id: str) -> datetime | None:
        """The latest tick that was remembered of this ledger; None = this Redis never saw one."""
        ...

    def wake(self, *, is_test: bool = False) -> None:
        """Wake the leader (one element at most); for a test call also whoever awaits only these."""
        ...

    def await_wake(self, seconds: float, *, is_test: bool = False) -> bool:
        """Leader only: sleep until woken, or for a test call woken, or the time is over."""
        ...


class CallQueue(Protocol):
    """The lanes: messages are hints that a call may be due, never the truth."""

    def push(self, calls: Sequence[Queued]) -> None:
        """Push call id and push sequence of each to its lane, in order; raises when delivery is uncertain."""
        ...

    def depths(self) -> Mapping[Lane, int]:
        """Messages waiting per lane."""
        ...

    def tell(self, notice_ids: Sequence[str]) -> None:
        """Push notices to whoever tells them, in a queue of their own; raises when delivery is uncertain."""
        ...

    def untold(self) -> int:
        """Notices waiting there."""
        ...


@dataclass(frozen=True, slots=True)
class StartWindow:
    """How long after its claim a request may still leave, and when a claim counts as abandoned; seconds."""

    #: connect time and scheduling slack
    start_seconds: float = 8.0
    #: added to start and deadline before a dead worker's claim becomes unknown
    margin_seconds: float = 2.0

    def row_deadline(self, deadline_seconds: float) -> float:
        """Seconds from a claim until its outcome must have been recorded by a living worker."""
        return self.start_seconds + deadline_seconds + self.margin_seconds
