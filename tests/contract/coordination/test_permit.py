"""How many calls may be in progress, and when the next one may start."""

from __future__ import annotations

import pytest

from dialer.coordination import keys
from dialer.domain.placement import Account
from dialer.domain.states import Lane
from dialer.ports.coordination import Grant, Refusal
from tests.contract.coordination.rigs import RedisRig, Rig, an_account, most_in_a_second


def fill(rig: Rig, account: Account, lane: Lane = Lane.NORMAL) -> list[Grant]:
    """Asks for new calls until one is refused."""
    grants: list[Grant] = []
    while isinstance(answer := rig.admission.permit(account, lane, f"{lane.word}-{len(grants)}"), Grant):
        grants.append(answer)
    return grants


def test_a_call_on_an_idle_line_starts_at_once(rig: Rig) -> None:
    assert rig.admission.permit(an_account(), Lane.NORMAL, "a") == Grant(0.0)
    assert rig.admission.held("main") == 1
    assert rig.instants("main") == {"a": rig.now()}


def test_no_more_calls_than_channels(rig: Rig) -> None:
    account = an_account(channels=4)
    assert len(fill(rig, account)) + len(fill(rig, account, Lane.TEST)) == 4
    assert rig.admission.permit(account, Lane.TEST, "more") == Refusal("no channel", 1.0)
    assert rig.admission.held("main") == 4


def test_a_channel_given_back_is_another_calls(rig: Rig) -> None:
    account = an_account(channels=1)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.admission.free("main", "a")
    assert isinstance(rig.admission.permit(account, Lane.NORMAL, "b"), Grant)


def test_giving_back_twice_is_harmless(rig: Rig) -> None:
    rig.admission.permit(an_account(), Lane.NORMAL, "a")
    for _ in range(2):
        rig.admission.free("main", "a")
    rig.admission.free("nobody", "a")
    assert rig.admission.held("main") == 0


def test_channels_are_held_for_as_long_as_the_call_takes(rig: Rig) -> None:
    account = an_account(channels=1)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.advance(7200)
    assert rig.admission.permit(account, Lane.NORMAL, "b") == Refusal("no channel", 1.0)


@pytest.mark.parametrize("lane", [Lane.HIGH, Lane.NORMAL, Lane.LOW])
def test_the_last_of_two_channels_is_kept_for_test_calls(rig: Rig, lane: Lane) -> None:
    account = an_account(channels=2)
    assert isinstance(rig.admission.permit(account, lane, "a"), Grant)
    assert rig.admission.permit(account, lane, "b") == Refusal("no channel", 1.0)
    assert isinstance(rig.admission.permit(account, Lane.TEST, "test"), Grant)


def test_a_single_channel_is_everybodys(rig: Rig) -> None:
    assert isinstance(rig.admission.permit(an_account(channels=1), Lane.LOW, "a"), Grant)


def test_start_instants_lie_apart_and_at_most_a_second_ahead(rig: Rig) -> None:
    account = an_account(calls_per_second=5)
    assert [grant.start_in for grant in fill(rig, account)] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    refusal = rig.admission.permit(account, Lane.NORMAL, "more")
    assert refusal == Refusal("pace", 0.2)
    rig.advance(0.2)
    assert rig.admission.permit(account, Lane.NORMAL, "more") == Grant(1.0)


def test_a_refusal_for_pace_takes_no_channel_and_no_instant(rig: Rig) -> None:
    account = an_account(calls_per_second=1)
    assert len(fill(rig, account)) == 2
    for _ in range(3):
        assert rig.admission.permit(account, Lane.NORMAL, "more") == Refusal("pace", 1.0)
    assert rig.admission.held("main") == 2


def test_a_quiet_hour_saves_up_no_burst(rig: Rig) -> None:
    account = an_account(calls_per_second=5)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.advance(3600)
    fill(rig, account)
    assert most_in_a_second(rig.instants("main").values()) == 5


@pytest.mark.parametrize(
    ("rate", "spacing"),
    [(0.5, 2.0), (1, 1.0), (2.5, 0.4), (3, 0.333334), (250, 0.004)],
)
def test_any_rate_is_kept_to_the_microsecond(rig: Rig, rate: float, spacing: float) -> None:
    account = an_account(calls_per_second=rate)
    rig.admission.permit(account, Lane.NORMAL, "a")
    answer = rig.admission.permit(account, Lane.NORMAL, "b")
    assert answer == (Grant(spacing) if spacing <= 1 else Refusal("pace", spacing - 1))


def test_asking_again_gives_the_same_instant_and_charges_nothing(rig: Rig) -> None:
    account = an_account(calls_per_second=5, channels=3)
    rig.admission.permit(account, Lane.NORMAL, "first")
    assert rig.admission.permit(account, Lane.NORMAL, "a") == Grant(0.2)
    rig.advance(0.05)
    assert rig.admission.permit(account, Lane.NORMAL, "a") == Grant(0.15)
    rig.advance(0.35)
    assert rig.admission.permit(account, Lane.NORMAL, "a") == Grant(0.0)
    assert rig.admission.held("main") == 2
    rig.admission.free("main", "first")
    assert rig.admission.permit(account, Lane.NORMAL, "b") == Grant(0.0)


def test_asking_again_is_granted_though_all_channels_are_taken(rig: Rig) -> None:
    account = an_account(channels=1)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.advance(60)
    assert rig.admission.permit(account, Lane.NORMAL, "a") == Grant(0.0)
    assert rig.admission.held("main") == 1


def test_who_asks_again_long_after_his_instant_pays_for_another(rig: Rig) -> None:
    account = an_account(calls_per_second=1)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.advance(5)
    rig.admission.permit(account, Lane.NORMAL, "b")
    assert rig.admission.permit(account, Lane.NORMAL, "a") == Grant(1.0)
    assert rig.admission.permit(account, Lane.NORMAL, "c") == Refusal("pace", 1.0)


def test_accounts_do_not_share_a_line(rig: Rig) -> None:
    one, other = an_account("one", 1, channels=2), an_account("other", 1, channels=2)
    rig.admission.permit(one, Lane.NORMAL, "a")
    assert rig.admission.permit(one, Lane.NORMAL, "b").why == "no channel"  # type: ignore[union-attr]
    assert rig.admission.permit(other, Lane.NORMAL, "b") == Grant(0.0)
    assert (rig.admission.held("one"), rig.admission.held("other")) == (1, 1)


def test_a_test_call_jumps_ahead_and_later_calls_pay(rig: Rig) -> None:
    account = an_account(calls_per_second=5)
    fill(rig, account)
    assert rig.admission.permit(account, Lane.TEST, "test") == Grant(0.0)
    assert most_in_a_second(rig.instants("main").values()) == 6
    # Without the test call it would have been 0.2.
    assert rig.admission.permit(account, Lane.NORMAL, "next") == Refusal("pace", 0.4)


def test_a_second_test_call_waits_its_turn_rather_than_exceed_the_pace(rig: Rig) -> None:
    account = an_account(calls_per_second=5)
    for reference in "abc":
        rig.admission.permit(account, Lane.NORMAL, reference)
    answers = [rig.admission.permit(account, Lane.TEST, f"test-{each}") for each in range(4)]
    assert answers == [Grant(0.0), Grant(0.0), Grant(0.0), Refusal("pace", 0.2)]
    assert most_in_a_second(rig.instants("main").values()) == 6


def test_the_second_in_which_test_calls_jumped_is_over_after_a_second(rig: Rig) -> None:
    account = an_account(calls_per_second=1)
    rig.admission.permit(account, Lane.NORMAL, "a")
    assert rig.admission.permit(account, Lane.TEST, "test-1") == Grant(0.0)
    rig.advance(1)
    assert rig.admission.permit(account, Lane.TEST, "test-2") == Grant(0.0)


def test_an_instant_that_was_given_up_counts_all_the_same(rig: Rig) -> None:
    account = an_account(calls_per_second=2)
    for _ in range(2):
        rig.admission.permit(account, Lane.NORMAL, "a")
        rig.admission.free("main", "a")
    assert rig.admission.permit(account, Lane.TEST, "test-1") == Grant(0.0)
    assert rig.admission.permit(account, Lane.TEST, "test-2") == Refusal("pace", 0.5)


def test_instants_that_are_over_take_no_memory(redis_rig: RedisRig) -> None:
    for turn in range(20):
        redis_rig.admission.permit(an_account(), Lane.NORMAL, f"ref-{turn}")
        redis_rig.advance(0.5)
    with redis_rig.server.reach() as redis:
        assert redis.zcard(keys.starts("main")) <= 3


def test_test_calls_alone_may_not_run_up_a_debt_without_end(rig: Rig) -> None:
    account = an_account(calls_per_second=5, channels=1000)
    granted = 0
    for step in range(200):
        granted += isinstance(rig.admission.permit(account, Lane.TEST, f"test-{step}"), Grant)
        rig.advance(0.05)
    assert granted <= 10 * 5 + 7
    rig.advance(0.5)
    assert isinstance(rig.admission.permit(account, Lane.NORMAL, "a"), Grant)


def test_a_clock_set_back_stops_an_account_for_no_more_than_a_second(rig: Rig) -> None:
    account = an_account(calls_per_second=5)
    rig.admission.permit(account, Lane.NORMAL, "a")
    rig.advance(-3600)
    assert rig.admission.permit(account, Lane.NORMAL, "b") == Grant(1.0)
    assert rig.admission.permit(account, Lane.NORMAL, "c") == Refusal("pace", 0.2)
