"""How much goes into Redis at once, and whose turn it is."""

from __future__ import annotations

from collections import Counter

import pytest

from dialer.domain.states import Lane
from dialer.engine import rounds
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import SECOND, Rig, an_account, phone, phones


@pytest.mark.parametrize(
    ("rate", "channels", "ahead"),
    [
        (5.0, 50, 11),  # two seconds of pace and one more
        (100.0, 10, 9),  # free channels, one kept for test calls
        (100.0, 1, 1),
        (0.2, 50, 1),
        (1000.0, 1000, 300),  # a few hundred at most
    ],
)
def test_the_look_ahead_is_bounded(new_rig: NewRig, rate: float, channels: int, ahead: int) -> None:
    rig = new_rig(accounts={"au": an_account(calls_per_second=rate, channels=channels)})
    rig.load(phones(400))
    for _ in range(3):
        rig.tick()
    assert rig.world.queue.depths()[Lane.NORMAL] == ahead


def test_calls_under_way_leave_that_much_less_room(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=5)})
    rig.load(phones(20))
    rig.step()
    assert len(rig.placed) == 4
    assert rig.tick().pushed == 0
    rig.end(rig.placed[0])
    rig.ask(5 * SECOND)
    assert rig.tick().pushed == 1


def test_three_batches_take_turns(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=7)})
    for name in ("one", "two", "three"):
        rig.load(phones(50), ref=name)
    rig.step()
    assert Counter(each.batch_ref for each in rig.provider.placed) == {"one": 2, "two": 2, "three": 2}


def test_a_look_ahead_smaller_than_the_batches_still_goes_round(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=2)})
    for name in ("one", "two", "three"):
        rig.load(phones(50), ref=name)
    for _ in range(9):
        rig.step()
        rig.end_all()
        rig.ask(5 * SECOND)
    assert Counter(each.batch_ref for each in rig.provider.placed) == {"one": 3, "two": 3, "three": 3}


def test_a_large_batch_does_not_hold_a_small_one_up(rig: Rig) -> None:
    rig.load(phones(500), ref="large")
    rig.load(phones(1, first=500), ref="small")
    rig.tick()
    rig.work(2)
    assert phone(500) in rig.placed


def test_a_paused_batch_leaves_its_turn_to_the_others(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=7)})
    paused = rig.load(phones(50), ref="one")
    rig.load(phones(50), ref="two")
    rig.pause(paused)
    rig.step()
    assert Counter(each.batch_ref for each in rig.provider.placed) == {"two": 6}


def test_a_calls_own_priority_beats_its_batchs(rig: Rig) -> None:
    rig.load([{"phone": phone(0)}, {"phone": phone(1), "priority": "high"}, {"phone": phone(2), "priority": "low"}])
    rig.step()
    assert rig.placed == [phone(1), phone(0), phone(2)]


def test_a_lane_is_filled_before_the_next(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=4)})
    rig.load(phones(5), ref="low", priority="low")
    rig.load(phones(2, first=5), ref="high", priority="high")
    rig.step()
    assert rig.placed == [phone(5), phone(6), phone(0)]


def test_a_call_is_pushed_once(rig: Rig) -> None:
    rig.load(phones(5))
    assert [rig.tick().pushed for _ in range(3)] == [5, 0, 0]


def test_messages_that_redis_lost_are_pushed_again(rig: Rig) -> None:
    rig.load(phones(3))
    rig.tick()
    rig.redis.lanes[Lane.NORMAL].clear()
    rig.later(25 * SECOND)
    assert rounds.keep_house(rig.desk).repushed == 3
    rig.work()
    assert sorted(rig.placed) == phones(3)
