"""Incoming webhooks: stored once, looked at when due, and matched with the attempt they speak of."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from dialer.domain.notice import Hint
from dialer.domain.placement import Progress
from dialer.domain.states import AttemptState, CloseReason, Outcome
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import inbox
from dialer.ledger.tables import attempts
from tests.contract.ledger.builders import ACCOUNT, DAY, HOUR, UNKNOWN, House, answer, new_calls, phone_of

AT_ONCE = timedelta(0)


def only(hints: list[Hint]) -> Hint:
    [hint] = hints
    return hint


def test_a_webhook_is_kept_as_it_came_and_is_due_at_once(ledger: SqlLedger) -> None:
    assert ledger.inbox.store(ACCOUNT, "event-1", '{"id": "grün"}')
    hint = only(ledger.inbox.due(10))
    assert (hint.account, hint.event_id, hint.body, hint.tries) == (ACCOUNT, "event-1", '{"id": "grün"}', 0)
    assert timedelta(0) <= ledger.now() - hint.received_at < timedelta(minutes=1)


def test_an_event_is_stored_once_for_each_account(ledger: SqlLedger) -> None:
    assert [ledger.inbox.store(ACCOUNT, "event-1", body) for body in ("{}", '{"b": 1}')] == [True, False]
    assert ledger.inbox.store("another", "event-1", "{}")
    assert [hint.body for hint in ledger.inbox.due(10)] == ["{}", "{}"]


def test_one_that_is_done_is_known_and_not_due_again(ledger: SqlLedger) -> None:
    ledger.inbox.store(ACCOUNT, "event-1", "{}")
    ledger.inbox.done(only(ledger.inbox.due(10)).entry_id, "asked")
    assert ledger.inbox.due(10) == []
    assert not ledger.inbox.store(ACCOUNT, "event-1", "{}")


def test_one_that_is_put_off_falls_due_later_with_one_try_more(ledger: SqlLedger) -> None:
    ledger.inbox.store(ACCOUNT, "event-1", "{}")
    entry_id = only(ledger.inbox.due(10)).entry_id
    ledger.inbox.later(entry_id, HOUR, "nobody yet")
    assert ledger.inbox.due(10) == []
    ledger.inbox.later(entry_id, AT_ONCE, "nobody yet")
    assert only(ledger.inbox.due(10)).tries == 2


def test_the_longest_due_comes_first_and_never_more_than_the_limit(house: House, ledger: SqlLedger) -> None:
    for name in ("a", "b", "c"):
        ledger.inbox.store(ACCOUNT, name, "{}")
    house.rewrite(inbox, inbox.c.event_id == "c", due_at=ledger.now() - HOUR)
    assert [hint.event_id for hint in ledger.inbox.due(2)] == ["c", "a"]


def test_old_ones_are_forgotten_bit_by_bit(house: House, ledger: SqlLedger) -> None:
    for name in ("a", "b", "c"):
        ledger.inbox.store(ACCOUNT, name, "{}")
    house.rewrite(inbox, inbox.c.event_id != "c", received_at=ledger.now() - 8 * DAY)
    assert [ledger.inbox.forget(7 * DAY, 1) for _ in range(3)] == [1, 1, 0]
    assert only(ledger.inbox.due(10)).event_id == "c"


def next_look_is_due(ledger: SqlLedger) -> bool:
    return len(ledger.attempts.due(10)) == 1


def test_the_attempt_spoken_of_by_the_provider_s_id_is_due_for_a_question_at_once(
    house: House, ledger: SqlLedger
) -> None:
    house.load()
    attempt = house.open_attempt()
    assert not next_look_is_due(ledger)
    assert ledger.inbox.speaks_of(ACCOUNT, attempt.provider_call_id, None) == "asked"
    assert next_look_is_due(ledger)


def test_the_attempt_spoken_of_by_our_reference_is_due_for_a_question_at_once(house: House, ledger: SqlLedger) -> None:
    house.load()
    attempt = house.open_attempt(recording=UNKNOWN)
    assert not next_look_is_due(ledger)
    assert ledger.inbox.speaks_of(ACCOUNT, "their-name-for-it", attempt.reference) == "asked"
    assert next_look_is_due(ledger)


def test_the_provider_s_id_goes_before_our_reference(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    first, second = (house.open_attempt(house.claim(house.ticket(queued))) for queued in house.push())
    assert ledger.inbox.speaks_of(ACCOUNT, first.provider_call_id, second.reference) == "asked"
    [due] = ledger.attempts.due(10)
    assert due.reference == first.reference


@pytest.mark.parametrize("account", ["another", ""])
def test_another_account_s_webhook_speaks_of_nobody(house: House, ledger: SqlLedger, account: str) -> None:
    house.load()
    attempt = house.open_attempt()
    assert ledger.inbox.speaks_of(account, attempt.provider_call_id, attempt.reference) is None
    assert not next_look_is_due(ledger)


@pytest.mark.parametrize("name", ["their-unheard-of", "Q1 Sales", "'; DROP TABLE calls", "ü" * 200, "1" * 32])
def test_a_name_that_nobody_has_speaks_of_nobody_whatever_it_looks_like(
    house: House, ledger: SqlLedger, name: str
) -> None:
    house.load()
    house.open_attempt()
    assert ledger.inbox.speaks_of(ACCOUNT, name, name, phone_of(77)) is None
    assert ledger.inbox.speaks_of(ACCOUNT, None, str(uuid.uuid4())) is None
    assert ledger.inbox.speaks_of(ACCOUNT, None, None) is None
    assert not next_look_is_due(ledger)


def test_an_attempt_that_awaits_its_own_answer_is_not_known_yet(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim()
    assert ledger.inbox.speaks_of(ACCOUNT, "their-1", claim.reference) is None


def test_a_number_alone_asks_about_attempts_whose_answer_was_lost_and_matches_none(
    house: House, ledger: SqlLedger
) -> None:
    house.load()
    house.open_attempt(recording=UNKNOWN)
    assert ledger.inbox.speaks_of(ACCOUNT, "their-1", None, phone_of(0)) is None
    assert next_look_is_due(ledger)


def test_a_number_alone_disturbs_no_attempt_that_has_a_name(house: House, ledger: SqlLedger) -> None:
    house.load()
    house.open_attempt()
    assert ledger.inbox.speaks_of(ACCOUNT, "their-other", None, phone_of(0)) is None
    assert not next_look_is_due(ledger)


def test_an_attempt_that_is_over_stays_as_it_ended(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    ledger.attempts.settle(attempt, Progress(ended=True, outcome=Outcome.ANSWERED), None, CloseReason.REACHED)
    before = house.only_call(batch)
    assert ledger.inbox.speaks_of(ACCOUNT, attempt.provider_call_id, None) == "over"
    assert house.only_call(batch) == before


def test_an_unresolved_attempt_says_once_that_a_webhook_spoke_of_it_afterwards(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    attempt = house.open_attempt()
    ledger.attempts.give_up(attempt, "no news")
    for _ in range(2):
        assert ledger.inbox.speaks_of(ACCOUNT, attempt.provider_call_id, None) == "over"
    [told] = house.only_call(batch).attempts
    assert told.detail == "no news; a webhook of the provider spoke of it afterwards"
    assert told.state is AttemptState.UNRESOLVED


def test_a_question_asked_for_while_another_is_being_answered_is_asked_all_the_same(
    house: House, ledger: SqlLedger
) -> None:
    house.load()
    attempt = house.open_attempt()
    ledger.inbox.speaks_of(ACCOUNT, attempt.provider_call_id, None)
    ledger.attempts.look_later(attempt, HOUR, "still ringing")
    assert next_look_is_due(ledger)
    ledger.attempts.look_later(attempt, HOUR, "still ringing")
    assert not next_look_is_due(ledger)


def test_an_answer_that_was_recorded_meanwhile_is_found_by_what_the_webhook_said(
    house: House, ledger: SqlLedger
) -> None:
    house.load()
    claim = house.claim()
    assert ledger.inbox.speaks_of(ACCOUNT, "their-1", None) is None
    assert ledger.claims.record(claim, answer(), UNKNOWN)
    house.rewrite(attempts, attempts.c.call_id == claim.call_id, next_look_at=ledger.now() + HOUR)
    assert ledger.inbox.speaks_of(ACCOUNT, "their-1", None) == "asked"
    assert next_look_is_due(ledger)
