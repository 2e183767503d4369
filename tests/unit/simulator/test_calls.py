"""How a placed call stands at a given moment, and what is counted of calls."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.simulator.calls import Exchange, PlacedCall
from dialer.simulator.casting import Part
from dialer.simulator.clock import Instant

START = Instant(wall=1_800_000_000.0, mono=1000.0)


def a_call(outcome: str = "answered", placed: float = 0, **said: Any) -> PlacedCall:
    """Rings two seconds, talks five."""
    part = Part(outcome, 0, 2, 5, said.pop("list_delay", 0), False, False, "id", None)
    at = START.later(placed)
    about = {
        "call_id": f"call_{id(part)}",
        "dialect": "outboundcalls",
        "phone": "+15550000001",
        "reference": "r",
        **said,
    }
    return PlacedCall(part=part, placed=at, starts=at, request=1, **about)


@pytest.mark.parametrize(
    ("outcome", "phases"),
    [
        ("answered", ["ringing", "in_progress", "answered", "answered"]),
        ("voicemail", ["ringing", "in_progress", "voicemail", "voicemail"]),
        ("no_answer", ["ringing", "no_answer", "no_answer", "no_answer"]),
        ("busy", ["ringing", "busy", "busy", "busy"]),
        ("declined", ["ringing", "declined", "declined", "declined"]),
        ("failed", ["ringing", "failed", "failed", "failed"]),
        ("never", ["ringing", "in_progress", "in_progress", "in_progress"]),
    ],
)
def test_a_call_rings_then_talks_then_is_over(outcome: str, phases: list[str]) -> None:
    call = a_call(outcome)
    assert [call.phase(START.later(seconds)) for seconds in (1.9, 2.0, 7.0, 1e6)] == phases


def test_a_call_that_starts_later_is_queued_until_then() -> None:
    call = a_call()
    call.starts = START.later(60)
    assert call.phase(START.later(59)) == "queued"
    assert call.phase(START.later(60)) == "ringing"


def test_a_call_is_listed_after_its_delay() -> None:
    call = a_call(list_delay=3)
    assert not call.is_listed(START.later(2.9))
    assert call.is_listed(START.later(3))


def test_the_most_calls_at_once_are_counted_while_lines_are_busy() -> None:
    exchange = Exchange()
    for placed in (0, 1, 8, 9, 10):
        exchange.place(a_call(placed=placed, phone=f"+1555000{placed:04}", call_id=f"call_{placed}"))
    assert exchange.most_at_once["outboundcalls"] == 3
    assert exchange.at_once("outboundcalls", START.later(15.5)) == 2


def test_a_number_called_while_its_line_is_busy_is_an_overlap() -> None:
    exchange = Exchange()
    for at, placed in enumerate((0, 3, 20)):
        exchange.place(a_call(placed=placed, reference=f"r{at}", call_id=f"call_{at}"))
    assert exchange.overlaps == {"+15550000001": 1}
    assert exchange.per_number == {"+15550000001": 3}


def test_a_reference_is_counted_by_number() -> None:
    exchange = Exchange()
    exchange.place(a_call(phone="+15550000001", call_id="a"))
    exchange.place(a_call(phone="+15550000002", call_id="b"))
    exchange.place(a_call(phone="+15550000002", call_id="c", placed=60))
    assert exchange.per_reference == {("r", "+15550000001"): 1, ("r", "+15550000002"): 2}


def test_newest_calls_of_a_dialect_come_first() -> None:
    exchange = Exchange()
    for name in ("a", "b"):
        exchange.place(a_call(call_id=name))
    exchange.place(a_call(call_id="c", dialect="inspra"))
    assert [call.call_id for call in exchange.newest("outboundcalls")] == ["b", "a"]
