"""Who must not be called: suppressed numbers, hours on the callee's own clock, a window that is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.call import Suppression
from dialer.domain.states import BatchState, CallState, CloseReason, Outcome
from dialer.ports import HouseRules
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, phone, phones, waits

PHONE = phones(1)[0]


def suppress(rig: Rig, until: timedelta | None = None, workspace: str | None = None) -> None:
    ends = None if until is None else rig.now + until
    rig.ledger.suppressions.add([Suppression(PHONE, "asked us not to", workspace, ends)])


def test_a_number_suppressed_before_the_load_enters_closed(either: Rig) -> None:
    suppress(either)
    receipt = either.receipt(phones(2))
    assert (receipt.accepted, receipt.suppressed) == (1, 1)
    batch = either.batch_of(receipt)
    either.step()
    assert either.placed == [phone(1)]
    assert either.call(batch, PHONE).close_reason is CloseReason.SUPPRESSED


def test_a_batch_of_suppressed_numbers_only_completes_at_once(rig: Rig) -> None:
    suppress(rig)
    assert rig.load([PHONE]).state is BatchState.COMPLETED


def test_a_number_suppressed_between_push_and_claim_closes_without_a_request(either: Rig) -> None:
    batch = either.load([PHONE])
    either.tick()
    suppress(either)
    [told] = either.work()
    assert told.event == "closed"
    call = either.call(batch)
    assert (call.close_reason, call.attempts, call.attempts_spent) == (CloseReason.SUPPRESSED, (), 0)
    assert either.provider.placed == []
    assert either.held() == 0


def test_a_number_suppressed_while_its_retry_waits_is_not_dialed_again(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=2)
    rig.dial(PHONE, Outcome.BUSY)
    suppress(rig)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == [PHONE]
    assert rig.call(batch).close_reason is CloseReason.SUPPRESSED


def test_another_workspaces_list_does_not_count(rig: Rig) -> None:
    suppress(rig, workspace="w2")
    rig.load([PHONE])
    rig.step()
    assert rig.placed == [PHONE]


def test_a_suppression_that_ends_before_exp_defers_until_then(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    suppress(rig, until=2 * HOUR)
    [told] = rig.work()
    assert told.event == "deferred"
    assert waits(rig.call(batch), rig.now) == 2 * HOUR
    rig.later(2 * HOUR)
    rig.step()
    assert rig.placed == [PHONE]


def test_a_suppression_that_lasts_beyond_exp_closes(rig: Rig) -> None:
    batch = rig.load([PHONE], exp=rig.now + HOUR)
    suppress(rig, until=HOUR)
    rig.step()
    assert rig.placed == []
    assert rig.call(batch).close_reason is CloseReason.SUPPRESSED


def test_a_lifted_suppression_is_no_suppression(rig: Rig) -> None:
    suppress(rig)
    rig.dialer.unsuppress(PHONE)
    rig.load([PHONE])
    rig.step()
    assert rig.placed == [PHONE]


def test_legal_hours_count_on_the_callees_own_clock_though_the_batchs_zone_is_open(new_rig: NewRig) -> None:
    rig = new_rig(rules=HouseRules(legal_hours=("*|0900-2000",)))
    melbourne, perth = "+61387770001", "+61892270001"  # 11:00 there, 08:00 here
    batch = rig.load([melbourne, perth], timezone="Australia/Melbourne", calling_hours=["*|0900-1700"])
    rig.step()
    assert rig.placed == [melbourne]
    rig.later(HOUR - SECOND)
    rig.step()
    assert rig.placed == [melbourne]
    rig.later(SECOND)
    rig.step()
    assert rig.placed == [melbourne, perth]
    assert rig.status(batch).in_flight == 0


def test_the_worker_reads_the_hours_again_though_the_cohort_says_open(new_rig: NewRig) -> None:
    """The configuration became stricter after the load; the rows are an index, not the law."""
    rig = new_rig()
    batch = rig.load(["+61892270001"])
    rig.rules = HouseRules(default_provider="au", legal_hours=("*|0900-2000",))
    rig.tick()
    [told] = rig.work()
    assert told.event == "deferred"
    assert "blocked until" in told.why
    assert waits(rig.call(batch), rig.now) == HOUR
    assert rig.provider.placed == []


def test_hours_of_every_zone_a_number_may_lie_in_must_be_open(new_rig: NewRig) -> None:
    """An Australian mobile: 08:00 in Perth, 11:00 in Melbourne."""
    rig = new_rig(rules=HouseRules(ignore_zones=frozenset({"Indian/Cocos", "Indian/Christmas"})))
    rig.load(["+61412345678"], calling_hours=["*|0900-1700"])
    rig.step()
    assert rig.placed == []
    rig.later(HOUR)
    rig.step()
    assert rig.placed == ["+61412345678"]


def test_a_calls_own_timezone_beats_its_batchs(rig: Rig) -> None:
    own = {"phone": phone(0), "timezone": "Australia/Perth"}
    rig.load([own, phone(1)], timezone="Australia/Melbourne", calling_hours=["*|0900-1700"])
    rig.step()
    assert rig.placed == [phone(1)]


def test_exp_passing_closes_expired_without_a_request(either: Rig) -> None:
    batch = either.load(phones(2), exp=either.now + HOUR, nbf=either.now + 30 * MINUTE)
    either.later(HOUR)
    either.step()
    assert either.placed == []
    assert either.status(batch).closed["expired"] == 2
    assert either.status(batch).state == "completed"


def test_exp_passing_between_push_and_claim_closes_expired(either: Rig) -> None:
    batch = either.load([PHONE], exp=either.now + HOUR)
    either.tick()
    either.later(HOUR)
    [told] = either.work()
    assert told.event == "not_claimed"
    assert either.call(batch).close_reason is CloseReason.EXPIRED
    assert either.call(batch).attempts == ()
    assert either.held() == 0


def test_exp_passing_while_a_call_is_under_way_lets_it_end(rig: Rig) -> None:
    batch = rig.load([PHONE], exp=rig.now + HOUR)
    rig.step()
    rig.later(2 * HOUR - MINUTE)
    rig.tick()
    assert rig.call(batch).state is CallState.IN_PROGRESS
    rig.end(PHONE)
    rig.ask()
    rig.tick()
    assert rig.call(batch).close_reason is CloseReason.REACHED
    assert rig.status(batch).state == "completed"


def test_nothing_goes_out_before_nbf(rig: Rig) -> None:
    rig.load([PHONE], nbf=rig.now + HOUR)
    rig.later(HOUR - SECOND)
    rig.step()
    assert rig.placed == []
    rig.later(SECOND)
    rig.step()
    assert rig.placed == [PHONE]


def test_a_paused_batch_expires_too(rig: Rig) -> None:
    batch = rig.load([PHONE], exp=rig.now + HOUR)
    rig.pause(batch)
    rig.later(HOUR)
    rig.tick()
    assert rig.call(batch).close_reason is CloseReason.EXPIRED
    assert rig.status(batch).state == "completed"


def test_a_window_opens_anew_each_day(rig: Rig) -> None:
    rig.load([PHONE], timezone="Australia/Melbourne", block_rules=["*|0000-1000", "*|1005-2400"], exp=rig.now + 3 * DAY)
    rig.step()
    assert rig.placed == []
    rig.later(23 * HOUR)
    rig.step()
    assert rig.placed == [PHONE]


@pytest.mark.parametrize("over", [timedelta(0), MINUTE])
def test_a_batch_whose_hours_never_come_again_expires(rig: Rig, over: timedelta) -> None:
    """The last open span before exp is over: the number waits visibly, and closes at exp."""
    batch = rig.load(
        [PHONE], timezone="Australia/Melbourne", calling_hours=["Mon|1100-1105"], exp=rig.now + 2 * HOUR, max_retries=1
    )
    rig.later(5 * MINUTE)
    rig.step()
    assert rig.call(batch).state is CallState.READY
    assert rig.why(batch) == "blocked until after exp"
    rig.later(2 * HOUR - 5 * MINUTE + over)
    rig.step()
    assert rig.call(batch).close_reason is CloseReason.EXPIRED
    assert rig.placed == []
