"""A drain: nothing is released and nothing claimed any more, on any lane, until it is lifted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dialer.domain.placement import Answer, Placement
from dialer.domain.states import CallState, HoldScope
from dialer.domain.upkeep import DrainReceipt
from dialer.engine import control, rounds
from tests.integration.engine.rig import HOUR, Rig, phones


def test_a_drain_stops_releasing_and_undrain_goes_on(rig: Rig) -> None:
    batch = rig.load(phones(3))
    stands = rig.dialer.upkeep.drain()
    assert (stands.drained, stands.in_flight, stands.queued) == (True, 0, 0)
    rig.step()
    assert rig.placed == []
    assert rig.why(batch).startswith("the dialer is drained since ")
    assert rig.dialer.upkeep.undrain().lifted
    rig.step()
    assert sorted(rig.placed) == phones(3)
    assert not rig.dialer.upkeep.undrain().lifted


def test_what_was_queued_is_handed_back_and_spends_nothing(rig: Rig) -> None:
    batch = rig.load(phones(2))
    rig.tick()
    assert rig.dialer.upkeep.drain().queued == 2
    assert {done.why for done in rig.work()} == {"the dialer is drained"}
    assert {call.state for call in rig.calls(batch)} == {CallState.READY}
    assert rig.held() == 0
    rig.dialer.upkeep.undrain()
    rig.step()
    assert len(rig.placed) == 2


def test_a_call_that_was_claimed_before_goes_out_and_the_drain_waits_for_it(rig: Rig) -> None:
    rig.load(phones(1))
    seen: list[DrainReceipt] = []

    def drained_meanwhile(placement: Placement) -> Answer:
        seen.append(rig.dialer.upkeep.drain(timeout=0))
        return rig.provider.accept(placement)

    rig.provider.answers(phones(1)[0], drained_meanwhile)
    rig.step()
    assert [stands.in_flight for stands in seen] == [1]
    assert rig.placed == phones(1)
    stands = rig.dialer.upkeep.drain()
    assert (stands.in_flight, stands.in_progress) == (0, 1)


def test_a_drain_waits_no_longer_than_told_and_reports_on_its_way(rig: Rig) -> None:
    rig.load(phones(1))
    reports: list[DrainReceipt] = []
    waited: list[timedelta] = []

    def drained_meanwhile(placement: Placement) -> Answer:
        began = rig.now
        rig.dialer.upkeep.drain(timeout=2, on_progress=reports.append)
        waited.append(rig.now - began)
        return rig.provider.accept(placement)

    rig.provider.answers(phones(1)[0], drained_meanwhile)
    rig.step()
    assert [stands.in_flight for stands in reports] == [1] * 5
    assert waited == [timedelta(seconds=2)]


def test_a_drain_holds_test_calls_too_and_says_so(rig: Rig) -> None:
    rig.dialer.upkeep.drain()
    wanted: dict[str, Any] = {"workspace_id": "w1", "agent_id": "a1", "batch_ref": "try", "phone": phones(1)[0]}
    ref = rig.dialer.test_call(wanted)
    assert ref.held
    assert "drained" in (ref.why or "")
    rig.step()
    assert rig.placed == []
    rig.dialer.upkeep.undrain()
    rig.step()
    assert rig.placed == phones(1)


def test_a_drain_outlives_a_wiped_redis_and_every_scheduler(rig: Rig) -> None:
    batch = rig.load(phones(1))
    rig.tick()
    rig.dialer.upkeep.drain()
    rig.redis.wipe()
    rig.memory = rounds.ReleaseMemory()
    for _ in range(3):
        rig.step()
        rounds.keep_house(rig.desk)
        rig.later(HOUR)
    assert rig.placed == []
    assert "drained" in rig.why(batch)


def test_a_drain_and_the_red_button_are_lifted_each_by_its_own_word(rig: Rig) -> None:
    rig.load(phones(1))
    rig.dialer.upkeep.drain()
    control.press(rig.desk, HoldScope.ALL, "", on=True)
    rig.dialer.upkeep.undrain()
    rounds.keep_house(rig.desk)
    rig.step()
    assert rig.placed == []
    rig.dialer.upkeep.drain()
    control.press(rig.desk, HoldScope.ALL, "", on=False)
    rounds.keep_house(rig.desk)
    rig.step()
    assert rig.placed == []
    rig.dialer.upkeep.undrain()
    rig.step()
    assert len(rig.placed) == 1


def test_a_workspace_that_is_called_drain_is_held_by_its_own_button(rig: Rig) -> None:
    batch = rig.load(phones(1), workspace_id="drain")
    control.press(rig.desk, HoldScope.WORKSPACE, "drain", on=True)
    rig.step()
    assert "workspace drain is held" in rig.why(batch)
    assert not rig.dialer.upkeep.undrain().lifted
