"""A batch from its load to its end, on both databases."""

from __future__ import annotations

import pytest

from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Outcome
from dialer.testing.providers import FakeProvider, dialed_twice
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HANDS_OFF, SECOND, Rig, an_account, phones


def test_a_batch_is_dialed_to_its_end(either: Rig) -> None:
    numbers = phones(5)
    batch = either.load(numbers)
    either.step()
    either.end_all()
    either.ask(5 * SECOND)
    either.tick()
    assert sorted(either.placed) == numbers
    assert {call.close_reason for call in either.calls(batch)} == {CloseReason.REACHED}
    status = either.status(batch)
    assert (status.state, status.closed["reached"], status.outcomes["answered"], status.attempts) == (
        "completed",
        5,
        5,
        5,
    )
    assert either.held() == 0


def test_an_accepted_call_closes_handed_off_where_no_outcome_is_reported(hands_off: Rig) -> None:
    batch = hands_off.load(phones(3))
    hands_off.step()
    assert {call.close_reason for call in hands_off.calls(batch)} == {CloseReason.HANDED_OFF}
    assert hands_off.held() == 0
    assert hands_off.tick().completed == (batch.batch_id,)
    assert hands_off.pause(batch).handed_over == 3


def test_a_retry_is_never_made_where_no_outcome_is_reported(hands_off: Rig) -> None:
    batch = hands_off.load(phones(1), max_retries=3)
    for _ in range(3):
        hands_off.step()
        hands_off.later(3600 * SECOND)
    assert hands_off.placed == phones(1)
    assert hands_off.attempts(batch) == [AttemptState.HANDED_OFF]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.ANSWERED, CloseReason.REACHED),
        (Outcome.VOICEMAIL, CloseReason.EXHAUSTED),
        (Outcome.NO_ANSWER, CloseReason.EXHAUSTED),
        (Outcome.BUSY, CloseReason.EXHAUSTED),
        (Outcome.DECLINED, CloseReason.EXHAUSTED),
        (Outcome.FAILED, CloseReason.EXHAUSTED),
    ],
)
def test_without_retries_every_outcome_closes_the_call(rig: Rig, outcome: Outcome, reason: CloseReason) -> None:
    [number] = phones(1)
    batch = rig.load([number])
    rig.dial(number, outcome)
    call = rig.call(batch)
    assert (call.state, call.close_reason, call.outcome) == (CallState.CLOSED, reason, outcome)
    assert call.attempts[0].outcome is outcome


def test_a_call_under_way_is_asked_about_and_keeps_its_channel(rig: Rig) -> None:
    batch = rig.load(phones(1))
    rig.step()
    assert [asked.event for asked in rig.ask(5 * SECOND)] == ["later"]
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.held() == 1


def test_an_ended_call_without_a_word_of_its_outcome_counts_as_failed(rig: Rig) -> None:
    [number] = phones(1)
    batch = rig.load([number])
    rig.step()
    rig.end(number, None)
    rig.ask(5 * SECOND)
    assert rig.call(batch).close_reason is CloseReason.EXHAUSTED
    assert rig.status(batch).outcomes["failed"] == 1


def test_what_goes_out_names_the_batch_the_window_and_the_variables(hands_off: Rig) -> None:
    variables = {"name": "Zoë ☎", "empty": "", "nested": {"a": [1, None]}}
    batch = hands_off.load(
        [{"phone": phones(1)[0], "variables": variables}],
        block_rules=["Mon|1200-1300"],
        timezone="Australia/Melbourne",
        cli="+61390001111",
    )
    hands_off.step()
    [placement] = hands_off.provider.placed
    assert placement.variables == variables
    assert placement.cli == "+61390001111"
    assert placement.batch_ref == placement.wire_ref == "spring"
    assert placement.exp == hands_off.start + 3600 * SECOND  # our own window closes at noon
    assert placement.reference == hands_off.call(batch).attempts[0].reference


@pytest.mark.parametrize(
    ("row", "fields", "told"),
    [
        ({"phone": "+61387770001"}, {}, "Australia/Sydney"),  # the only zone that the number may lie in
        ({"phone": "+61387770001"}, {"timezone": "Australia/Perth"}, "Australia/Perth"),
        ({"phone": "+61387770001", "timezone": "Asia/Tokyo"}, {"timezone": "Australia/Perth"}, "Asia/Tokyo"),
        ({"phone": "+61412345678"}, {}, None),  # one of several
    ],
)
def test_the_provider_is_told_the_zone_that_the_hours_count_in_where_there_is_one(
    rig: Rig, row: dict[str, str], fields: dict[str, str], told: str | None
) -> None:
    rig.load([row], **fields)
    rig.step()
    assert [placement.timezone for placement in rig.provider.placed] == [told]


def test_each_zone_set_has_a_wire_ref_of_its_own(hands_off: Rig) -> None:
    hands_off.load(["+61387770001", "+61892270001"])
    hands_off.step()
    assert {each.phone: each.wire_ref for each in hands_off.provider.placed} == {
        "+61387770001": "spring",
        "+61892270001": "spring~2",
    }


def test_every_account_dials_its_own_batches(new_rig: NewRig) -> None:
    rig = new_rig(
        accounts={"au": an_account("au"), "us": an_account("us")},
        providers={"au": FakeProvider(), "us": FakeProvider(capabilities=HANDS_OFF)},
    )
    rig.load(phones(2), ref="one")
    rig.load(phones(2, first=2), ref="two", provider="us")
    rig.step()
    assert [each.phone for each in rig.providers["au"].placed] == phones(2)
    assert [each.phone for each in rig.providers["us"].placed] == phones(2, first=2)


def test_the_same_number_in_two_batches_is_two_calls(rig: Rig) -> None:
    one, two = rig.load(phones(1), ref="one"), rig.load(phones(1), ref="two")
    rig.step()
    assert rig.placed == phones(1) * 2
    assert dialed_twice(rig.provider.placed) == []
    assert rig.call(one).attempts[0].reference != rig.call(two).attempts[0].reference


def test_a_batch_that_is_over_costs_no_more_ticks(rig: Rig) -> None:
    batch = rig.load(phones(1))
    rig.dial(phones(1)[0])
    rig.tick()
    assert rig.again(batch).state is BatchState.COMPLETED
    assert rig.tick() == rig.tick()
    assert not rig.tick().is_busy
