"""Counts what an auditor asks about: placements per number and reference, doubled ones, the busiest second."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from dialer.simulator.desk import Desk


def summary(desk: Desk, brief: bool = False) -> dict[str, Any]:
    """Every count of this run as JSON; `brief` leaves out the two maps that grow with the numbers."""
    exchange, log = desk.exchange, desk.log
    calls = exchange.all()
    counted: dict[str, Any] = {
        "requests": dict(log.requests),
        "statuses": dict(log.statuses),
        "faults": dict(log.faults),
        "placements": dict(Counter(call.dialect for call in calls)),
        "outcomes": dict(Counter(call.part.outcome for call in calls)),
        "numbers_placed": len(exchange.per_number),
        "numbers_by_placements": {str(times): many for times, many in _histogram(exchange.per_number).items()},
        "placements_without_reference": sum(call.reference is None for call in calls),
        "max_concurrent": dict(exchange.most_at_once),
        "max_placements_in_a_second": _busiest(desk),
        "repeated_references": {name: many for name, many in log.placement_requests.items() if many > 1},
        "doubled": doubled(desk),
    }
    if not brief:
        counted["per_number"] = dict(exchange.per_number)
        counted["placements_per_reference"] = _per_reference(desk)
    return counted


def doubled(desk: Desk) -> dict[str, Any]:
    """References that placed a call to the same number twice, and numbers called while their line was busy."""
    twice = Counter({ref: many for (ref, _), many in desk.exchange.per_reference.items() if many > 1})
    return {"references": dict(twice), "overlapping_numbers": dict(desk.exchange.overlaps)}


def _per_reference(desk: Desk) -> dict[str, int]:
    placed: Counter[str] = Counter()
    for (reference, _), many in desk.exchange.per_reference.items():
        placed[reference] += many
    return dict(placed)


def _histogram(counted: Counter[str]) -> Counter[int]:
    return Counter(counted.values())


def _busiest(desk: Desk) -> dict[str, int]:
    """The most calls placed within any one second, by dialect."""
    most: Counter[str] = Counter()
    recent: dict[str, deque[float]] = {name: deque() for name in desk.dialects}
    for call in desk.exchange.all():
        window = recent[call.dialect]
        window.append(call.placed.mono)
        while window[0] <= call.placed.mono - 1:
            window.popleft()
        most[call.dialect] = max(most[call.dialect], len(window))
    return dict(most)
