"""Whole batches: found, paused, resumed, terminated, started, and listed newest first."""

from __future__ import annotations

import uuid

import pytest

from dialer.domain.states import BatchState, CallState, CloseReason, Lane
from dialer.errors import BatchUnknown
from dialer.ledger import SqlLedger
from tests.contract.ledger.builders import (
    DAY,
    FAR_OFF,
    HOUR,
    LONG_AGO,
    House,
    name_of,
    new_calls,
    terms_of,
)


def control(ledger: SqlLedger, batch_id: str, wanted: BatchState, by: str = "user") -> tuple[BatchState, int, int]:
    batch, in_flight = ledger.batches.control(batch_id, wanted, "words", by)
    return batch.state, batch.control_seq, in_flight


def test_what_nobody_loaded_is_not_found(ledger: SqlLedger) -> None:
    assert ledger.batches.get(str(uuid.uuid4())) is None
    assert ledger.batches.find(name_of("nothing")) is None
    with pytest.raises(BatchUnknown):
        ledger.batches.control(str(uuid.uuid4()), BatchState.PAUSED, "", "user")


def test_pause_and_resume_count_and_leave_their_reason(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    house.claim()
    assert control(ledger, batch.batch_id, BatchState.PAUSED, "dialer") == (BatchState.PAUSED, 1, 1)
    paused = ledger.batches.get(batch.batch_id)
    assert paused is not None
    assert (paused.pause_reason, paused.paused_by) == ("words", "dialer")
    assert control(ledger, batch.batch_id, BatchState.PAUSED) == (BatchState.PAUSED, 1, 1)
    assert control(ledger, batch.batch_id, BatchState.ACTIVE) == (BatchState.ACTIVE, 2, 1)
    assert control(ledger, batch.batch_id, BatchState.ACTIVE) == (BatchState.ACTIVE, 2, 1)
    resumed = ledger.batches.get(batch.batch_id)
    assert resumed is not None
    assert (resumed.pause_reason, resumed.paused_by) == (None, None)


def test_terminate_closes_what_was_not_dialed_and_is_final(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(4))
    queued = house.push(per_cohort=3)
    ledger.claims.hand_back(house.ticket(queued[0]), HOUR, "pace")
    house.claim(house.ticket(queued[1]))
    assert control(ledger, batch.batch_id, BatchState.TERMINATED) == (BatchState.TERMINATED, 1, 1)
    tally = ledger.reading.tally(batch.batch_id)
    assert (tally.closed[CloseReason.TERMINATED], tally.states[CallState.DIALING]) == (3, 1)
    for wanted in (BatchState.PAUSED, BatchState.ACTIVE, BatchState.TERMINATED):
        assert control(ledger, batch.batch_id, wanted) == (BatchState.TERMINATED, 1, 1)


def test_a_completed_batch_stays_as_it_is(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=[])
    for wanted in (BatchState.PAUSED, BatchState.ACTIVE, BatchState.TERMINATED):
        assert control(ledger, batch.batch_id, wanted) == (BatchState.COMPLETED, 0, 0)


def test_a_draft_begins_by_start_and_by_nothing_else(house: House, ledger: SqlLedger) -> None:
    batch = house.load(draft=True)
    assert house.push() == []
    assert control(ledger, batch.batch_id, BatchState.ACTIVE) == (BatchState.DRAFT, 0, 0)
    assert ledger.batches.start(batch.batch_id).state is BatchState.ACTIVE
    assert len(house.push()) == 1
    control(ledger, batch.batch_id, BatchState.PAUSED)
    assert ledger.batches.start(batch.batch_id).state is BatchState.PAUSED


def test_rejections_in_a_row_are_counted_until_one_is_accepted_or_the_batch_resumed(
    house: House, ledger: SqlLedger
) -> None:
    batch = house.load()
    assert [ledger.batches.note_rejection(batch.batch_id) for _ in range(2)] == [1, 2]
    house.open_attempt()
    assert ledger.batches.note_rejection(batch.batch_id) == 1
    control(ledger, batch.batch_id, BatchState.PAUSED)
    control(ledger, batch.batch_id, BatchState.ACTIVE)
    assert ledger.batches.note_rejection(batch.batch_id) == 1


def test_controlled_batches_are_those_whose_signal_redis_must_carry(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of("never controlled"))
    paused = house.load(terms_of("paused"))
    resumed = house.load(terms_of("resumed"))
    terminated = house.load(terms_of("terminated"))
    over = house.load(terms_of("over"))
    for batch in (paused, resumed):
        control(ledger, batch.batch_id, BatchState.PAUSED)
    control(ledger, resumed.batch_id, BatchState.ACTIVE)
    control(ledger, over.batch_id, BatchState.TERMINATED)
    [claim] = [
        house.claim(house.ticket(queued))
        for queued in house.push()
        if house.call(queued.call_id).batch_id == terminated.batch_id
    ]
    control(ledger, terminated.batch_id, BatchState.TERMINATED)
    named = [batch.batch_id for batch in ledger.batches.controlled()]
    assert named == [paused.batch_id, resumed.batch_id, terminated.batch_id]
    ledger.claims.close(claim, CloseReason.SUPPRESSED, "")
    ledger.sweeps.terminated(10)
    assert terminated.batch_id not in [batch.batch_id for batch in ledger.batches.controlled()]


def test_batches_are_listed_newest_first_page_by_page(house: House, ledger: SqlLedger) -> None:
    loaded = [house.load(terms_of(f"b{index}")).batch_id for index in range(5)]
    first = ledger.batches.page(limit=2)
    rest = ledger.batches.page(after=first[-1].batch_id)
    assert [batch.batch_id for batch in first + rest] == loaded[::-1]


def test_batches_are_listed_by_workspace_and_by_their_outside_state(house: House, ledger: SqlLedger) -> None:
    now = ledger.now()
    scheduled = house.load(terms_of("later", nbf=now + DAY))
    running = house.load(terms_of("now", nbf=LONG_AGO, exp=FAR_OFF))
    paused = house.load(terms_of("paused"))
    control(ledger, paused.batch_id, BatchState.PAUSED)
    states = {"scheduled": scheduled, "running": running, "paused": paused}
    for state, batch in states.items():
        assert [found.batch_id for found in ledger.batches.page(state=state)] == [batch.batch_id]
    assert ledger.batches.page(state="draft") == []
    assert len(ledger.batches.page("w1")) == 3
    assert ledger.batches.page("w2") == []


def test_a_test_calls_batch_obeys_control_by_name(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(lane=Lane.TEST))
    found = ledger.batches.find(name_of())
    assert found is not None
    assert control(ledger, found.batch_id, BatchState.TERMINATED)[0] is BatchState.TERMINATED
    assert house.only_call(batch).close_reason is CloseReason.TERMINATED
