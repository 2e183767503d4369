"""Templates and their runs: each occurrence once, with the numbers that may still be dialed."""

from __future__ import annotations

from dialer.domain.batch import Batch
from dialer.domain.call import Suppression
from dialer.domain.states import BatchState, CallState, CloseReason
from dialer.ledger import SqlLedger
from dialer.ports.ledger import OpenedLoad
from tests.contract.ledger.builders import (
    FAR_OFF,
    HOUR,
    MELBOURNE,
    MINUTE,
    PERTH,
    House,
    always_open,
    new_calls,
    phone_of,
    terms_of,
)

MORNING = "2026-11-23T09:00"


def template_of(house: House, **named: object) -> Batch:
    return house.load(terms_of(cron="0 9 * * *", timezone="Australia/Melbourne"), **named)  # type: ignore[arg-type]


def open_run(house: House, template: Batch, occurrence: str = MORNING) -> OpenedLoad:
    return house.open(terms_of(f"spring@{occurrence}"), template_id=template.batch_id, occurrence=occurrence)


def copy(house: House, template: Batch, run: OpenedLoad, limit: int = 2) -> Batch:
    cursor, more = None, True
    while more:
        _, cursor = house.ledger.schedules.copy_calls(template.batch_id, run, cursor, limit)
        more = cursor is not None
    return house.ledger.loads.finish(run)


def test_a_template_is_due_when_its_next_instant_has_come(house: House, ledger: SqlLedger) -> None:
    template = template_of(house)
    now = ledger.now()
    ledger.schedules.set_next(template.batch_id, now + HOUR, None, None)
    assert ledger.schedules.due() == []
    ledger.schedules.set_next(template.batch_id, now, MORNING, None)
    [due] = ledger.schedules.due()
    assert (due.batch, due.next_at, due.last_local) == (template, now, MORNING)


def test_a_schedule_is_advanced_by_one_of_two(house: House, ledger: SqlLedger) -> None:
    template = template_of(house)
    now = ledger.now()
    assert ledger.schedules.set_next(template.batch_id, now, None, None)
    assert ledger.schedules.set_next(template.batch_id, now + HOUR, MORNING, now)
    assert not ledger.schedules.set_next(template.batch_id, now + 2 * HOUR, MORNING, now)
    assert ledger.schedules.set_next(template.batch_id, None, MORNING, now + HOUR)
    assert ledger.schedules.due() == []


def test_paused_and_unfinished_templates_are_not_due(house: House, ledger: SqlLedger) -> None:
    template = template_of(house)
    ledger.schedules.set_next(template.batch_id, ledger.now(), None, None)
    ledger.batches.control(template.batch_id, BatchState.PAUSED, "", "user")
    assert ledger.schedules.due() == []
    ledger.batches.control(template.batch_id, BatchState.ACTIVE, "", "user")
    assert len(ledger.schedules.due()) == 1


def test_a_run_has_the_templates_numbers_in_their_order_and_their_cohorts(house: House, ledger: SqlLedger) -> None:
    numbers = new_calls(3, zones=PERTH, variables='{"a": 1}') + new_calls(2, first=3, zones=MELBOURNE, max_retries=7)
    template = template_of(house, calls=numbers)
    run = copy(house, template, open_run(house, template))
    assert (run.template_id, run.occurrence, run.is_loaded) == (template.batch_id, MORNING, True)
    records = ledger.reading.calls(run.batch_id)
    assert [record.phone for record in records] == [phone_of(index) for index in range(5)]
    assert {record.state for record in records} == {CallState.READY}
    assert (records[0].variables, records[4].max_retries) == ({"a": 1}, 7)
    assert [cohort.zones for cohort in ledger.batches.cohorts(run.batch_id)] == [PERTH, MELBOURNE]


def test_a_runs_cohorts_are_stale_at_once_so_that_the_next_tick_opens_them(house: House, ledger: SqlLedger) -> None:
    template = template_of(house)
    run = copy(house, template, open_run(house, template))
    assert house.push() == []
    [stale] = ledger.cohorts.stale(10)
    assert stale.cohort.batch_id == run.batch_id
    ledger.cohorts.set_span(stale.cohort, always_open(stale.terms, stale.cohort.zones, ledger.now()))
    assert len(house.push()) == 1


def test_suppressed_numbers_are_left_out_of_a_run(house: House, ledger: SqlLedger) -> None:
    template = template_of(house, calls=new_calls(4) + new_calls(1, first=4, is_suppressed=True))
    ledger.suppressions.add(
        [
            Suppression(phone_of(0), "asked not to be called"),
            Suppression(phone_of(1), "another workspace's", workspace_id="w2"),
            Suppression(phone_of(2), "for an hour", until=ledger.now() + HOUR),
            Suppression(phone_of(3), "beyond the run", until=FAR_OFF + HOUR),
        ]
    )
    run = copy(house, template, open_run(house, template))
    assert [record.phone for record in ledger.reading.calls(run.batch_id)] == [phone_of(1), phone_of(2)]


def test_an_occurrence_is_one_run_however_often_it_is_opened(house: House, ledger: SqlLedger) -> None:
    template = template_of(house, calls=new_calls(3))
    first = open_run(house, template)
    ledger.schedules.copy_calls(template.batch_id, first, None, 2)  # interrupted here
    again = open_run(house, template)
    assert (again.created, again.batch.batch_id) == (False, first.batch.batch_id)
    run = copy(house, template, again)
    assert ledger.reading.tally(run.batch_id).total == 3
    assert [batch.batch_id for batch in ledger.schedules.runs(template.batch_id, open_only=True)] == [run.batch_id]
    assert open_run(house, template, "2026-11-24T09:00").created


def test_a_run_that_was_terminated_takes_no_more_numbers(house: House, ledger: SqlLedger) -> None:
    template = template_of(house, calls=new_calls(3))
    run = open_run(house, template)
    ledger.batches.control(run.batch.batch_id, BatchState.TERMINATED, "", "user")
    added, cursor = ledger.schedules.copy_calls(template.batch_id, run, None, 2)
    assert (added.accepted, cursor) == (0, None)


def test_the_next_occurrence_ends_a_run(house: House, ledger: SqlLedger) -> None:
    template = template_of(house, calls=new_calls(3))
    run = copy(house, template, open_run(house, template))
    for stale in ledger.cohorts.stale(10):
        ledger.cohorts.set_span(stale.cohort, always_open(stale.terms, stale.cohort.zones, ledger.now()))
    first, second, _ = house.push()
    answered, lost = house.claim(house.ticket(first)), house.claim(house.ticket(second))
    ledger.schedules.end_run(run.batch_id, "the next occurrence has come")
    tally = ledger.reading.tally(run.batch_id)
    assert (tally.closed[CloseReason.EXPIRED], tally.states[CallState.DIALING]) == (1, 2)
    ledger.claims.defer(lost, MINUTE, "closed")
    assert house.call(lost.call_id).close_reason is CloseReason.EXPIRED
    house.open_attempt(answered)
    assert house.call(answered.call_id).state is CallState.IN_PROGRESS
    [left] = ledger.schedules.runs(template.batch_id, open_only=True)
    assert left.terms.exp <= ledger.now()


def test_a_run_that_is_over_is_not_ended_again(house: House, ledger: SqlLedger) -> None:
    template = template_of(house, calls=[])
    run = copy(house, template, open_run(house, template))
    assert run.state is BatchState.COMPLETED
    ledger.schedules.end_run(run.batch_id, "late")
    assert ledger.batches.get(run.batch_id) == run
    assert ledger.schedules.runs(template.batch_id, open_only=True) == []
    assert len(ledger.schedules.runs(template.batch_id, open_only=False)) == 1
