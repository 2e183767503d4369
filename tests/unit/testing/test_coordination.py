"""The doubles where no port binds them: the clock, the lanes, and what a test does to them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.call import Queued
from dialer.domain.states import Lane
from dialer.errors import RedisUnreachable
from dialer.ports import Admission, CallQueue, Clock, Signals
from dialer.testing.coordination import FakeClock, FakeCoordination


def test_they_are_the_ports() -> None:
    fake = FakeCoordination()
    ports: tuple[Clock, Admission, Signals, CallQueue] = (fake.clock, fake.admission, fake.signals, fake.queue)
    assert all(ports)


def test_a_fake_clock_moves_only_when_told_to() -> None:
    clock = FakeClock()
    began = clock.utc()
    clock.sleep(1.5)
    clock.sleep(-1)
    clock.advance(0.25)
    assert clock.utc() - began == timedelta(seconds=1.75)
    assert clock.boottime() == 1.75


def test_messages_come_out_lane_by_lane_in_the_order_they_went_in() -> None:
    queue = FakeCoordination().queue
    queue.push([Queued("a", 1, Lane.LOW), Queued("b", 1, Lane.TEST), Queued("c", 1, Lane.LOW)])
    assert queue.depths() == {Lane.TEST: 1, Lane.HIGH: 0, Lane.NORMAL: 0, Lane.LOW: 2}
    assert [call.call_id if (call := queue.pop()) else None for _ in range(4)] == ["b", "a", "c", None]


def test_a_wipe_takes_the_messages_too() -> None:
    fake = FakeCoordination()
    fake.queue.push([Queued("a", 1, Lane.LOW)])
    fake.redis.wipe()
    assert fake.queue.pop() is None
    assert not fake.signals.epoch_stands()


def test_nothing_is_pushed_while_it_is_down() -> None:
    fake = FakeCoordination()
    fake.redis.is_up = False
    with pytest.raises(RedisUnreachable):
        fake.queue.push([Queued("a", 1, Lane.LOW)])
    fake.redis.is_up = True
    assert fake.queue.pop() is None


def test_waiting_for_a_wake_up_call_passes_the_time() -> None:
    fake = FakeCoordination()
    assert not fake.signals.await_wake(0.5)
    assert fake.clock.boottime() == 0.5
    fake.signals.wake()
    assert fake.signals.await_wake(0.5)
    assert fake.clock.boottime() == 0.5
