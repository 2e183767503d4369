"""Failures that nobody foresaw: counted in a row, forgotten when it goes well, set aside at the last; both ledgers."""

from __future__ import annotations

import pytest

from dialer.domain.states import AttemptState, CallState, CloseReason
from dialer.ledger.tables import attempts
from tests.contract.ledger.builders import LONG_AGO, MINUTE, SECOND, UNKNOWN, House, answer

WHY = "unforeseen ValueError [0123456789ab]"


def test_a_call_that_failed_before_its_claim_waits_and_says_why(house: House) -> None:
    house.load()
    ticket = house.ticket()
    failed = house.ledger.failures.undialed(ticket.call_id, ticket.push_seq, None, WHY, MINUTE, 5)
    assert failed is not None
    assert (failed.count, failed.is_set_aside) == (1, False)
    call = house.call(ticket.call_id)
    assert (call.state, call.why, call.attempts) == (CallState.WAITING, WHY, ())


def test_a_call_that_failed_under_its_claim_keeps_the_attempt_unspent(house: House) -> None:
    house.load()
    claim = house.claim()
    assert house.ledger.failures.undialed(claim.call_id, 1, claim, WHY, MINUTE, 5)
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.WAITING, 0)
    assert [(each.state, each.detail) for each in call.attempts] == [(AttemptState.NOT_SENT, WHY)]


def test_a_stale_message_counts_nothing(house: House) -> None:
    house.load()
    ticket = house.ticket()
    claim = house.claim(ticket)
    assert house.ledger.failures.undialed(ticket.call_id, ticket.push_seq, None, WHY, MINUTE, 5) is None
    house.open_attempt(claim)
    assert house.ledger.failures.undialed(ticket.call_id, ticket.push_seq, claim, WHY, MINUTE, 5) is None
    assert house.call(claim.call_id).state is CallState.IN_PROGRESS


def test_the_last_failure_sets_it_aside(house: House) -> None:
    house.load()
    claim = house.claim()
    failed = house.ledger.failures.undialed(claim.call_id, 1, claim, WHY, MINUTE, 1)
    assert failed is not None
    assert failed.is_set_aside
    call = house.call(claim.call_id)
    assert (call.close_reason, call.why) == (CloseReason.UNRESOLVED, WHY)


def test_failed_questions_are_counted_until_one_goes_well(house: House) -> None:
    house.load()
    attempt = house.open_attempt()
    counts = []
    for _ in range(2):
        failed = house.ledger.failures.unasked(attempt, WHY, SECOND, 3)
        counts.append(failed and failed.count)
        house.rewrite(attempts, attempts.c.call_id == attempt.call_id, next_look_at=LONG_AGO)
        [attempt] = house.ledger.attempts.due(10)
    assert counts == [1, 2]
    assert attempt.failures == 2
    house.ledger.attempts.look_later(attempt, SECOND)
    failed = house.ledger.failures.unasked(attempt, WHY, SECOND, 3)
    assert failed is not None
    assert failed.count == 1


def test_the_last_failed_question_leaves_it_unresolved(house: House) -> None:
    house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    failed = house.ledger.failures.unasked(attempt, WHY, SECOND, 1)
    assert failed is not None
    assert failed.is_set_aside
    call = house.call(attempt.call_id)
    assert (call.close_reason, call.attempts[0].state) == (CloseReason.UNRESOLVED, AttemptState.UNRESOLVED)
    assert house.ledger.failures.unasked(attempt, WHY, SECOND, 1) is None


@pytest.mark.parametrize("most", [1, 5], ids=["the last", "one of five"])
def test_a_failed_question_says_nothing_of_a_call_whose_answer_came_meanwhile(house: House, most: int) -> None:
    house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert house.ledger.attempts.found(attempt, "their-1")
    assert house.ledger.failures.unasked(attempt, WHY, SECOND, most) is None
    call = house.call(attempt.call_id)
    assert (call.state, call.attempts[0].state) == (CallState.IN_PROGRESS, AttemptState.IN_PROGRESS)


def test_an_answer_forgets_the_failures(house: House) -> None:
    house.load()
    claim = house.claim()
    attempt = house.open_attempt(claim)
    house.ledger.failures.unasked(attempt, WHY, SECOND, 5)
    assert not house.ledger.claims.record(claim, answer(), UNKNOWN)
    assert house.call(claim.call_id).state is CallState.IN_PROGRESS
