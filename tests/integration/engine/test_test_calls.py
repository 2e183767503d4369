"""Test calls: before all others, gated like any, and telling at once what holds them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.placement import Answer, Placement
from dialer.domain.receipt import CallRef
from dialer.domain.states import CloseReason, HoldScope, Lane, Outcome
from dialer.engine import control, rounds
from dialer.errors import LoadRefused
from dialer.ports import HouseRules
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, SECOND, Rig, an_account, phone, phones

TESTED = phone(9000)


def a_test_call(rig: Rig, **given: Any) -> CallRef:
    spec = {"workspace_id": "w1", "agent_id": "a1", "phone": TESTED, "timezone": "Australia/Melbourne"}
    return rig.dialer.test_call({**spec, **given})


def test_a_test_call_goes_out_first_of_all_lanes(rig: Rig) -> None:
    lanes = ["low", "normal", "high"]
    for index, lane in enumerate(lanes):
        rig.load([phone(index)], ref=lane, priority=lane)
    a_test_call(rig)
    rig.step()
    assert rig.placed == [TESTED, phone(2), phone(1), phone(0)]
    assert rig.provider.placed[0].is_test


def test_a_test_call_wakes_the_scheduler_and_is_not_held(rig: Rig) -> None:
    ref = a_test_call(rig)
    assert (ref.held, ref.why) == (False, None)
    assert rig.world.signals.await_wake(1.0)
    assert rig.world.signals.await_wake(1.0, is_test=True)


def release_tests(rig: Rig) -> rounds.TickReport:
    """What the leading scheduler does as soon as it is woken for one, whatever its tick is doing."""
    return rounds.release_tests(rig.desk, rounds.ReleaseMemory())


def test_a_test_call_waits_for_no_tick(rig: Rig) -> None:
    rig.load(phones(5))
    a_test_call(rig)
    assert release_tests(rig).pushed == 1
    rig.work()
    assert rig.placed == [TESTED]


def test_a_test_call_that_a_tick_pushed_is_not_pushed_again(rig: Rig) -> None:
    a_test_call(rig)
    rig.tick()
    assert release_tests(rig).pushed == 0


def test_a_ledger_in_doubt_releases_no_test_call_either(rig: Rig) -> None:
    a_test_call(rig)
    rig.ledger.trust.raise_doubt("it may be a copy")
    assert release_tests(rig).doubt == "it may be a copy"
    assert rig.work() == []


def test_a_redis_that_nobody_set_up_is_given_no_test_call(rig: Rig) -> None:
    a_test_call(rig)
    rig.redis.restart(empty=True)
    assert release_tests(rig).pushed == 0
    rig.step()
    assert rig.placed == [TESTED]


def test_a_test_call_in_a_blocked_hour_is_held_and_says_until_when(rig: Rig) -> None:
    ref = a_test_call(rig, block_rules=["*|1000-1300"])
    assert ref.held
    assert ref.why is not None
    assert "blocked until" in ref.why
    assert ref.next_eligible_at == rig.now + 2 * HOUR
    rig.step()
    assert rig.placed == []
    rig.later(2 * HOUR)
    rig.step()
    assert rig.placed == [TESTED]


def test_a_test_call_under_a_red_button_is_held_and_says_so(rig: Rig) -> None:
    control.press(rig.desk, HoldScope.ALL, "", True)
    ref = a_test_call(rig)
    assert ref.held
    assert "everything is held" in str(ref.why)
    assert ref.next_eligible_at is None


def test_a_test_call_to_a_suppressed_number_is_held_for_good(rig: Rig) -> None:
    rig.dialer.suppress(TESTED, "asked us not to")
    ref = a_test_call(rig)
    assert (ref.held, ref.why) == (True, "closed: suppressed")
    rig.step()
    assert rig.placed == []


def test_while_one_is_open_the_same_one_is_returned(rig: Rig) -> None:
    first = a_test_call(rig, batch_ref="try")
    again = a_test_call(rig, batch_ref="try")
    assert (again.call_id, again.batch_id) == (first.call_id, first.batch_id)
    rig.step()
    assert a_test_call(rig, batch_ref="try").call_id == first.call_id
    rig.end(TESTED)
    rig.ask(5 * SECOND)
    assert a_test_call(rig, batch_ref="try").call_id != first.call_id
    rig.step()
    assert rig.placed == [TESTED, TESTED]


def test_all_that_is_wrong_with_one_is_said_at_once(rig: Rig) -> None:
    with pytest.raises(LoadRefused) as refused:
        a_test_call(rig, phone="1", provider="nobody", exp=rig.now - HOUR, nbf=rig.now - 2 * HOUR)
    assert [error.code for error in refused.value.errors] == ["PHONE_NOT_E164", "PROVIDER_UNKNOWN", "WINDOW_PAST"]
    assert rig.dialer.batches() == []


def test_another_number_under_the_same_ref_is_another_call(rig: Rig) -> None:
    assert a_test_call(rig, batch_ref="try").call_id != a_test_call(rig, batch_ref="try", phone=phone(1)).call_id


def test_a_test_call_is_outside_the_upsert_of_its_ref(rig: Rig) -> None:
    batch = rig.load([TESTED])
    ref = a_test_call(rig, batch_ref="spring")
    assert ref.batch_id != batch.batch_id
    rig.load([phone(1)])
    assert rig.status(batch).total == 2


def test_a_test_call_is_never_retried(rig: Rig) -> None:
    ref = a_test_call(rig)
    rig.dial(TESTED, Outcome.BUSY)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == [TESTED]
    [record] = rig.dialer.calls(ref.batch_id)
    assert record.close_reason is CloseReason.EXHAUSTED


def test_control_verbs_reach_a_test_call_by_its_ref(rig: Rig) -> None:
    a_test_call(rig, batch_ref="try", nbf=rig.now + HOUR)
    assert rig.dialer.terminate_batch("w1", "a1", "try").state == "terminated"
    rig.later(HOUR)
    rig.step()
    assert rig.placed == []


def test_hours_are_ignored_for_numbers_of_the_configuration_only(new_rig: NewRig) -> None:
    rig = new_rig(rules=HouseRules(test_numbers=frozenset({TESTED}), legal_hours=("Sun|0900-1000",)))
    with pytest.raises(LoadRefused, match="test_numbers"):
        a_test_call(rig, ignore_hours=True, phone=phone(1))
    ref = a_test_call(rig, ignore_hours=True, block_rules=["*|0000-2400"])
    assert not ref.held
    rig.step()
    assert rig.placed == [TESTED]
    batch = rig.ledger.batches.get(ref.batch_id)
    assert batch is not None
    assert batch.terms.ignore_hours


def test_without_it_legal_hours_hold_a_test_call(new_rig: NewRig) -> None:
    rig = new_rig(rules=HouseRules(test_numbers=frozenset({TESTED}), legal_hours=("Tue|0900-1000",)))
    assert a_test_call(rig).held
    rig.step()
    assert rig.placed == []


def test_a_window_in_the_past_is_refused(rig: Rig) -> None:
    with pytest.raises(LoadRefused, match="WINDOW_PAST"):
        a_test_call(rig, nbf=rig.now - 2 * HOUR, exp=rig.now - HOUR)


@pytest.mark.parametrize("word", ["pause", "terminate"])
def test_a_control_verb_reaches_every_test_call_under_its_ref_beside_the_batch(either: Rig, word: str) -> None:
    batch = either.load([phone(1)], nbf=either.now + HOUR)
    refs = [a_test_call(either, batch_ref="spring", phone=number, nbf=either.now + HOUR) for number in phones(2, 20)]
    say = {"pause": either.dialer.pause_batch, "terminate": either.dialer.terminate_batch}[word]
    assert say("w1", "a1", "spring").batch_id == batch.batch_id
    either.later(HOUR)
    either.step()
    assert either.placed == []
    if word == "pause":
        either.dialer.resume_batch("w1", "a1", "spring")
        either.step()
        assert sorted(either.placed) == sorted([phone(1), *phones(2, 20)])
    else:
        assert {either.dialer.status(ref.batch_id).state for ref in refs} == {"terminated"}


def test_calls_in_flight_are_counted_over_all_that_the_ref_reaches(rig: Rig) -> None:
    rig.load([phone(1)])
    a_test_call(rig, batch_ref="spring")
    seen: list[int] = []

    def paused_meanwhile(placement: Placement) -> Answer:
        seen.append(rig.dialer.pause_batch("w1", "a1", "spring").in_flight)
        return rig.provider.accept(placement)

    rig.provider.answers(TESTED, paused_meanwhile)
    rig.step()
    assert seen == [1]
    assert rig.placed == [TESTED]


def test_by_its_id_one_batch_is_reached_and_no_other(rig: Rig) -> None:
    batch = rig.load([phone(1)])
    a_test_call(rig, batch_ref="spring")
    rig.dialer.control_batch(rig.dialer.find_batch(batch.batch_id), "terminate", is_named=False)
    rig.step()
    assert rig.placed == [TESTED]


@pytest.mark.parametrize("timezone", ["Australia/Melbourne", None])
def test_one_that_could_never_go_out_is_refused_and_nothing_is_written(rig: Rig, timezone: str | None) -> None:
    with pytest.raises(LoadRefused, match="NEVER_OPEN") as refused:
        a_test_call(rig, block_rules=["*|0000-2400"], timezone=timezone)
    assert [error.code for error in refused.value.errors] == ["NEVER_OPEN"]
    assert rig.dialer.batches() == []


def test_one_whose_legal_hours_never_come_is_refused(new_rig: NewRig) -> None:
    rig = new_rig(rules=HouseRules(legal_hours=("Sun|0900-1000",)))
    with pytest.raises(LoadRefused, match="NEVER_OPEN"):
        a_test_call(rig, exp=rig.now + HOUR)


def test_one_channel_is_kept_for_test_calls(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=3)})
    rig.load(phones(10))
    for _ in range(3):
        rig.step()
        rig.later(SECOND)
    assert len(rig.placed) == 2
    a_test_call(rig)
    rig.step()
    assert rig.placed[-1] == TESTED
    assert rig.held() == 3


def test_a_test_call_overtakes_a_full_look_ahead(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=30)})
    rig.load(phones(100))
    rig.tick()
    assert rig.world.queue.depths()[Lane.NORMAL] == 29
    a_test_call(rig)
    rig.tick()
    rig.work(1)
    assert rig.placed == [TESTED]


def test_a_test_call_does_not_wait_behind_the_pace_of_others(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(calls_per_second=2.0)})
    rig.load(phones(20))
    rig.step()
    began = rig.now
    a_test_call(rig)
    rig.step()
    [placement] = rig.provider.placements_to(TESTED)
    assert placement.nbf - began <= timedelta(seconds=1)
