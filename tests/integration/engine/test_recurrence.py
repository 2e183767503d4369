"""Templates and their runs: one for each local occurrence, at most one after downtime, over with the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dialer.domain.batch import Batch
from dialer.domain.states import CallState, CloseReason, Lane, Outcome
from dialer.testing.providers import dialed_twice
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, phone, phones

NOON = {"cron": "0 12 * * *", "timezone": "Australia/Melbourne"}  # an hour from the rig's beginning
#: The first Sunday of April 2027: at 16:00 UTC Melbourne's clock goes from 03:00 back to 02:00.
FOLD = datetime(2027, 4, 3, 16, 0, tzinfo=UTC)
#: The first Sunday of October 2027: at 16:00 UTC it goes from 02:00 to 03:00.
GAP = datetime(2027, 10, 2, 16, 0, tzinfo=UTC)


def template(rig: Rig, count: int = 2, **given: Any) -> Batch:
    return rig.load(phones(count), ref="daily", **{**NOON, **given})


def runs(rig: Rig, batch: Batch) -> list[Batch]:
    return rig.ledger.schedules.runs(batch.batch_id, open_only=False)


def refs(rig: Rig, batch: Batch) -> list[str]:
    return [run.terms.name.batch_ref for run in runs(rig, batch)]


def test_a_templates_own_calls_are_never_dialed(rig: Rig) -> None:
    batch = template(rig)
    rig.step()
    assert rig.placed == []
    assert rig.status(batch).counts["waiting"] == 2
    assert rig.status(batch).state == "running"
    assert "a template" in rig.why(batch)


def test_at_its_occurrence_a_run_is_named_and_dialed_like_any_batch(either: Rig) -> None:
    batch = template(either, max_retries=1)
    either.later(HOUR)
    either.step()
    assert refs(either, batch) == ["daily@2026-11-23T12:00"]
    assert sorted(either.placed) == phones(2)
    [run] = runs(either, batch)
    either.end(phone(0), Outcome.BUSY)
    either.end(phone(1), Outcome.ANSWERED)
    either.ask(5 * SECOND)
    either.later(10 * MINUTE)
    either.dial(phone(0))
    either.tick()
    assert either.status(run).state == "completed"
    assert either.status(batch).counts["waiting"] == 2
    assert dialed_twice(either.provider.placed) == []


def test_there_is_one_run_for_each_occurrence(rig: Rig) -> None:
    batch = template(rig)
    for _ in range(3 * 24):
        rig.later(HOUR)
        rig.step()
    assert refs(rig, batch) == [f"daily@2026-11-{day}T12:00" for day in (23, 24, 25)]


def test_after_downtime_only_the_latest_occurrence_runs(rig: Rig) -> None:
    batch = template(rig)
    rig.later(3 * DAY + 2 * HOUR)
    rig.step()
    rig.step()
    assert refs(rig, batch) == ["daily@2026-11-26T12:00"]


def test_an_occurrence_in_a_fold_runs_once(new_rig: NewRig) -> None:
    rig = new_rig(start=FOLD - 3 * HOUR)
    batch = template(rig, cron="30 2 * * *")
    for _ in range(7):
        rig.later(HOUR - MINUTE * 7)
        rig.step()
    assert refs(rig, batch) == ["daily@2027-04-04T02:30"]


def test_an_occurrence_in_a_gap_runs_once_when_the_gap_is_over(new_rig: NewRig) -> None:
    rig = new_rig(start=GAP - HOUR)
    batch = template(rig, cron="30 2 * * *")
    for _ in range(6):
        rig.later(30 * MINUTE)
        rig.step()
    assert refs(rig, batch) == ["daily@2027-10-03T03:00"]


def test_numbers_suppressed_meanwhile_are_left_out_of_a_run(rig: Rig) -> None:
    batch = template(rig)
    rig.dialer.suppress(phone(0), "asked us not to")
    rig.later(HOUR)
    rig.step()
    [run] = runs(rig, batch)
    assert [call.phone for call in rig.calls(run)] == [phone(1)]
    assert rig.placed == [phone(1)]


def test_a_suppression_that_ends_within_the_run_only_defers(rig: Rig) -> None:
    template(rig, count=1)
    rig.dialer.suppress(phone(0), "not before two", until=rig.now + 3 * HOUR)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == []
    rig.later(2 * HOUR)
    rig.step()
    assert rig.placed == [phone(0)]


def test_a_run_ends_with_the_next_occurrence(rig: Rig) -> None:
    batch = template(rig, calling_hours=["*|1900-2000", "*|1200-1201"])
    rig.later(HOUR + 5 * MINUTE)
    rig.tick()
    [first] = runs(rig, batch)
    assert rig.why(first).startswith("blocked until 2026-11-23T19:00")
    rig.later(DAY - 5 * MINUTE)
    rig.step()
    assert refs(rig, batch) == ["daily@2026-11-23T12:00", "daily@2026-11-24T12:00"]
    assert {call.close_reason for call in rig.calls(first)} == {CloseReason.EXPIRED}
    assert sorted(rig.placed) == phones(2)


def test_a_retry_of_a_run_does_not_outlive_it(rig: Rig) -> None:
    batch = template(rig, count=1, max_retries=3, cron="0 * * * *")
    rig.later(HOUR)
    rig.step()
    rig.later(31 * MINUTE)
    rig.end(phone(0), Outcome.NO_ANSWER)
    rig.ask()
    [run] = runs(rig, batch)
    assert rig.call(run).close_reason is CloseReason.EXHAUSTED


def test_a_call_under_way_when_its_run_ends_ends_by_itself(rig: Rig) -> None:
    batch = template(rig, count=1, cron="0 * * * *", max_retries=2)
    rig.later(HOUR)
    rig.step()
    [first] = runs(rig, batch)
    rig.later(HOUR)
    rig.step()
    assert rig.call(first).state is CallState.IN_PROGRESS
    rig.end_all(Outcome.BUSY)
    first_call = rig.provider.placed[0]
    rig.provider.told["call-1"] = rig.provider.told["call-2"]
    rig.ask(5 * SECOND)
    assert first_call.phone == phone(0)
    assert rig.call(first).close_reason is CloseReason.EXHAUSTED


def test_no_run_begins_at_or_after_exp(rig: Rig) -> None:
    batch = template(rig, exp=rig.now + 25 * HOUR)
    for _ in range(60):
        rig.later(HOUR)
        rig.step()
    assert refs(rig, batch) == ["daily@2026-11-23T12:00"]
    assert rig.status(batch).state == "completed"


def test_an_occurrence_exactly_at_nbf_counts(rig: Rig) -> None:
    batch = template(rig, nbf=rig.now + HOUR)
    rig.later(HOUR)
    rig.step()
    assert len(runs(rig, batch)) == 1


def test_a_run_whose_load_was_interrupted_is_loaded_on(rig: Rig) -> None:
    """The scheduler died between opening the run and its last chunk."""
    batch = template(rig)
    rig.later(HOUR)
    real = rig.ledger.schedules
    rig.ledger.schedules = Dying(real)
    try:
        rig.tick()
    except KeyboardInterrupt:
        pass
    rig.ledger.schedules = real
    rig.step()
    rig.step()
    assert len(runs(rig, batch)) == 1
    assert sorted(rig.placed) == phones(2)


def test_a_reloaded_template_gives_later_runs_its_new_numbers(rig: Rig) -> None:
    batch = template(rig, count=1)
    rig.later(HOUR)
    rig.step()
    rig.load([phone(1)], ref="daily")
    rig.later(DAY)
    rig.step()
    assert len(runs(rig, batch)) == 2
    assert rig.placed == [phone(0), phone(0), phone(1)]


def test_a_template_reloaded_after_its_run_began_does_not_run_twice(rig: Rig) -> None:
    batch = template(rig, count=1)
    rig.later(HOUR)
    rig.step()
    rig.later(SECOND)
    rig.load([phone(1)], ref="daily")
    rig.step()
    assert len(runs(rig, batch)) == 1
    assert rig.placed == [phone(0)]


def test_a_reload_between_an_occurrence_and_its_tick_does_not_lose_the_run(rig: Rig) -> None:
    batch = template(rig, count=1)
    rig.later(HOUR + SECOND)
    rig.load([phone(1)], ref="daily")
    rig.step()
    assert refs(rig, batch) == ["daily@2026-11-23T12:00"]
    assert sorted(rig.placed) == phones(2)


def test_a_run_inherits_lane_and_zones(rig: Rig) -> None:
    batch = rig.load([{"phone": phone(0), "timezone": "Australia/Perth"}], ref="daily", priority="high", **NOON)
    rig.later(HOUR)
    rig.tick()
    assert rig.world.queue.depths()[Lane.HIGH] == 1
    [run] = runs(rig, batch)
    assert rig.ledger.batches.cohorts(run.batch_id)[0].zones.rules == ("Australia/Perth",)


def test_a_draft_template_does_not_run_before_it_is_started(rig: Rig) -> None:
    batch = template(rig, status="draft")
    rig.later(HOUR)
    rig.step()
    assert runs(rig, batch) == []
    assert timedelta() == rig.now - rig.start - HOUR


class Dying:
    """The schedules' room of a process that dies at the first chunk."""

    def __init__(self, room: Any) -> None:
        self._room = room

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._room, verb)

    def copy_calls(self, *given: Any) -> Any:
        raise KeyboardInterrupt
