"""How often an API key may come: the same, whether Redis counts for all servers or a server for itself."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dialer.coordination import Coordination, keys
from tests.contract.coordination.rigs import RedisRig, Rig


def test_twice_as_many_at_once_then_as_many_a_second(fresh: Rig) -> None:
    assert [fresh.throttle.wait("a", 2.0) for _ in range(5)] == [0, 0, 0, 0, pytest.approx(0.5)]
    fresh.advance(0.5)
    assert [fresh.throttle.wait("a", 2.0) for _ in range(2)] == [0, pytest.approx(0.5)]
    fresh.advance(60)
    assert [fresh.throttle.wait("a", 2.0) for _ in range(5)] == [0, 0, 0, 0, pytest.approx(0.5)]


def test_a_refusal_costs_nothing(fresh: Rig) -> None:
    for _ in range(100):
        fresh.throttle.wait("a", 1.0)
    fresh.advance(1)
    assert fresh.throttle.wait("a", 1.0) == 0


def test_one_key_does_not_use_up_another_s(fresh: Rig) -> None:
    waits = [fresh.throttle.wait(key, 0.1) for key in ("a", "a", "b")]
    assert waits == [0, pytest.approx(10), 0]


def test_over_a_minute_it_is_the_pace_that_counts(fresh: Rig) -> None:
    let_in = 0
    for _ in range(1200):
        let_in += fresh.throttle.wait("a", 7.0) == 0
        fresh.advance(0.05)
    assert 7 * 60 <= let_in <= 7 * 60 + 2 * 7


def test_what_redis_remembers_of_a_key_goes_by_itself(redis_rig: RedisRig) -> None:
    redis_rig.throttle.wait("a", 2.0)
    with redis_rig.server.reach() as redis:
        assert 0 < redis.pttl(keys.requests("a")) <= 1000


def test_a_clock_that_was_set_back_shuts_nobody_out(redis_rig: RedisRig) -> None:
    redis_rig.throttle.wait("a", 1.0)
    redis_rig.advance(-3600)
    assert redis_rig.throttle.wait("a", 1.0) <= 2


def test_servers_that_ask_at_once_let_in_no_more_together(live: Coordination, redis_url: str) -> None:
    gate = threading.Barrier(4)

    def ask(_: int) -> list[bool]:
        gate.wait()
        return [live.throttle.wait("a", 5.0) == 0 for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        asked = [one for part in pool.map(ask, range(4)) for one in part]
    assert 10 <= sum(asked) <= 11 + 5  # a second more where this machine is slow
