"""The process' own clock."""

from __future__ import annotations

import time
from datetime import UTC, timedelta

from dialer.clock import SystemClock
from dialer.ports import Clock


def test_it_never_steps_back() -> None:
    clock: Clock = SystemClock()
    seen = [clock.boottime() for _ in range(100)]
    assert seen == sorted(seen)


def test_it_counts_suspend_where_the_system_can_tell() -> None:
    counts_suspend = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert abs(SystemClock().boottime() - time.clock_gettime(counts_suspend)) < 1


def test_its_wall_clock_is_aware() -> None:
    assert SystemClock().utc().utcoffset() == timedelta(0)
    assert SystemClock().utc().tzinfo is UTC


def test_an_instant_that_has_passed_is_not_waited_for() -> None:
    clock = SystemClock()
    began = clock.boottime()
    clock.sleep(-5)
    clock.sleep(0)
    assert clock.boottime() - began < 1


def test_sleeping_takes_its_time() -> None:
    clock = SystemClock()
    began = clock.boottime()
    clock.sleep(0.01)
    assert clock.boottime() - began >= 0.01
