"""Signals: the later word stands; and the leader's wake-up call."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.coordination import keys
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Signal
from tests.contract.coordination.rigs import NOON, RedisRig, Rig, a_claim, an_account

BATCH = Signal.batch_key("batch-1")


@pytest.fixture
def permitted(rig: Rig) -> Rig:
    rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    return rig


@pytest.mark.parametrize(("older", "newer"), [(1, 2), (9, 10), (99, 1000)])
def test_an_older_word_never_overwrites_a_newer_one(permitted: Rig, older: int, newer: int) -> None:
    permitted.signals.write(Signal(BATCH, "terminate", newer))
    permitted.signals.write(Signal(BATCH, "go", older))
    assert permitted.admission.arm(a_claim()) is Armed.HALT
    assert permitted.signals.align([Signal(BATCH, "go", older)]) == (Signal(BATCH, "terminate", newer),)


def test_a_newer_word_overwrites_an_older_one(permitted: Rig) -> None:
    permitted.signals.write(Signal(BATCH, "go", 1))
    permitted.signals.write(Signal(BATCH, "pause", 2))
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_aligning_writes_what_differs_and_what_is_missing(permitted: Rig) -> None:
    permitted.signals.write(Signal("w:clinic", "hold", 1))
    assert permitted.signals.align([Signal(BATCH, "pause", 1), Signal("w:clinic", "go", 2)]) == ()
    assert permitted.admission.arm(a_claim()) is Armed.HALT
    permitted.signals.align([Signal(BATCH, "go", 2), Signal("w:clinic", "go", 2)])
    assert permitted.admission.arm(a_claim()) is Armed.GO


def test_the_ledgers_word_stands_where_the_seq_is_the_same(permitted: Rig) -> None:
    permitted.signals.write(Signal(BATCH, "go", 1))
    assert permitted.signals.align([Signal(BATCH, "pause", 1)]) == ()
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_a_word_written_again_with_the_same_seq_is_corrected(permitted: Rig) -> None:
    permitted.signals.write(Signal(BATCH, "go", 1))
    permitted.signals.write(Signal(BATCH, "pause", 1))
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_aligning_tells_of_a_halt_that_the_ledger_does_not_name_and_leaves_it_standing(permitted: Rig) -> None:
    forgotten = Signal("all", "hold", 1)
    permitted.signals.write(forgotten)
    for _ in range(2):
        assert permitted.signals.align([]) == (forgotten,)
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_aligning_drops_a_go_that_the_ledger_does_not_name(permitted: Rig) -> None:
    permitted.signals.write(Signal("all", "go", 7))
    assert permitted.signals.align([]) == ()
    permitted.signals.write(Signal("all", "hold", 1))  # older than what was dropped, so it stands only if that is gone
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_what_is_newer_in_redis_is_told_and_left_standing(permitted: Rig) -> None:
    later = Signal(BATCH, "pause", 7)
    permitted.signals.write(later)
    for _ in range(2):
        assert permitted.signals.align([Signal(BATCH, "go", 6)]) == (later,)
    assert permitted.admission.arm(a_claim()) is Armed.HALT


def test_aligning_mends_what_cannot_be_read(redis_rig: RedisRig) -> None:
    redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    with redis_rig.server.reach() as redis:
        redis.hset(keys.SIGNALS, BATCH, "?")
    assert redis_rig.signals.align([Signal(BATCH, "go", 0)]) == ()
    assert redis_rig.admission.arm(a_claim()) is Armed.GO


def test_names_may_hold_any_character(permitted: Rig) -> None:
    strange = Signal("w:Köln: süd|*{}", "hold", 3)
    permitted.signals.write(strange)
    assert permitted.signals.align([Signal(strange.key, "go", 2)]) == (strange,)


def test_signals_need_no_epoch_because_they_come_before_it(fresh: Rig) -> None:
    fresh.signals.align([Signal(BATCH, "pause", 1)])
    fresh.signals.raise_epoch()
    fresh.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    assert fresh.admission.arm(a_claim()) is Armed.HALT


def test_a_wake_up_call_is_heard_once_however_often_it_was_made(rig: Rig) -> None:
    for _ in range(3):
        rig.signals.wake()
    assert [rig.signals.await_wake(0) for _ in range(2)] == [True, False]


def test_a_wake_up_call_made_before_is_heard_at_once(rig: Rig) -> None:
    rig.signals.wake()
    assert rig.signals.await_wake(30)


def test_a_test_call_wakes_those_who_await_it_and_those_who_await_anything(rig: Rig) -> None:
    rig.signals.wake(is_test=True)
    assert [rig.signals.await_wake(0, is_test=True) for _ in range(2)] == [True, False]
    assert rig.signals.await_wake(0)


def test_anything_else_does_not_wake_whoever_awaits_test_calls(rig: Rig) -> None:
    rig.signals.wake()
    assert not rig.signals.await_wake(0, is_test=True)


@pytest.mark.parametrize("seconds", [-1, 0, 0.0001, 0.05])
def test_without_a_wake_up_call_the_time_runs_out(rig: Rig, seconds: float) -> None:
    assert not rig.signals.await_wake(seconds)


def test_a_redis_that_saw_no_tick_of_a_ledger_says_so(fresh: Rig) -> None:
    assert fresh.signals.witnessed_tick("ledger-1") is None


def test_the_latest_tick_is_remembered_to_the_microsecond_for_each_ledger(rig: Rig) -> None:
    rig.signals.witness_tick("ledger-1", NOON)
    rig.signals.witness_tick("ledger-2", NOON + timedelta(hours=1))
    later = NOON + timedelta(microseconds=1)
    rig.signals.witness_tick("ledger-1", later)
    assert rig.signals.witnessed_tick("ledger-1") == later
    assert rig.signals.witnessed_tick("ledger-2") == NOON + timedelta(hours=1)


def test_whoever_spoke_last_is_right_about_a_tick(rig: Rig) -> None:
    """An operator's confirmation may lie before what was seen: a clock was set back."""
    rig.signals.witness_tick("ledger-1", NOON)
    rig.signals.witness_tick("ledger-1", NOON - timedelta(hours=2))
    assert rig.signals.witnessed_tick("ledger-1") == NOON - timedelta(hours=2)


def test_a_wiped_redis_has_seen_no_tick(rig: Rig) -> None:
    rig.signals.witness_tick("ledger-1", NOON)
    rig.wipe()
    assert rig.signals.witnessed_tick("ledger-1") is None


def test_a_new_epoch_and_signals_leave_the_ticks_alone(rig: Rig) -> None:
    rig.signals.witness_tick("ledger-1", NOON)
    rig.signals.raise_epoch()
    rig.signals.align([])
    assert rig.signals.witnessed_tick("ledger-1") == NOON


def test_a_tick_that_cannot_be_read_was_never_seen(redis_rig: RedisRig) -> None:
    with redis_rig.server.reach() as redis:
        redis.set(keys.ticked("ledger-1"), "yesterday")
    assert redis_rig.signals.witnessed_tick("ledger-1") is None
