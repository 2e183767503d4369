"""The shipped supervisor file, run for real: what a restart of everything under load costs."""

from __future__ import annotations

import pytest

from tests.ops.supervised import Supervised
from tests.system.site import numbers

PROGRAMS = {"scheduler", "worker-00", "worker-01", "test-lane", "http", "flower"}

#: Fewer than 99: the ninety-ninth number of area 202 is the account's own caller ID, which a provider refuses to call.
CALLS_A_ROUND = 90
AREAS = ("201", "202", "203", "206", "207", "301", "303", "305", "312", "313")


@pytest.mark.timeout(600)
def test_ten_restarts_of_every_program_under_load_leave_no_unknown_and_call_nobody_twice(
    supervised: Supervised,
) -> None:
    site = supervised
    names = site.names()
    assert {name.removeprefix("dialer:dialer-") for name in names} == PROGRAMS
    site.until(lambda: all(site.is_up(name) for name in names), "every program")
    batches: dict[str, list[str]] = {}
    for turn, area in enumerate(AREAS):
        dialed = numbers(area, CALLS_A_ROUND)
        batch_id = site.load(f"round-{turn}", dialed, provider="batch_call")
        batches[batch_id] = dialed
        site.until(lambda: site.dialer.status(batch_id).in_flight > 0, "requests in the air")  # noqa: B023
        for name in names:
            site.restart(name)
        assert all(site.dialer.status(each).counts["unknown"] == 0 for each in batches)
    for batch_id, dialed in batches.items():
        status = site.end_of(batch_id)
        assert (status.closed["reached"], status.attempts) == (len(dialed), len(dialed)), others(site, batch_id)
        site.assert_nobody_was_called_twice(batch_id)
        assert sorted(call["phone"] for call in site.placed(dialed)) == sorted(dialed)
    for name in names:
        assert site.is_up(name)
        log = site.logged(name)
        assert "Traceback" not in log, log[-3000:]
        assert "WorkerLost" not in log


def others(site: Supervised, batch_id: str) -> list[object]:
    """Calls that were not simply reached, for a message."""
    return [call for call in site.calls(batch_id) if call.close_reason != "reached" or len(call.attempts) != 1]
