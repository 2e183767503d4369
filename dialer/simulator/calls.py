"""Keeps every call that was placed and tells how each stands at a given moment; nothing here ever rings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from os import urandom
from typing import Any

from dialer.simulator import clock
from dialer.simulator.casting import Part
from dialer.simulator.clock import Instant

#: Outcomes in which somebody or something picks up, so that there is talk after the ringing.
PICKED_UP = ("answered", "voicemail", "never")


@dataclass(slots=True)
class PlacedCall:
    """One call as the provider carries it; it starts to ring at `starts` and follows its part from there."""

    call_id: str
    dialect: str
    phone: str
    part: Part
    placed: Instant
    starts: Instant
    request: int
    reference: str | None
    about: dict[str, Any] = field(default_factory=dict)
    #: When the number would ring on a provider that keeps it back (inspra), in seconds since the epoch.
    rang: float | None = None
    held: str | None = None

    @property
    def picks_up(self) -> Instant | None:
        return self.starts.later(self.part.ring_seconds) if self.part.outcome in PICKED_UP else None

    @property
    def ends(self) -> Instant:
        talk = self.part.talk_seconds if self.part.outcome in PICKED_UP else 0.0
        return self.starts.later(self.part.ring_seconds + talk)

    def is_over(self, now: Instant) -> bool:
        """Whether the provider has news of the end: of a call that is scripted `never` it never has."""
        return self.part.outcome != "never" and now.mono >= self.ends.mono

    def phase(self, now: Instant) -> str:
        """`queued`, `ringing`, `in_progress`, or the outcome once it is over."""
        if self.is_over(now):
            return self.part.outcome
        if now.mono < self.starts.mono:
            return "queued"
        picks_up = self.picks_up
        return "in_progress" if picks_up and now.mono >= picks_up.mono else "ringing"

    def is_listed(self, now: Instant) -> bool:
        return now.mono >= self.placed.mono + self.part.list_delay

    def as_json(self, now: Instant) -> dict[str, Any]:
        return {
            "call_id": self.call_id,
            "dialect": self.dialect,
            "phone": self.phone,
            "reference": self.reference,
            "request": self.request,
            "placed_at": clock.iso(self.placed.wall),
            "placed_wall": self.placed.wall,
            "placed_mono": self.placed.mono,
            "ends_mono": self.ends.mono,
            "outcome": self.part.outcome,
            "phase": self.phase(now),
            "rang_wall": self.rang,
            "held": self.held,
            **self.about,
        }


class Exchange:
    """All calls of all dialects, newest last, and what an auditor counts while they are placed."""

    def __init__(self) -> None:
        self._run = urandom(4).hex()
        self._numbers = count(1)
        self._by_id: dict[str, PlacedCall] = {}
        self._of_dialect: dict[str, list[PlacedCall]] = defaultdict(list)
        self._ends: dict[str, list[float]] = defaultdict(list)
        self._last_end: dict[str, float] = {}
        self.most_at_once: Counter[str] = Counter()
        self.overlaps: Counter[str] = Counter()
        self.per_reference: Counter[tuple[str, str]] = Counter()
        self.per_number: Counter[str] = Counter()

    def new_id(self, kind: str) -> str:
        """Unlike any other of this process and of the ones before it."""
        return f"{kind}_{self._run}{next(self._numbers):016x}"

    def place(self, call: PlacedCall) -> PlacedCall:
        self._by_id[call.call_id] = call
        self._of_dialect[call.dialect].append(call)
        self.per_number[call.phone] += 1
        if call.reference:
            self.per_reference[call.reference, call.phone] += 1
        if self._last_end.get(call.phone, 0.0) > call.placed.mono:
            self.overlaps[call.phone] += 1
        self._last_end[call.phone] = max(self._last_end.get(call.phone, 0.0), call.ends.mono)
        heappush(self._ends[call.dialect], call.ends.mono)
        busy = self.at_once(call.dialect, call.placed)
        self.most_at_once[call.dialect] = max(self.most_at_once[call.dialect], busy)
        return call

    def at_once(self, dialect: str, now: Instant) -> int:
        """Calls whose line is busy now; a call scripted `never` frees it in silence."""
        ends = self._ends[dialect]
        while ends and ends[0] <= now.mono:
            heappop(ends)
        return len(ends)

    def find(self, call_id: str) -> PlacedCall | None:
        return self._by_id.get(call_id)

    def newest(self, dialect: str) -> Iterator[PlacedCall]:
        return reversed(self._of_dialect[dialect])

    def all(self) -> list[PlacedCall]:
        """Every call in the order in which they were placed."""
        return list(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)
