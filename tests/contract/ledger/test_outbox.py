"""Control words for providers that hold calls of their own: written with the control itself, repeated until heard."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason
from dialer.ledger import SqlLedger
from dialer.ledger.tables import cohorts
from dialer.ports.ledger import OutboxEntry, Recording
from tests.contract.ledger.builders import (
    ACCOUNT,
    FAR_OFF,
    HOUR,
    LONG_AGO,
    MELBOURNE,
    PERTH,
    House,
    answer,
    new_calls,
    terms_of,
)

HANDED_OFF = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF, held_until=FAR_OFF)


def said(entries: list[OutboxEntry]) -> list[tuple[str, str]]:
    return [(entry.order.action, entry.order.wire_ref) for entry in entries]


def hand_off(house: House) -> None:
    for queued in house.push():
        house.ledger.claims.record(house.claim(house.ticket(queued)), answer(provider_call_id=None), HANDED_OFF)


def control(house: House, batch_id: str, wanted: BatchState) -> None:
    house.ledger.batches.control(batch_id, wanted, "", "user", relay=True)


def test_a_pause_is_passed_on_for_every_wire_ref_the_provider_knows(house: House, ledger: SqlLedger) -> None:
    numbers = new_calls(1, zones=PERTH) + new_calls(1, first=1, zones=MELBOURNE)
    batch = house.load(terms_of(block_rules=("Sun|0000-2400",)), calls=numbers)
    hand_off(house)
    house.load(calls=new_calls(1, first=2))
    control(house, batch.batch_id, BatchState.PAUSED)
    entries = ledger.outbox.due(10)
    assert said(entries) == [("pause", "spring"), ("pause", "spring~2")]
    [first, _] = entries
    assert (first.batch_id, first.account, first.tries) == (batch.batch_id, ACCOUNT, 0)
    assert (first.order.workspace_id, first.order.agent_id, first.order.cli) == ("w1", "a1", batch.terms.cli)
    assert (first.order.nbf, first.order.exp) == (LONG_AGO, FAR_OFF)


def test_nothing_is_said_where_the_provider_knows_nothing_of_the_batch_any_more(
    house: House, ledger: SqlLedger
) -> None:
    untouched = house.load(terms_of("untouched"))
    control(house, untouched.batch_id, BatchState.PAUSED)
    gone = house.load(terms_of("gone"))
    hand_off(house)
    house.rewrite(cohorts, cohorts.c.batch_id == gone.batch_id, wire_exp=LONG_AGO)
    control(house, gone.batch_id, BatchState.TERMINATED)
    assert ledger.outbox.due(10) == []


def test_a_word_is_only_passed_on_where_it_is_asked_for_and_changes_something(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    hand_off(house)
    house.load(calls=new_calls(3))
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "", "user")
    assert ledger.outbox.due(10) == []
    control(house, batch.batch_id, BatchState.PAUSED)
    assert ledger.outbox.due(10) == []


def test_a_word_that_was_heard_is_not_repeated(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1))
    hand_off(house)
    house.load(calls=new_calls(2))
    control(house, batch.batch_id, BatchState.TERMINATED)
    [entry] = ledger.outbox.due(10)
    ledger.outbox.done(entry)
    assert ledger.outbox.due(10) == []


def test_a_word_that_was_not_heard_falls_due_again(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1))
    hand_off(house)
    house.load(calls=new_calls(2))
    control(house, batch.batch_id, BatchState.PAUSED)
    [entry] = ledger.outbox.due(10)
    ledger.outbox.retry(entry, timedelta(0), "503")
    [again] = ledger.outbox.due(10)
    assert (again.entry_id, again.tries) == (entry.entry_id, 1)
    ledger.outbox.retry(again, HOUR, "503")
    assert ledger.outbox.due(10) == []


def test_a_pause_is_said_again_when_nothing_is_in_flight(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    control(house, batch.batch_id, BatchState.PAUSED)
    [first] = ledger.outbox.due(10)
    ledger.outbox.done(first)
    assert ledger.outbox.due(10) == []
    ledger.claims.record(claim, answer(provider_call_id=None), HANDED_OFF)
    assert said(ledger.outbox.due(10)) == [("pause", "spring")]


def test_a_word_stands_until_it_was_said_or_a_newer_one_came(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    hand_off(house)
    house.load(calls=new_calls(1, first=2))
    control(house, batch.batch_id, BatchState.PAUSED)
    [pause] = ledger.outbox.due(10)
    assert ledger.outbox.stands(pause)
    control(house, batch.batch_id, BatchState.TERMINATED)
    assert not ledger.outbox.stands(pause)
    [terminate] = ledger.outbox.due(10)
    assert ledger.outbox.stands(terminate)
    ledger.outbox.done(terminate)
    assert not ledger.outbox.stands(terminate)


def test_a_newer_word_replaces_an_unsent_older_one(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    hand_off(house)
    house.load(calls=new_calls(2))
    control(house, batch.batch_id, BatchState.PAUSED)
    [unsent] = ledger.outbox.due(10)
    control(house, batch.batch_id, BatchState.TERMINATED)
    assert said(ledger.outbox.due(10)) == [("terminate", "spring")]
    ledger.outbox.retry(unsent, timedelta(0), "late")
    ledger.outbox.done(unsent)
    assert said(ledger.outbox.due(10)) == [("terminate", "spring")]


def test_a_resume_is_said_only_where_no_call_is_left_to_send(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1, zones=PERTH) + new_calls(1, first=1, zones=MELBOURNE))
    hand_off(house)
    house.load(calls=new_calls(1, first=2, zones=MELBOURNE))
    control(house, batch.batch_id, BatchState.PAUSED)
    control(house, batch.batch_id, BatchState.ACTIVE)
    assert said(ledger.outbox.due(10)) == [("resume", "spring")]
