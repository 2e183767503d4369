"""The shipped supervisor file, run for real: what a restart of everything under load costs."""

from __future__ import annotations

import pytest

from tests.ops.supervised import Supervised
from tests.system.site import numbers

ROUNDS = 10
PROGRAMS = {"scheduler", "worker-00", "worker-01", "test-lane", "flower"}


def phones(count: int) -> list[str]:
    areas = (
        "201",
        "202",
        "203",
        "206",
        "207",
        "301",
        "303",
        "305",
        "312",
        "313",
        "404",
        "415",
        "503",
        "512",
        "602",
        "617",
    )
    return [phone for area in areas for phone in numbers(area, 99)][:count]


@pytest.mark.timeout(600)
def test_ten_restarts_of_every_program_under_load_leave_no_unknown_and_call_nobody_twice(
    supervised: Supervised,
) -> None:
    site = supervised
    names = site.names()
    assert {name.removeprefix("dialer:dialer-") for name in names} == PROGRAMS
    site.until(lambda: all(site.is_up(name) for name in names), "every program")
    dialed = phones(1500)
    batch_id = site.load("restarts", dialed, provider="batch_call")
    site.until(lambda: len(site.placed(dialed)) >= 5, "calls under way")
    for turn in range(ROUNDS):
        for name in names:
            site.restart(name)
        so_far = len(site.placed(dialed))
        assert site.dialer.status(batch_id).counts["unknown"] == 0, (
            f"after round {turn}: {site.logged(names[0])[-2000:]}"
        )
        site.until(lambda: len(site.placed(dialed)) >= min(so_far + 5, len(dialed)), "calls after a round")  # noqa: B023
        assert so_far < len(dialed), f"the load was over after {turn} rounds: these were not restarts under load"
    status = site.end_of(batch_id)
    assert status.closed["reached"] == len(dialed)
    assert status.attempts == len(dialed)
    site.assert_nobody_was_called_twice(batch_id)
    assert sorted(call["phone"] for call in site.placed(dialed)) == sorted(dialed)
    for name in names:
        assert site.is_up(name)
        log = site.logged(name)
        assert "Traceback" not in log, log[-3000:]
        assert "WorkerLost" not in log
