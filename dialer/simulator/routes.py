"""Says what a dialect is: its routes, and what each is told about one visit; the dialects decide the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dialer.simulator.calls import Exchange, PlacedCall
from dialer.simulator.casting import Part
from dialer.simulator.clock import Instant
from dialer.simulator.scenario import Account
from dialer.simulator.wire import Answer, Request


@dataclass(slots=True)
class Visit:
    """One request on its way to an answer; `parts` follow `numbers`, and there is always a first one."""

    request: Request
    route: Route
    item: str
    now: Instant
    seq: int
    body: Any = None
    numbers: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    placed: list[PlacedCall] = field(default_factory=list)
    reference: str | None = None

    @property
    def part(self) -> Part:
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: what it is about, who answers it, and which numbers it concerns."""

    on: str
    reply: Callable[[Visit], Answer]
    numbers: Callable[[Visit], list[str]] = field(default=lambda visit: [])


class Dialect(Protocol):
    """One provider's way of speaking."""

    name: str
    account: Account

    @property
    def routes(self) -> Mapping[tuple[str, ...], Route]:
        """(method, segment, …) -> route, with "{id}" for the second segment where it names an item."""

    def use(self, account: Account) -> None:
        """Takes a new scenario's account; what was spent on the old one is forgotten."""

    def unauthorised(self, request: Request) -> Answer | None:
        """The refusal for missing or wrong credentials, or None."""

    def refusal(self, status: int, message: str) -> Answer:
        """An error in this dialect's words."""


@dataclass(slots=True)
class Stage:
    """What the dialects share: the calls, and who wants to hear that one was placed."""

    exchange: Exchange
    on_placed: Callable[[PlacedCall], None] = field(default=lambda call: None)

    def place(self, visit: Visit, call: PlacedCall) -> PlacedCall:
        visit.placed.append(self.exchange.place(call))
        self.on_placed(call)
        return call


def parsed(body: bytes) -> Any:
    """The JSON value, or None when it is none."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def limited(query: Mapping[str, str], name: str, default: int, most: int) -> int | None:
    """A count from the query, cut to `most`; None when it is no whole number."""
    said = query.get(name, str(default))
    return min(int(said), most) if said.isascii() and said.isdigit() and len(said) < 10 else None
