"""The ports as one process sees them: every call is a point at which the process may die, freeze or be overtaken, and
at which its Redis or its ledger may be out of reach, or may do as asked while the answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol


class Wire(Protocol):
    """Carries one call of a port."""

    def carry(self, port: str, verb: str, real: Callable[..., Any], given: Any, named: Any) -> Any: ...


class Wired:
    """A port or a room of the ledger, every method of it carried by a wire."""

    def __init__(self, wire: Wire, port: str, real: Any) -> None:
        self._wire, self._port, self._real = wire, port, real

    def __getattr__(self, verb: str) -> Any:
        real = getattr(self._real, verb)
        if not callable(real):
            return real

        def call(*given: Any, **named: Any) -> Any:
            return self._wire.carry(self._port, verb, real, given, named)

        self.__dict__[verb] = call
        return call


class WiredLedger:
    """The rooms of the ledger, and its clock, as this process sees them."""

    def __init__(self, wire: Wire, ledger: Any, *, keeps_host_time: bool) -> None:
        self._wire, self._ledger = wire, ledger
        self.keeps_host_time = keeps_host_time

    def __getattr__(self, name: str) -> Any:
        room = getattr(self._ledger, name)
        if isinstance(room, str):
            return room
        self.__dict__[name] = wired = Wired(self._wire, name, room)
        return wired

    def now(self) -> datetime:
        now: datetime = self._wire.carry("ledger", "now", self._ledger.now, (), {})
        return now


class ProcessClock:
    """A process' own clock: its sleep lets others act, and its freezes count, unless it is one that misses them."""

    def __init__(
        self,
        boottime: Callable[[], float],
        utc: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.boottime, self.utc, self.sleep = boottime, utc, sleep
