"""The frozen bag of ports and house rules that every move is given; `dialer.bootstrap` fills it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from dialer.domain.placement import Account
from dialer.ports.coordination import Admission, CallQueue, Signals, StartWindow, Throttle
from dialer.ports.ledger import Ledger
from dialer.ports.upkeep import Alarm
from dialer.ports.voice import VoiceProvider


class Clock(Protocol):
    """The process' own clock: for durations only. What is stored is the ledger's time, limits are Redis'."""

    def boottime(self) -> float:
        """Seconds since boot, suspend included; never steps back."""
        ...

    def utc(self) -> datetime:
        """Wall clock; only to be compared with the ledger's."""
        ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Section [timing] of the configuration."""

    #: what a complete list does not show this long after the request counts as absent
    absent: timedelta = timedelta(seconds=120)
    #: an unknown without an answer for this long is unresolved
    give_up: timedelta = timedelta(seconds=600)
    heartbeat: timedelta = timedelta(seconds=2)
    dead_after: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the configuration says for every batch."""

    default_provider: str = ""
    default_timezone: str = ""
    number_check: Literal["possible", "valid"] = "possible"
    legal_hours: tuple[str, ...] = ()
    ignore_zones: frozenset[str] = frozenset()
    test_numbers: frozenset[str] = frozenset()
    timing: Timing = field(default_factory=Timing)
    start_window: StartWindow = field(default_factory=StartWindow)


@dataclass(frozen=True, slots=True)
class Switchboard:
    """Everything a move may touch."""

    ledger: Ledger
    admission: Admission
    signals: Signals
    queue: CallQueue
    clock: Clock
    accounts: Mapping[str, Account]
    providers: Mapping[str, VoiceProvider]
    rules: HouseRules
    #: who is told of alerts
    alarms: Sequence[Alarm] = ()
    #: None where nobody comes over HTTP
    throttle: Throttle | None = None
