"""How often one key may come."""

from __future__ import annotations

from datetime import UTC, datetime

from dialer.api import pace
from dialer.api.pace import Pace
from dialer.errors import RedisUnreachable


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


def test_one_key_does_not_use_up_another_s() -> None:
    bucket = Pace(0.1, clock=Clock())
    assert [bucket.wait("a"), bucket.wait("a"), bucket.wait("b")] == [0, 10, 0]


def test_zero_is_no_limit() -> None:
    bucket = Pace(0.0, clock=Clock())
    assert not any(bucket.wait("a") for _ in range(1000))


def test_buckets_that_are_full_again_are_forgotten() -> None:
    clock = Clock()
    bucket = Pace(1.0, clock=clock)
    for number in range(pace.MOST_BUCKETS):
        bucket.wait(str(number))
    clock.sleep(60)
    bucket.wait("new")
    assert len(bucket._alone) == 1


class Shared:
    """A Redis that is there, or not."""

    def __init__(self) -> None:
        self.is_up, self.asked = True, 0

    def wait(self, key_id: str, per_second: float) -> float:
        self.asked += 1
        if not self.is_up:
            raise RedisUnreachable
        return 7.2


def test_what_all_servers_counted_is_what_counts() -> None:
    assert Pace(1.0, Shared(), Clock()).wait("a") == 8


def test_while_redis_is_away_this_server_counts_for_itself_and_asks_seldom() -> None:
    clock, shared = Clock(), Shared()
    bucket = Pace(1.0, shared, clock)
    shared.is_up = False
    assert [bucket.wait("a") for _ in range(3)] == [0, 0, 1]
    assert shared.asked == 1
    clock.sleep(pace.AWAY_SECONDS)
    assert bucket.wait("a") == 0
    shared.is_up = True
    clock.sleep(pace.AWAY_SECONDS)
    assert bucket.wait("a") == 8
    assert shared.asked == 3
