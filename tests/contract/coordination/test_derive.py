"""Permits are what the ledger says they are, a moment's grace apart."""

from __future__ import annotations

from dialer.domain.states import Lane
from dialer.ports.coordination import Grant, Refusal
from tests.contract.coordination.rigs import RedisRig, Rig, an_account


def hold(rig: Rig, *references: str, account: str = "main") -> None:
    for reference in references:
        rig.admission.permit(an_account(account), Lane.NORMAL, reference)


def test_live_attempts_hold_their_channels_again_after_a_wipe(rig: Rig) -> None:
    rig.wipe()
    rig.admission.derive("main", ["a", "b"], grace_seconds=0)
    rig.signals.raise_epoch()
    assert set(rig.instants("main")) == {"a", "b"}
    assert rig.admission.permit(an_account(channels=2), Lane.TEST, "c") == Refusal("no channel", 1.0)


def test_channels_of_attempts_that_are_over_come_free(rig: Rig) -> None:
    hold(rig, "over", "live")
    rig.advance(16)
    rig.admission.derive("main", ["live"], grace_seconds=15)
    assert set(rig.instants("main")) == {"live"}


def test_a_permit_granted_a_moment_ago_and_not_claimed_yet_stays(rig: Rig) -> None:
    hold(rig, "old")
    rig.advance(14)
    hold(rig, "new")
    rig.advance(2)
    rig.admission.derive("main", [], grace_seconds=15)
    assert set(rig.instants("main")) == {"new"}


def test_the_grace_begins_with_the_start_instant(rig: Rig) -> None:
    account = an_account(calls_per_second=1)
    rig.admission.permit(account, Lane.NORMAL, "now")
    rig.admission.permit(account, Lane.NORMAL, "in a second")
    rig.advance(15.5)
    rig.admission.derive("main", [], grace_seconds=15)
    assert set(rig.instants("main")) == {"in a second"}


def test_deriving_again_changes_nothing(rig: Rig) -> None:
    hold(rig, "a")
    before = rig.instants("main")
    for _ in range(2):
        rig.admission.derive("main", ["a"], grace_seconds=15)
    assert rig.instants("main") == before


def test_other_accounts_keep_theirs(rig: Rig) -> None:
    hold(rig, "a", account="other")
    rig.advance(60)
    rig.admission.derive("main", [], grace_seconds=0)
    assert rig.admission.held("other") == 1


def test_a_derived_permit_starts_nothing_for_free(rig: Rig) -> None:
    account = an_account(calls_per_second=1)
    rig.admission.derive("main", ["redialed"], grace_seconds=15)
    rig.admission.permit(account, Lane.NORMAL, "a")
    assert rig.admission.permit(account, Lane.NORMAL, "redialed") == Grant(1.0)
    assert rig.admission.held("main") == 2


def test_it_asks_for_no_epoch_because_it_comes_before_it(fresh: Rig) -> None:
    fresh.admission.derive("main", (reference for reference in ["a"]), grace_seconds=0)
    assert fresh.admission.held("main") == 1


def test_permits_from_before_a_clock_was_set_back_come_free_after_their_grace(rig: Rig) -> None:
    hold(rig, "a")
    rig.advance(-3600)
    rig.admission.derive("main", [], grace_seconds=15)
    assert rig.admission.held("main") == 1
    rig.advance(16)
    rig.admission.derive("main", [], grace_seconds=15)
    assert rig.admission.held("main") == 0


def test_ten_thousand_live_attempts_fit_into_one_step(redis_rig: RedisRig) -> None:
    live = [f"reference-{number}" for number in range(10_000)]
    redis_rig.admission.derive("main", live, grace_seconds=15)
    assert redis_rig.admission.held("main") == 10_000
    redis_rig.advance(30)
    redis_rig.admission.derive("main", live[:10], grace_seconds=15)
    assert redis_rig.admission.held("main") == 10
