"""How often one key may come."""

from __future__ import annotations

from datetime import UTC, datetime

from dialer.api import pace
from dialer.api.pace import Pace


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def boottime(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_twice_as_many_at_once_then_as_many_a_second() -> None:
    clock = Clock()
    bucket = Pace(2.0, clock)
    assert [bucket.wait("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    clock.sleep(0.5)
    assert [bucket.wait("a") for _ in range(2)] == [0, 1]
    clock.sleep(60)
    assert [bucket.wait("a") for _ in range(5)] == [0, 0, 0, 0, 1]


def test_one_key_does_not_use_up_another_s() -> None:
    bucket = Pace(0.1, Clock())
    assert [bucket.wait("a"), bucket.wait("a"), bucket.wait("b")] == [0, 10, 0]


def test_zero_is_no_limit() -> None:
    bucket = Pace(0.0, Clock())
    assert not any(bucket.wait("a") for _ in range(1000))


def test_buckets_that_are_full_again_are_forgotten() -> None:
    clock = Clock()
    bucket = Pace(1.0, clock)
    for number in range(pace.MOST_BUCKETS):
        bucket.wait(str(number))
    clock.sleep(60)
    bucket.wait("new")
    assert len(bucket) == 1
