"""Whatever happens in whatever order, and whoever dies of it: 200 seeds keep the promise, and replay exactly."""

from __future__ import annotations

import pytest

from tests.simulation.driver import simulate
from tests.simulation.ground import Ground

SEEDS, AT_ONCE = 200, 10
#: Fewer than `make simulate` has: each run of all tests plays these.
EVENTS = 45


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_no_schedule_of_moves_and_faults_breaks_the_promise(ground: Ground, first: int) -> None:
    reports = [simulate(ground, seed, EVENTS) for seed in range(first, first + AT_ONCE)]

    assert sum(report.requests for report in reports) > AT_ONCE, "hardly anybody was dialed: this proves nothing"


def test_a_seed_replays_exactly(ground: Ground) -> None:
    assert simulate(ground, 3) == simulate(ground, 3)
