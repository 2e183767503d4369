"""What clients of the HTTP dialects see of their workspace: progress, stages, and nobody else's things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones
from dialer.domain.placement import Progress
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Lane, Outcome
from dialer.domain.view import BatchQuery, BatchView, CallQuery, CallStatus, Stage, single_ref, status_of
from dialer.ledger import SqlLedger
from dialer.ledger.tables import batches, calls
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import (
    DAY,
    FAR_OFF,
    HOUR,
    PERTH,
    UNKNOWN,
    House,
    always_open,
    answer,
    new_calls,
    terms_of,
)

HANDED_OFF = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF)


def view(ledger: SqlLedger, batch: Batch) -> BatchView:
    found = ledger.views.batch("w1", batch.batch_id)
    assert found is not None
    return found


def refs(ledger: SqlLedger, **wanted: Any) -> list[str]:
    return [each.batch.terms.name.batch_ref for each in ledger.views.batches(BatchQuery("w1", **wanted))]


def elsewhere(ref: str, workspace_id: str = "w2") -> BatchTerms:
    return replace(terms_of(ref), name=BatchName(workspace_id, "a1", ref))


def test_progress_counts_what_was_tried_reached_and_is_over(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(6))
    assert (view(ledger, batch).progress.total, view(ledger, batch).progress.tried) == (6, 0)
    first, second, third, fourth, *_ = house.push()
    ended = Progress(ended=True, outcome=Outcome.ANSWERED, credits_charged=1.5)
    ledger.attempts.settle(house.open_attempt(house.claim(house.ticket(first))), ended, None, CloseReason.REACHED)
    house.open_attempt(house.claim(house.ticket(second)), UNKNOWN)
    unanswered = replace(ended, outcome=Outcome.NO_ANSWER, credits_charged=0.25)
    ledger.attempts.settle(house.open_attempt(house.claim(house.ticket(third))), unanswered, HOUR, None)
    claim = house.claim(house.ticket(fourth))
    ledger.claims.record(claim, replace(answer(), provider_call_id="their-4"), HANDED_OFF)
    told = view(ledger, batch).progress
    assert (told.total, told.tried, told.reached, told.over) == (6, 4, 1, 1)
    assert told.credits == 1.75
    assert told.last_placed_at is not None


def test_a_batch_is_at_the_stage_that_its_ledger_says(house: House, ledger: SqlLedger) -> None:
    later = ledger.now() + DAY
    house.load(terms_of("draft"), draft=True)
    house.load(terms_of("scheduled", nbf=later))
    paused = house.load(terms_of("scheduled, paused", nbf=later))
    ledger.batches.control(paused.batch_id, BatchState.PAUSED, "why", "user")
    house.load(terms_of("sent"))
    house.load(terms_of("completed"), calls=[])
    for ref in ("failed", "sent, terminated"):
        ended = house.load(terms_of(ref))
        ledger.batches.control(ended.batch_id, BatchState.TERMINATED, "why", "user")
    house.rewrite(calls, calls.c.batch_id == ended.batch_id, state="closed", close_reason="unresolved")
    handed = house.load(terms_of("sent, handed off"))
    house.rewrite(calls, calls.c.batch_id == handed.batch_id, state="closed", close_reason="handed_off", due_at=None)
    house.rewrite(batches, batches.c.batch_id == handed.batch_id, state="completed")
    for each in ledger.views.batches(BatchQuery("w1")):
        assert each.batch.terms.name.batch_ref.startswith(each.stage.value), each
    for stage in Stage:
        found = refs(ledger, stage=stage)
        assert found
        assert all(ref.startswith(stage.value) for ref in found), (stage, found)
    assert sum(ledger.views.count(BatchQuery("w1", stage=stage)) for stage in Stage) == 8


def test_batches_are_paged_newest_first_and_filtered(house: House, ledger: SqlLedger) -> None:
    for number in range(5):
        house.load(terms_of(f"b{number}", title=f"T{number % 2}" if number else ""))
    house.load(replace(terms_of("other"), name=BatchName("w1", "a2", "other")))
    assert refs(ledger, limit=2) == ["other", "b4"]
    assert refs(ledger, page=1, limit=2) == ["b3", "b2"]
    assert refs(ledger, page=3, limit=2) == []
    assert refs(ledger, oldest_first=True, limit=2) == ["b0", "b1"]
    assert refs(ledger, agent_id="a2") == ["other"]
    assert refs(ledger, name="T1") == ["b3", "b1"]
    assert refs(ledger, name="b0") == ["b0"]  # without a title its ref is its name
    assert refs(ledger, name="b1") == []
    assert ledger.views.count(BatchQuery("w1", agent_id="a1", limit=2, page=7)) == 5


def test_test_calls_and_single_calls_are_no_batches(house: House, ledger: SqlLedger) -> None:
    test = house.load(terms_of("probe", lane=Lane.TEST), calls=new_calls(lane=Lane.TEST))
    single = house.load(terms_of(single_ref("01a205b3-d000-7000-8000-122b945534ea")))
    house.load(terms_of("call/me maybe"))
    assert refs(ledger) == ["call/me maybe"]
    for batch in (test, single):
        assert ledger.views.batch("w1", batch.batch_id) is None
    assert len(ledger.views.calls(CallQuery("w1"))) == 3


def test_another_workspace_s_things_are_not_there(house: House, ledger: SqlLedger) -> None:
    ours, theirs = house.load(), house.load(elsewhere("theirs"))
    [call] = ledger.views.calls(CallQuery("w2"))
    assert ledger.views.batch("w1", theirs.batch_id) is None
    assert ledger.views.batch("w2", ours.batch_id) is None
    assert ledger.views.call("w1", call.record.call_id) is None
    assert ledger.views.call("w2", call.record.call_id) == call
    assert ledger.views.calls(CallQuery("w1", batch_id=theirs.batch_id)) == []
    assert refs(ledger) == ["spring"]


STANDINGS = [
    *(((state, None, None)) for state in CallState if state is not CallState.CLOSED),
    *((CallState.CLOSED, reason, None) for reason in CloseReason),
    *((CallState.CLOSED, CloseReason.EXHAUSTED, outcome) for outcome in Outcome),
]


@pytest.fixture
def standings(house: House, ledger: SqlLedger) -> SqlLedger:
    """A call for each way in which one can stand."""
    batch = house.load(calls=new_calls(len(STANDINGS)))
    records = ledger.reading.calls(batch.batch_id)
    for record, (state, reason, outcome) in zip(records, STANDINGS, strict=True):
        due = None if state is CallState.CLOSED else FAR_OFF
        house.rewrite(
            calls,
            calls.c.call_id == record.call_id,
            state=state.value,
            close_reason=reason and reason.value,
            outcome=outcome and outcome.value,
            due_at=due,
        )
    return ledger


def test_a_status_finds_just_the_calls_that_have_it(standings: SqlLedger) -> None:
    everyone = standings.views.calls(CallQuery("w1", limit=100))
    assert len(everyone) == len(STANDINGS)
    found = {status: standings.views.calls(CallQuery("w1", status=status, limit=100)) for status in CallStatus}
    for status, views in found.items():
        assert views, status
        assert {status_of(each.record) for each in views} == {status}
    assert sum(map(len, found.values())) == len(STANDINGS)


def test_calls_are_read_newest_first_with_their_batch(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    house.load(replace(terms_of("other"), name=BatchName("w1", "a2", "other")), calls=new_calls(1, first=9))
    everyone = ledger.views.calls(CallQuery("w1"))
    assert [each.record.phone[-1] for each in everyone] == ["9", "2", "1", "0"]
    assert [each.batch.terms.name.agent_id for each in everyone] == ["a2", "a1", "a1", "a1"]
    assert everyone[0].created_at <= ledger.now()
    assert ledger.views.calls(CallQuery("w1", limit=2)) == everyone[:2]
    assert ledger.views.calls(CallQuery("w1", agent_id="a2")) == everyone[:1]
    assert ledger.views.calls(CallQuery("w1", batch_id=everyone[1].batch.batch_id)) == everyone[1:]


def test_a_scheduled_batch_goes_back_to_a_draft_and_one_that_has_begun_does_not(
    house: House, ledger: SqlLedger
) -> None:
    scheduled = house.load(terms_of("scheduled", nbf=ledger.now() + DAY))
    assert ledger.batches.unschedule(scheduled.batch_id)
    assert view(ledger, scheduled).stage is Stage.DRAFT
    assert not ledger.batches.unschedule(scheduled.batch_id)
    begun = house.load(terms_of("begun"))
    assert not ledger.batches.unschedule(begun.batch_id)
    house.claim()
    house.rewrite(batches, batches.c.batch_id == begun.batch_id, nbf=ledger.now() + DAY)
    assert not ledger.batches.unschedule(begun.batch_id)  # moved ahead, and yet dialed from


def test_a_deleted_draft_is_never_dialed_and_a_deleted_batch_is_hidden(house: House, ledger: SqlLedger) -> None:
    draft, over, running = (
        house.load(terms_of("draft"), draft=True),
        house.load(terms_of("over"), calls=[]),
        house.load(terms_of("running")),
    )
    assert ledger.batches.hide(draft.batch_id)
    assert ledger.batches.hide(over.batch_id)
    assert not ledger.batches.hide(running.batch_id)
    assert refs(ledger) == ["running"]
    assert ledger.views.batch("w1", over.batch_id) is None
    kept = ledger.batches.get(draft.batch_id)
    assert kept is not None
    assert kept.state is BatchState.TERMINATED
    assert kept.control_seq == draft.control_seq + 1
    assert house.only_call(draft).close_reason is CloseReason.TERMINATED
    ledger.batches.control(running.batch_id, BatchState.TERMINATED, "why", "user")
    assert ledger.batches.hide(running.batch_id)


def test_a_deleted_batch_that_is_loaded_again_is_shown_again(house: House, ledger: SqlLedger) -> None:
    over = house.load(terms_of("over"), calls=[])
    ledger.batches.hide(over.batch_id)
    house.load(terms_of("over"))
    assert refs(ledger) == ["over"]


def test_calls_go_to_the_cohorts_of_their_zones_by_a_new_timezone(house: House, ledger: SqlLedger) -> None:
    mine = [*new_calls(2), *new_calls(1, first=2, timezone="Australia/Perth", zones=PERTH)]
    draft = house.load(terms_of("draft", timezone="Australia/Melbourne"), mine, draft=True)
    paris = CohortZones(("Europe/Paris",))

    def zones_of(phone: str, own: str | None) -> CohortZones:
        return PERTH if own else paris

    assert ledger.batches.rezone(draft.batch_id, "Europe/Paris", zones_of, always_open)
    kept = ledger.batches.get(draft.batch_id)
    assert kept is not None
    assert kept.terms.timezone == "Europe/Paris"
    found = [ledger.reading.call(record.call_id) for record in ledger.reading.calls(draft.batch_id)]
    assert [each[1].zones for each in found if each] == [paris, paris, PERTH]
    assert all(each[1].span for each in found if each)


def test_the_timezone_of_what_was_tried_or_has_begun_stays(house: House, ledger: SqlLedger) -> None:
    def zones_of(phone: str, own: str | None) -> CohortZones:
        raise AssertionError("nobody asked")

    begun = house.load(terms_of("begun"))
    assert not ledger.batches.rezone(begun.batch_id, "Europe/Paris", zones_of, always_open)
    house.claim()
    house.rewrite(batches, batches.c.batch_id == begun.batch_id, nbf=ledger.now() + DAY)
    assert not ledger.batches.rezone(begun.batch_id, "Europe/Paris", zones_of, always_open)
