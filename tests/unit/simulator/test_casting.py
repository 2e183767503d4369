"""Which rule is played to whom."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.simulator.casting import Director
from dialer.simulator.scenario import Scenario

PHONE = "+61400012345"


def a_director(*rules: dict[str, Any], **said: Any) -> Director:
    return Director(Scenario.of({"rules": list(rules), **said}))


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("+6140000*", False),
        ("+6140001*", True),
        ("*345", True),
        ("*346", False),
        ("+61*345", True),
        ("*", True),
        ("+6140001234?", True),
        ("+6140001234[5]", False),  # no character classes: a bracket is a bracket
        (["+1*", "*45"], True),
        (PHONE, True),
    ],
)
def test_a_phone_pattern_fits_the_whole_number(pattern: Any, fits: bool) -> None:
    part = a_director({"phone": pattern, "outcome": "busy"}).cast("inspra", "place", PHONE)
    assert (part.outcome == "busy") is fits


def test_the_first_rule_that_fits_is_played() -> None:
    director = a_director({"phone": "+6*", "outcome": "busy"}, {"phone": "*", "outcome": "failed"})
    assert [director.cast("inspra", "place", phone).outcome for phone in (PHONE, "+15550000000")] == ["busy", "failed"]


def test_a_rule_is_about_placing_unless_it_says_otherwise() -> None:
    director = a_director({"fault": 503}, {"on": "list", "fault": 500})
    assert director.cast("outboundcalls", "outcome", PHONE).fault is None
    listed = director.cast("outboundcalls", "list", "").fault
    assert listed
    assert listed.status == 500


@pytest.mark.parametrize(
    ("nth", "faulty"),
    [(2, [False, True, False]), ([1, 3], [True, False, True]), ("2+", [False, True, True])],
)
def test_turns_are_counted_by_number(nth: Any, faulty: list[bool]) -> None:
    director = a_director({"nth": nth, "fault": 503})
    director.cast("inspra", "place", "+15550000000")
    assert [director.cast("inspra", "place", PHONE).fault is not None for _ in range(3)] == faulty


def test_turns_are_counted_by_dialect_and_occasion() -> None:
    director = a_director({"nth": 1, "on": "any", "fault": 503})
    faults = [director.cast(*who).fault for who in (("inspra", "place", PHONE), ("outboundcalls", "place", PHONE))]
    assert all(faults)


def test_a_rule_with_times_is_used_up_whatever_the_number() -> None:
    director = a_director({"times": 2, "fault": 401})
    faults = [director.cast("inspra", "place", f"+1555000000{digit}").fault for digit in range(4)]
    assert [fault is not None for fault in faults] == [True, True, False, False]


def test_chances_are_the_same_for_a_seed_in_whatever_order_numbers_come() -> None:
    rule = {"probability": 0.5, "outcome": {"busy": 1, "declined": 1}, "ring_seconds": [1, 9]}
    numbers = [f"+1555000{number:04}" for number in range(200)]
    forwards, backwards = a_director(rule, seed=5), a_director(rule, seed=5)
    first = {number: forwards.cast("inspra", "place", number) for number in numbers}
    second = {number: backwards.cast("inspra", "place", number) for number in reversed(numbers)}
    other = a_director(rule, seed=6)
    assert first == second
    assert first != {number: other.cast("inspra", "place", number) for number in numbers}


def test_weights_and_probability_are_kept_roughly() -> None:
    director = a_director({"probability": 0.25, "outcome": {"busy": 3, "failed": 1}})
    outcomes = [director.cast("inspra", "place", f"+1555{number:07}").outcome for number in range(4000)]
    assert 650 < outcomes.count("busy") < 850
    assert 190 < outcomes.count("failed") < 310
    assert outcomes.count("answered") > 2800
