"""Live attempts: asked about one asker at a time, settled once, found, or given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.placement import Progress
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Outcome
from dialer.errors import IllegalMove
from dialer.ledger import SqlLedger
from dialer.ledger.tables import attempts
from tests.contract.ledger.builders import (
    ACCOUNT,
    HOUR,
    IN_PROGRESS,
    MINUTE,
    UNKNOWN,
    House,
    answer,
    new_calls,
    phone_of,
    terms_of,
)

ANSWERED = Progress(
    ended=True,
    outcome=Outcome.ANSWERED,
    duration_seconds=61.5,
    credits_charged=0.25,
    recording_url="https://recordings.example/1",
    summary="They will come.",
    transcript="Hello?",
    detail="completed",
    raw='{"status": "completed"}',
)
BUSY = Progress(ended=True, outcome=Outcome.BUSY, detail="busy")


def test_an_open_attempt_brings_what_the_question_needs(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(max_retries=3))
    claim = house.claim()
    attempt = house.open_attempt(claim)
    assert (attempt.call_id, attempt.number, attempt.reference) == (claim.call_id, 1, claim.reference)
    assert (attempt.account, attempt.phone, attempt.agent_id) == (ACCOUNT, phone_of(0), "a1")
    assert (attempt.state, attempt.provider_call_id) == (AttemptState.IN_PROGRESS, f"their-{claim.reference}")
    assert (attempt.attempts_spent, attempt.max_retries, attempt.looks) == (1, 3, 0)
    assert (attempt.terms, attempt.batch_state) == (batch.terms, BatchState.ACTIVE)
    assert claim.claimed_at <= attempt.since <= attempt.now


def test_two_askers_do_not_ask_twice_at_once(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    house.open_attempt()
    assert ledger.attempts.due(10) == []
    assert len(ledger.attempts.due(10, batch_id=batch.batch_id)) == 1


def test_the_longest_due_is_asked_about_first_and_never_more_than_the_limit(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    claims = [house.claim(house.ticket(queued)) for queued in house.push()]
    for claim in claims:
        ledger.claims.record(claim, answer(provider_call_id=claim.reference), IN_PROGRESS)
    house.rewrite(attempts, attempts.c.call_id == claims[2].call_id, next_look_at=ledger.now() - HOUR)
    assert next(attempt.call_id for attempt in ledger.attempts.due(2)) == claims[2].call_id
    assert len(ledger.attempts.due(10)) == 1


def test_an_answered_attempt_closes_its_call_reached_with_all_that_was_told(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    assert ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    record = house.only_call(batch)
    assert (record.state, record.close_reason, record.outcome) == (
        CallState.CLOSED,
        CloseReason.REACHED,
        Outcome.ANSWERED,
    )
    [told] = record.attempts
    assert (told.state, told.outcome, told.duration_seconds) == (AttemptState.ENDED, Outcome.ANSWERED, 61.5)
    assert (told.credits_charged, told.recording_url) == (0.25, "https://recordings.example/1")
    assert (told.summary, told.transcript) == ("They will come.", "Hello?")
    assert (told.detail, told.raw) == ("completed", '{"status": "completed"}')


def test_an_attempt_is_settled_once(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    assert ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    assert not ledger.attempts.settle(attempt, BUSY, MINUTE, None)
    assert not ledger.attempts.give_up(attempt, "late")
    assert house.only_call(batch).close_reason is CloseReason.REACHED


def test_a_retry_waits_until_its_delay_is_over_and_is_dialed_by_a_new_attempt(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(max_retries=1))
    assert ledger.attempts.settle(house.open_attempt(), BUSY, HOUR, None)
    record = house.only_call(batch)
    assert record.due_at is not None
    assert (record.state, record.outcome, record.attempts_spent) == (CallState.WAITING, Outcome.BUSY, 1)
    assert timedelta(0) <= ledger.now() + HOUR - record.due_at < MINUTE
    assert ledger.sweeps.promote(10) == 0
    assert ledger.reading.earliest_due([batch.batch_id]) == {batch.batch_id: record.due_at}


def test_a_retry_that_is_due_is_promoted_and_claimed_with_the_next_number(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(max_retries=1))
    ledger.attempts.settle(house.open_attempt(), BUSY, timedelta(0), None)
    assert ledger.sweeps.promote(10) == 1
    claim = house.claim()
    assert (claim.number, claim.attempts_spent) == (2, 1)
    ledger.attempts.settle(house.open_attempt(claim), ANSWERED, None, CloseReason.REACHED)
    tally = ledger.reading.tally(batch.batch_id)
    assert (tally.attempts, tally.outcomes[Outcome.ANSWERED], tally.outcomes[Outcome.BUSY]) == (2, 1, 0)


def test_a_retry_past_exp_closes_exhausted(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(exp=ledger.now() + HOUR))
    ledger.attempts.settle(house.open_attempt(), BUSY, 2 * HOUR, None)
    assert house.only_call(batch).close_reason is CloseReason.EXHAUSTED


def test_a_retry_in_a_terminated_batch_closes_terminated(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "enough", "user")
    assert house.only_call(batch).state is CallState.IN_PROGRESS
    ledger.attempts.settle(attempt, BUSY, MINUTE, None)
    assert house.only_call(batch).close_reason is CloseReason.TERMINATED


def test_what_was_reached_stays_reached_in_a_terminated_batch(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "enough", "user")
    ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    assert house.only_call(batch).close_reason is CloseReason.REACHED


def test_a_settled_call_either_waits_or_closes(house: House, ledger: SqlLedger) -> None:
    house.load()
    with pytest.raises(IllegalMove):
        ledger.attempts.settle(house.open_attempt(), BUSY, None, None)


def test_an_unknown_that_is_found_is_in_progress_under_its_providers_id(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert attempt.state is AttemptState.UNKNOWN
    assert ledger.attempts.found(attempt, "their-9")
    assert not ledger.attempts.found(attempt, "their-9")
    assert house.only_call(batch).state is CallState.IN_PROGRESS
    again = ledger.attempts.by_provider_id(ACCOUNT, "their-9")
    assert again is not None
    assert (again.reference, again.state) == (attempt.reference, AttemptState.IN_PROGRESS)
    assert [due.reference for due in ledger.attempts.due(10)] == [attempt.reference]


def test_an_unknown_may_be_settled_by_a_list_that_shows_its_end(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    assert house.only_call(batch).attempts_spent == 1


def test_only_live_attempts_are_found_by_their_providers_id(house: House, ledger: SqlLedger) -> None:
    house.load()
    attempt = house.open_attempt()
    assert ledger.attempts.by_provider_id("other", attempt.provider_call_id or "") is None
    ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    assert ledger.attempts.by_provider_id(ACCOUNT, attempt.provider_call_id or "") is None


def test_asking_again_later_keeps_the_providers_latest_words(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    ledger.attempts.look_later(attempt, timedelta(0), "ringing", '{"status": "ringing"}')
    [again] = ledger.attempts.due(10)
    assert again.looks == 1
    ledger.attempts.look_later(again, HOUR)
    assert ledger.attempts.due(10) == []
    [told] = house.only_call(batch).attempts
    assert (told.detail, told.raw) == ("ringing", '{"status": "ringing"}')


def test_a_question_about_an_unknown_puts_off_no_look_at_what_was_found_meanwhile(
    house: House, ledger: SqlLedger
) -> None:
    batch = house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert ledger.attempts.found(attempt, "their-1")
    before = house.only_call(batch).attempts[0]
    ledger.attempts.look_later(attempt, HOUR, "not in the provider's list yet")
    assert house.only_call(batch).attempts[0] == before
    assert [each.call_id for each in ledger.attempts.due(10)] == [attempt.call_id]


def test_giving_up_leaves_a_visible_unresolved_call(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert ledger.attempts.give_up(attempt, "the provider's list does not show it")
    record = house.only_call(batch)
    assert (record.close_reason, record.attempts[0].state) == (CloseReason.UNRESOLVED, AttemptState.UNRESOLVED)
    assert record.attempts[0].detail == "the provider's list does not show it"
    assert record.attempts_spent == 1


def test_what_was_found_meanwhile_is_not_given_up(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert ledger.attempts.found(attempt, "their-1")
    assert not ledger.attempts.give_up(attempt, "the provider's list does not show it")
    record = house.only_call(batch)
    assert (record.state, record.attempts[0].state) == (CallState.IN_PROGRESS, AttemptState.IN_PROGRESS)


def test_live_references_are_those_that_hold_a_channel(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(4))
    dialing, asked, lost, _ = (house.ticket(queued) for queued in house.push())
    references = [house.claim(dialing).reference]
    references += [house.open_attempt(house.claim(asked)).reference]
    references += [house.open_attempt(house.claim(lost), recording=UNKNOWN).reference]
    assert ledger.reading.live_references(ACCOUNT) == references
    assert ledger.reading.live_references("other") == []
