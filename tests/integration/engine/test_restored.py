"""A ledger that may be a restored copy: doubted until an operator speaks, then asked about everybody it forgot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.domain.placement import NotTold
from dialer.domain.states import BatchState, CallState, CloseReason
from dialer.engine import trust
from dialer.errors import InvalidInput, LoadRefused
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, phone, phones

PHONE = phone(0)
Restore = Callable[[], None]


def ticked(rig: Rig) -> str | None:
    return rig.tick().doubt


def asked(rig: Rig, times: int = 3) -> None:
    """Long enough for a list that shows a call only after a minute."""
    for _ in range(times):
        rig.ask(MINUTE)


def backup(rig: Rig, path: Path) -> Restore:
    """Taken now; what is dialed a minute later is forgotten by it."""
    restore = rig.remember(path / "backup.db")
    rig.later(MINUTE)
    return restore


def test_a_fresh_ledger_is_not_doubted(either: Rig) -> None:
    assert ticked(either) is None
    assert ticked(either) is None


def test_a_ledger_older_than_what_redis_saw_releases_nothing_until_confirmed(rig: Rig, tmp_path: Path) -> None:
    rig.tick()
    restore = rig.remember(tmp_path / "backup.db")
    for _ in range(3):
        rig.later(MINUTE)
        rig.tick()
    restore()
    batch = rig.load(phones(2))
    assert "older than what Redis saw" in str(ticked(rig))
    assert rig.work() == []
    assert rig.why(batch).startswith("the ledger is older than")
    told = rig.dialer.explain(batch.batch_id, PHONE)
    assert (told.gates[0].gate, told.gates[0].verdict) == ("ledger", "closed")
    assert str(told.why).startswith("the ledger is older than")
    rig.dialer.confirm_ledger()
    assert ticked(rig) is None
    assert ticked(rig) is None
    rig.work()
    assert len(rig.placed) == 2


def test_doubt_survives_whatever_is_restarted(rig: Rig) -> None:
    rig.tick()
    rig.redis.wipe()
    rig.clock.advance(HOUR.total_seconds())
    rig.tick()
    rig.redis.wipe()
    assert ticked(rig) is not None
    rig.ledger.close()
    assert ticked(rig) is not None
    assert ticked(rig) is not None


@pytest.mark.parametrize(("silent", "is_doubted"), [(9 * MINUTE, False), (10 * MINUTE, False), (11 * MINUTE, True)])
def test_an_empty_redis_raises_doubt_after_ten_minutes_of_silence(
    either: Rig, silent: timedelta, is_doubted: bool
) -> None:
    either.tick()
    either.redis.wipe()
    either.clock.advance(silent.total_seconds())
    assert (ticked(either) is not None) is is_doubted


def test_a_redis_that_is_not_empty_vouches_for_a_ledger_that_slept(rig: Rig) -> None:
    rig.tick()
    rig.tick()
    rig.clock.advance(HOUR.total_seconds())
    assert ticked(rig) is None


def test_a_witness_from_the_future_does_not_doubt_again_once_confirmed(rig: Rig) -> None:
    """A clock that was ahead and was set right."""
    rig.tick()
    rig.world.signals.witness_tick(rig.ledger.ledger_id, rig.now + 2 * HOUR)
    assert ticked(rig) is not None
    rig.dialer.confirm_ledger()
    assert ticked(rig) is None


def test_confirming_needs_no_redis(rig: Rig) -> None:
    rig.ledger.trust.raise_doubt("because")
    rig.redis.is_up = False
    rig.dialer.confirm_ledger()
    assert rig.ledger.trust.doubt() is None


def test_two_ledgers_on_one_redis_do_not_confuse_each_other(rig: Rig) -> None:
    rig.world.signals.witness_tick("11111111-1111-4111-8111-111111111111", rig.now + DAY)
    assert ticked(rig) is None


def test_a_call_that_was_queued_when_doubt_came_is_not_claimed(either: Rig) -> None:
    either.load([PHONE])
    either.tick()
    either.ledger.trust.raise_doubt("because")
    [told] = either.work()
    assert (told.event, told.why) == ("not_claimed", "the ledger is in doubt: because")
    assert either.placed == []


def test_what_was_dialed_since_is_found_and_what_was_not_is_dialed_once(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load(phones(6))
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.tick()
    rig.work(2)
    restore()
    rig.redis.wipe()
    report = rig.dialer.restored(taken_at)
    assert (report.asked, report.unasked) == (6, 0)
    assert rig.status(batch).counts["unknown"] == 6
    rig.step()
    assert len(rig.placed) == 2
    asked(rig)
    assert rig.status(batch).counts == {**rig.status(batch).counts, "in_progress": 2, "ready": 4, "unknown": 0}
    rig.step()
    assert sorted(rig.placed) == phones(6)
    assert {call.attempts_spent for call in rig.calls(batch)} == {1}


def test_a_list_that_shows_a_call_only_after_a_minute_is_waited_for(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load([PHONE])
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.step()
    restore()
    rig.redis.wipe()
    rig.dialer.restored(taken_at)
    shown = dict(rig.provider._ids)
    rig.provider._ids.clear()
    rig.ask()
    rig.step()
    assert rig.call(batch).state is CallState.UNKNOWN
    rig.provider._ids.update(shown)
    rig.ask(MINUTE)
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.placed == [PHONE]


def test_a_call_found_hours_later_is_given_its_time(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load([PHONE])
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.later(5 * HOUR)
    rig.step()
    restore()
    rig.dialer.restored(taken_at)
    asked(rig)
    assert rig.call(batch).state is CallState.IN_PROGRESS


def test_the_forgotten_attempt_is_found_under_any_of_its_numbers(rig: Rig, tmp_path: Path) -> None:
    """Each deferral before it had used one up."""
    batch = rig.load([PHONE])
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.tick()
    rig.redis.signals["all"] = ("hold", 99)
    rig.work()
    rig.redis.signals.clear()
    rig.step()
    assert rig.placed == [PHONE]
    restore()
    rig.redis.wipe()
    rig.dialer.restored(taken_at)
    asked(rig)
    assert rig.call(batch).state is CallState.IN_PROGRESS


def test_it_is_safe_to_repeat(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load(phones(3), max_retries=1)
    taken_at = rig.now
    rig.later(MINUTE)
    assert rig.dialer.restored(taken_at).asked == 3
    assert rig.dialer.restored(taken_at).asked == 0
    asked(rig)
    assert rig.dialer.restored(taken_at).asked == 0
    assert rig.dialer.restored(taken_at + 30 * SECOND).asked == 0
    assert rig.status(batch).counts["ready"] == 3


def test_said_again_with_an_earlier_instant_it_goes_back_further(rig: Rig) -> None:
    batch = rig.load(phones(2))
    early = rig.now
    rig.later(HOUR)
    assert rig.dialer.restored(rig.now - MINUTE).asked == 2
    assert rig.dialer.restored(early).asked == 0
    asked(rig)
    assert {sought.claimed_at for sought in rig.provider.asked} == {early}
    assert rig.dialer.restored(early - HOUR).asked == 2
    assert rig.status(batch).counts["unknown"] == 2


def test_a_second_restore_after_more_dialing_asks_again(rig: Rig) -> None:
    rig.load(phones(2))
    rig.later(MINUTE)
    rig.dialer.restored(rig.now - MINUTE)
    asked(rig)
    rig.later(HOUR)
    assert rig.dialer.restored(rig.now - MINUTE).asked == 2


def test_where_nobody_can_be_asked_it_ends_unresolved_and_is_resolved_in_bulk(hands_off: Rig) -> None:
    rig = hands_off
    batch = rig.load(phones(3))
    rig.later(MINUTE)
    report = rig.dialer.restored(rig.now - MINUTE)
    assert (report.asked, report.unasked) == (0, 3)
    for _ in range(8):
        rig.ask(2 * MINUTE)
        rig.step()
    assert rig.status(batch).closed["unresolved"] == 3
    assert rig.status(batch).state == "completed"
    assert rig.held() == 0
    assert rig.dialer.resolve(batch.batch_id, placed=False, by="ada") == 3
    rig.step()
    assert sorted(rig.placed) == phones(3)


def test_hours_that_were_closed_since_leave_their_calls_alone(rig: Rig) -> None:
    shut = rig.load([PHONE], timezone="Australia/Melbourne", calling_hours=["*|0900-1000"])
    late = rig.load([PHONE], ref="late", nbf=rig.now + HOUR)
    waits = rig.load([PHONE], ref="waits")
    rig.later(MINUTE)
    assert rig.dialer.restored(rig.now - MINUTE).asked == 1
    assert rig.call(shut).state is rig.call(late).state is CallState.READY
    assert rig.call(waits).state is CallState.UNKNOWN


def test_a_draft_may_have_been_begun_since_and_a_terminated_batch_was_not(rig: Rig) -> None:
    draft = rig.load([PHONE], ref="draft", status="draft")
    over = rig.load([PHONE], ref="over")
    paused = rig.load([PHONE], ref="paused")
    rig.terminate(over)
    rig.pause(paused)
    rig.later(MINUTE)
    assert rig.dialer.restored(rig.now - MINUTE).asked == 2
    asked(rig)
    assert [rig.call(batch).state for batch in (draft, paused)] == [CallState.READY] * 2
    assert rig.again(draft).state is BatchState.DRAFT


@pytest.mark.parametrize("how", ["terminated", "expired"])
def test_a_batch_that_is_over_when_the_answer_comes_closes_its_calls(either: Rig, how: str) -> None:
    batch = either.load([PHONE], exp=either.now + 10 * MINUTE)
    either.later(MINUTE)
    either.dialer.restored(either.now - MINUTE)
    if how == "terminated":
        either.terminate(batch)
        asked(either)
    else:
        either.ask(10 * MINUTE)
    either.tick()
    assert either.call(batch).close_reason == CloseReason(how)
    assert either.call(batch).attempts_spent == 0
    assert either.held() == 0


def test_a_number_loaded_again_before_the_command_is_not_dialed_on_a_guess(rig: Rig, tmp_path: Path) -> None:
    """Its row is new: under which name the forgotten one was called, nobody knows."""
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.load([PHONE])
    rig.step()
    restore()
    rig.redis.wipe()
    rig.later(MINUTE)
    batch = rig.load([PHONE])
    rig.dialer.restored(taken_at)
    for _ in range(8):
        rig.ask(2 * MINUTE)
        rig.step()
    assert rig.call(batch).close_reason is CloseReason.UNRESOLVED
    assert rig.placed == [PHONE]


def test_a_run_of_a_template_that_was_dialed_and_forgotten_is_not_dialed_again(rig: Rig, tmp_path: Path) -> None:
    rig.load([PHONE], timezone="Australia/Melbourne", cron="30 11 * * *")
    rig.tick()
    taken_at, restore = rig.now, backup(rig, tmp_path)
    rig.later(HOUR)
    rig.step()
    rig.tick()
    assert rig.placed == [PHONE]
    restore()
    assert ticked(rig) is not None
    rig.dialer.restored(taken_at)
    for _ in range(8):
        rig.ask(2 * MINUTE)
        rig.step()
    assert rig.placed == [PHONE]
    [run] = [one for one in rig.dialer.batches() if "@" in one.batch_ref]
    assert run.closed["unresolved"] == 1
    rig.later(DAY)
    rig.step()
    assert rig.placed == [PHONE] * 2


def test_a_future_instant_is_refused_and_changes_nothing(rig: Rig) -> None:
    batch = rig.load([PHONE])
    with pytest.raises(LoadRefused, match="lies in the future"):
        rig.dialer.restored(rig.now + HOUR)
    with pytest.raises(InvalidInput, match="TIMESTAMP_NAIVE"):
        rig.dialer.restored(rig.now.replace(tzinfo=None))
    assert rig.call(batch).state is CallState.READY
    assert rig.ledger.trust.doubt() is None


def test_interrupted_it_leaves_the_ledger_in_doubt_until_it_is_repeated(rig: Rig) -> None:
    rig.load([PHONE])
    rig.later(MINUTE)
    rig.ledger.trust.raise_doubt(trust.AT_WORK)
    assert ticked(rig) == trust.AT_WORK
    rig.dialer.restored(rig.now - MINUTE)
    assert ticked(rig) is None


def test_a_question_without_an_answer_holds_a_recovered_call_until_it_is_given_up(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.later(MINUTE)
    rig.dialer.restored(rig.now - MINUTE)
    rig.provider.found[rig.call(batch).attempts[0].reference] = NotTold("503")
    rig.ask(9 * MINUTE)
    assert rig.call(batch).state is CallState.UNKNOWN
    rig.ask(2 * MINUTE)
    assert rig.call(batch).close_reason is CloseReason.UNRESOLVED
