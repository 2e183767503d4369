"""Numbers on their way in: once each, in load order, into cohorts, and closed to dialing until the last row is in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection, select

from dialer.domain.batch import Batch, BatchTerms, CohortZones
from dialer.domain.states import BatchState, CallState, CloseReason, Lane
from dialer.errors import BatchTerminated, LedgerUnreachable, LoadRefused
from dialer.ledger import SqlLedger, open_ledger
from dialer.ledger.backend import NewRows
from dialer.ledger.copying import copy_calls
from dialer.ledger.tables import batches, calls
from tests.contract.ledger.builders import (
    DAY,
    FAR_OFF,
    HOUR,
    LONG_AGO,
    MELBOURNE,
    PERTH,
    House,
    always_open,
    name_of,
    never_open,
    new_calls,
    phone_of,
    terms_of,
)


def test_a_loaded_number_is_ready_and_kept_byte_for_byte(house: House) -> None:
    variables = '{ "name":"Zoë",  "n": 1.10 }'
    batch = house.load(calls=new_calls(variables=variables, timezone="Australia/Perth", max_retries=3, lane=Lane.HIGH))
    record = house.only_call(batch)
    assert (record.state, record.phone, record.timezone) == (CallState.READY, phone_of(0), "Australia/Perth")
    assert (record.max_retries, record.priority, record.variables) == (3, "high", {"name": "Zoë", "n": 1.1})
    assert house.ticket(house.push(Lane.HIGH)[0]).variables == variables


def test_terms_come_back_as_they_went_in(house: House) -> None:
    terms = terms_of(
        title="Spring",
        block_rules=("Sun|0000-2400",),
        calling_hours=("*|0900-1700",),
        timezone="Australia/Melbourne",
        lane=Lane.LOW,
        max_retries=2,
        max_call=timedelta(seconds=90.5),
        retry=replace(terms_of().retry, busy=None, declined=HOUR),
    )
    batch = house.load(terms)
    assert batch.terms == terms
    assert house.ledger.batches.get(batch.batch_id) == batch == house.ledger.batches.find(terms.name)


def test_calls_are_read_in_load_order_over_chunks_and_pages(house: House, ledger: SqlLedger) -> None:
    opened = house.open(terms_of())
    for first in (30, 0, 15):
        ledger.loads.add(opened, new_calls(10, first=first), always_open)
    ledger.loads.finish(opened)
    seen: list[str] = []
    while page := ledger.reading.calls(opened.batch.batch_id, after=seen[-1] if seen else None, limit=7):
        seen += [record.call_id for record in page]
    phones = [house.call(call_id).phone for call_id in seen]
    assert phones == [phone_of(i) for first in (30, 0, 15) for i in range(first, first + 10)]


def test_known_numbers_are_left_as_they_are(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    before = ledger.reading.calls()
    opened = house.open(terms_of())
    added = ledger.loads.add(opened, new_calls(5, variables='{"other": 1}'), always_open)
    assert (added.accepted, added.known, added.duplicates) == (2, 3, 0)
    again = ledger.loads.add(opened, new_calls(6), always_open)
    assert (again.accepted, again.known, again.duplicates) == (1, 3, 2)
    assert ledger.reading.calls()[:3] == before


@pytest.mark.parametrize("is_first", [True, False])
def test_a_number_that_comes_again_in_a_later_chunk_is_counted_whichever_way_it_takes(
    house: House, ledger: SqlLedger, is_first: bool
) -> None:
    opened = house.open(terms_of())
    added = ledger.loads.add(opened, new_calls(3), always_open, is_first=is_first)
    assert (added.accepted, added.known, added.duplicates) == (3, 0, 0)
    again = ledger.loads.add(opened, new_calls(4, first=2), always_open, is_first=is_first)
    assert (again.accepted, again.known, again.duplicates) == (3, 0, 1)
    assert [record.phone for record in ledger.reading.calls(opened.batch.batch_id)] == list(map(phone_of, range(6)))
    assert ledger.reading.tally(opened.batch.batch_id).total == 6


@pytest.mark.parametrize("is_first", [True, False])
def test_everything_that_a_row_brings_arrives_as_it_was_given(house: House, ledger: SqlLedger, is_first: bool) -> None:
    awkward = '{"a": "tab\t, line\n, return\r, \\N, \\\\., quote \' ", é \U0001f4de", "b": "\\u0001"}'
    plain, own = new_calls(2)
    own = replace(own, variables=awkward, timezone="Australia/Perth", max_retries=0, lane=Lane.HIGH)
    barred = replace(own, phone=phone_of(7), is_suppressed=True)
    opened = house.open(terms_of(max_retries=2))
    ledger.loads.add(opened, [plain, own, barred], always_open, is_first=is_first)
    with ledger._transactions.read() as connection:
        kept = connection.execute(select(calls.c.variables).order_by(calls.c.call_id)).scalars().all()
    assert kept == [None, awkward, awkward]
    first, second, third = ledger.reading.calls(opened.batch.batch_id)
    assert (first.timezone, first.max_retries, first.priority, first.due_at is None) == (None, 2, "normal", False)
    assert (second.timezone, second.max_retries, second.priority) == ("Australia/Perth", 0, "high")
    assert (third.state, third.close_reason, third.due_at) == (CallState.CLOSED, CloseReason.SUPPRESSED, None)


def test_a_database_that_goes_away_while_rows_come_in_is_named(postgres_url: str) -> None:
    ledger = open_ledger(postgres_url)
    rows = NewRows("", CallState.READY, ledger.now(), [""], new_calls(1), {MELBOURNE: 1}, is_first=True)
    with pytest.raises(LedgerUnreachable, match="terminat"), ledger._transactions.write() as connection:
        in_chunk_whose_connection_dies(connection, postgres_url, rows)
    ledger.close()


def in_chunk_whose_connection_dies(connection: Connection, url: str, rows: NewRows) -> None:
    process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute("SELECT pg_terminate_backend(%s, 5000)", (process,))
    copy_calls(connection, rows)


def test_the_same_number_twice_in_a_chunk_is_one_call(house: House, ledger: SqlLedger) -> None:
    added = ledger.loads.add(house.open(terms_of()), new_calls(1) + new_calls(1), always_open)
    assert (added.accepted, added.duplicates) == (1, 1)


def test_a_suppressed_number_enters_closed(house: House) -> None:
    opened = house.open(terms_of())
    added = house.ledger.loads.add(opened, new_calls(2) + new_calls(1, first=2, is_suppressed=True), always_open)
    assert (added.accepted, added.suppressed) == (2, 1)
    last = house.ledger.reading.calls(opened.batch.batch_id)[-1]
    assert (last.state, last.close_reason, last.due_at) == (CallState.CLOSED, CloseReason.SUPPRESSED, None)


def test_the_calls_of_a_template_wait_and_are_never_due(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(cron="0 9 * * *"))
    assert (house.only_call(batch).state, house.only_call(batch).due_at) == (CallState.WAITING, None)
    assert ledger.sweeps.promote(10) == 0
    assert house.push() == []


def test_nothing_is_released_before_the_last_row_is_in(house: House, ledger: SqlLedger) -> None:
    opened = house.open(terms_of())
    ledger.loads.add(opened, new_calls(), always_open)
    assert (opened.created, opened.batch.is_loading, opened.batch.is_loaded) == (True, True, False)
    assert house.push() == []
    batch = ledger.loads.finish(opened)
    assert (batch.is_loading, batch.is_loaded) == (False, True)
    assert len(house.push()) == 1


def test_an_interrupted_load_is_closed_and_never_completes_until_it_is_repeated(
    house: House, ledger: SqlLedger
) -> None:
    house.open(terms_of())
    assert ledger.sweeps.complete() == []
    again = house.load(calls=new_calls(2))
    assert (again.is_loaded, again.is_loading) == (True, False)
    assert len(house.push()) == 2


def test_a_load_that_finishes_does_not_end_a_later_one_of_the_same_batch(house: House, ledger: SqlLedger) -> None:
    first, second = house.open(terms_of()), house.open(terms_of())
    assert ledger.loads.finish(first).is_loading
    assert not ledger.loads.finish(second).is_loading


def test_an_empty_batch_completes_at_once_and_reopens_when_numbers_come(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=[])
    assert (batch.state, batch.completed_at is not None) == (BatchState.COMPLETED, True)
    opened = house.open(terms_of())
    assert (opened.created, opened.batch.state, opened.batch.completed_at) == (False, BatchState.ACTIVE, None)
    ledger.loads.add(opened, new_calls(), always_open)
    assert ledger.loads.finish(opened).state is BatchState.ACTIVE


def test_a_draft_stays_one_when_it_is_empty_and_when_it_is_loaded_again(house: House) -> None:
    assert house.load(calls=[], draft=True).state is BatchState.DRAFT
    assert house.load(terms_of(title="new")).state is BatchState.DRAFT
    assert house.push() == []


def test_an_upsert_names_what_it_changed_in_outside_words(house: House) -> None:
    house.load()
    opened = house.open(terms_of(title="Autumn", lane=Lane.HIGH, max_call=HOUR, account="other"))
    assert set(opened.changed) == {"name", "priority", "max_call_seconds", "provider"}
    assert house.open(terms_of(title="Autumn", lane=Lane.HIGH, max_call=HOUR, account="other")).changed == ()


def test_merge_sees_the_batch_as_it_stands_and_its_refusal_writes_nothing(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    seen = []

    def refuse(old: object, now: object) -> BatchTerms:
        seen.append(old)
        raise LoadRefused([])

    with pytest.raises(LoadRefused):
        ledger.loads.open(name_of(), refuse, always_open, resume=False)
    with pytest.raises(LoadRefused):
        ledger.loads.open(name_of("autumn"), refuse, always_open, resume=False)
    assert seen == [batch, None]
    assert ledger.batches.get(batch.batch_id) == batch
    assert ledger.batches.find(name_of("autumn")) is None


def test_a_changed_window_moves_the_cohorts_with_it(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(exp=LONG_AGO + DAY))
    assert house.push() == []
    [old] = ledger.batches.cohorts(batch.batch_id)
    house.open(terms_of())
    [new] = ledger.batches.cohorts(batch.batch_id)
    assert old.span is None
    assert new.span is not None
    assert (new.span.opens_at, new.span.closes_at) == (LONG_AGO, FAR_OFF)


def test_cohorts_are_numbered_in_the_order_in_which_they_came_to_be(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1, zones=PERTH))
    house.load(calls=new_calls(2, first=1, zones=MELBOURNE) + new_calls(1, first=4, zones=PERTH))
    house.load(calls=new_calls(1, first=9, zones=CohortZones(("Asia/Tokyo",))))
    found = ledger.batches.cohorts(batch.batch_id)
    assert [(cohort.number, cohort.zones.rules[0]) for cohort in found] == [
        (1, "Australia/Perth"),
        (2, "Australia/Melbourne"),
        (3, "Asia/Tokyo"),
    ]
    assert [cohort.wire_ref("spring") for cohort in found] == ["spring", "spring~2", "spring~3"]


def test_a_terminated_batch_takes_neither_chunks_nor_loads(house: House, ledger: SqlLedger) -> None:
    opened = house.open(terms_of())
    ledger.batches.control(opened.batch.batch_id, BatchState.TERMINATED, "enough", "user")
    with pytest.raises(BatchTerminated):
        ledger.loads.add(opened, new_calls(), always_open)
    with pytest.raises(BatchTerminated):
        house.open(terms_of())
    assert ledger.loads.finish(opened).state is BatchState.TERMINATED


def test_a_pause_survives_a_load_unless_it_says_resume(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "lunch", "user")
    assert house.load(calls=new_calls(2)).state is BatchState.PAUSED
    resumed = house.load(calls=new_calls(3), resume=True)
    assert (resumed.state, resumed.pause_reason, resumed.control_seq) == (BatchState.ACTIVE, None, 2)


def test_a_load_that_says_resume_lifts_a_pause_that_completion_outlasted(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=[])
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, paused_by="user", pause_reason="lunch")
    resumed = house.load(resume=True)
    assert (resumed.state, resumed.pause_reason, resumed.paused_by) == (BatchState.ACTIVE, None, None)


def test_every_test_call_is_a_batch_of_its_own_beside_a_batch_of_that_name(house: House, ledger: SqlLedger) -> None:
    ordinary = house.load()
    first = house.load(terms_of(lane=Lane.TEST))
    second = house.load(terms_of(lane=Lane.TEST), calls=new_calls(first=7))
    assert len({ordinary.batch_id, first.batch_id, second.batch_id}) == 3
    assert ledger.batches.find(name_of()) == ordinary
    assert ask_for_test_call(ledger, 7) == (second, house.only_call(second).call_id, False)
    ledger.batches.control(second.batch_id, BatchState.TERMINATED, "", "user")
    third, call_id, is_new = ask_for_test_call(ledger, 7)
    assert (third.is_loaded, house.only_call(third).call_id, is_new) == (True, call_id, True)
    assert third.batch_id not in {ordinary.batch_id, first.batch_id, second.batch_id}


def test_of_many_who_ask_for_the_same_test_call_at_once_one_makes_it(ledger: SqlLedger) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ask_for_test_call(ledger, 7), range(8)))
    assert len({call_id for _, call_id, _ in made}) == 1
    assert [is_new for _, _, is_new in made].count(True) == 1
    assert len(ledger.batches.page()) == 1


def ask_for_test_call(ledger: SqlLedger, index: int) -> tuple[Batch, str, bool]:
    [call] = new_calls(first=index, lane=Lane.TEST)
    return ledger.loads.test_call(name_of(), lambda _, now: terms_of(lane=Lane.TEST), call, always_open)


def test_a_name_that_only_test_calls_have_means_the_newest(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(lane=Lane.TEST))
    newest = house.load(terms_of(lane=Lane.TEST), calls=new_calls(first=1))
    assert ledger.batches.find(name_of()) == newest


def test_a_chunk_of_a_load_that_another_one_finished_opens_the_batch_again(house: House, ledger: SqlLedger) -> None:
    first, second = house.open(terms_of(), next_span=never_open), house.open(terms_of())
    assert ledger.loads.finish(second).state is BatchState.COMPLETED
    ledger.loads.add(first, new_calls(), always_open)
    assert ledger.loads.finish(first).state is BatchState.ACTIVE


def test_a_load_of_many_numbers_stays_whole(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(5000))
    assert ledger.reading.tally(batch.batch_id).total == 5000
    house.load(calls=new_calls(6000))
    assert ledger.reading.tally(batch.batch_id).states[CallState.READY] == 6000
