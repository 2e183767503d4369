"""The point of no return: one claim for each call, through every gate, and each way out of it written down."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from dialer.domain.call import NotClaimed, Suppression
from dialer.domain.placement import AnswerKind
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, HoldScope, Lane, Outcome, StopKind
from dialer.errors import IllegalMove
from dialer.ledger import SqlLedger
from dialer.ledger.moves import move
from dialer.ledger.tables import accounts, attempts, batches, calls, cohorts
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import (
    ACCOUNT,
    DAY,
    DEADLINE,
    FAR_OFF,
    HOUR,
    IN_PROGRESS,
    LONG_AGO,
    MELBOURNE,
    MINUTE,
    START,
    UNKNOWN,
    House,
    answer,
    new_calls,
    phone_of,
    terms_of,
)

REJECTED = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
REFUSED = Recording(CallState.READY, AttemptState.REFUSED)
NOT_SENT = Recording(CallState.WAITING, AttemptState.NOT_SENT, after=MINUTE)


def test_a_ticket_tells_what_a_worker_needs_before_it_asks_for_a_permit(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(variables='{"a": 1}'))
    [queued] = house.push()
    ticket = house.ticket(queued)
    assert (ticket.batch_id, ticket.account, ticket.lane) == (batch.batch_id, ACCOUNT, Lane.NORMAL)
    assert (ticket.phone, ticket.variables, ticket.kept) == (phone_of(0), '{"a": 1}', {})
    assert (ticket.workspace_id, ticket.agent_id, ticket.next_number) == ("w1", "a1", 1)
    assert ticket.reference == str(uuid.uuid5(uuid.UUID(ledger.ledger_id), f"{ticket.call_id}:1"))


def test_a_stale_message_gets_no_ticket(house: House, ledger: SqlLedger) -> None:
    house.load()
    [queued] = house.push()
    assert ledger.claims.ticket(queued.call_id, queued.push_seq - 1) is None
    assert ledger.claims.ticket(str(uuid.uuid4()), 1) is None
    house.claim(house.ticket(queued))
    assert ledger.claims.ticket(queued.call_id, queued.push_seq) is None


def test_a_claim_carries_all_that_the_request_needs(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(max_retries=4), calls=new_calls(variables='{"a":1}', timezone="Australia/Perth"))
    before = ledger.now()
    claim = house.claim()
    assert before <= claim.claimed_at <= ledger.now()
    assert (claim.number, claim.attempts_spent, claim.max_retries) == (1, 0, 4)
    assert (claim.terms, claim.zones, claim.wire_ref, claim.closes_at) == (batch.terms, MELBOURNE, "spring", FAR_OFF)
    assert (claim.variables, claim.timezone, claim.suppression, claim.is_probe) == (
        '{"a":1}',
        "Australia/Perth",
        None,
        False,
    )
    assert house.only_call(batch).state is CallState.DIALING
    [attempt] = house.only_call(batch).attempts
    assert (attempt.number, attempt.reference, attempt.state) == (1, claim.reference, AttemptState.DIALING)


def test_the_attempt_row_says_who_claimed_and_until_when(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim(worker="w-7", boot_id="b-7")
    a = attempts.c
    with ledger._transactions.read() as connection:
        row = connection.execute(select(a.worker, a.boot_id, a.claim_id, a.left_by, a.deadline_at)).one()
    assert row == ("w-7", "b-7", claim.claim_id, claim.claimed_at + START, claim.claimed_at + DEADLINE)


def test_a_second_claim_of_the_same_message_is_a_duplicate(house: House) -> None:
    house.load()
    ticket = house.ticket()
    house.claim(ticket)
    again = house.take(ticket)
    assert isinstance(again, NotClaimed)
    assert again.is_duplicate


def test_a_message_pushed_again_makes_the_older_one_stale(house: House, ledger: SqlLedger) -> None:
    house.load()
    ticket = house.ticket()
    [pushed] = ledger.sweeps.stale_queued(timedelta(0), 10)
    assert (pushed.call_id, pushed.push_seq) == (ticket.call_id, ticket.push_seq + 1)
    refused = house.take(ticket)
    assert isinstance(refused, NotClaimed)
    assert refused.is_duplicate
    house.claim(house.ticket(pushed))


def refused(house: House, words: str) -> str:
    """Take the one queued call: refused in these words; its state afterwards."""
    [record] = house.ledger.reading.calls()
    ticket = house.ledger.claims.ticket(record.call_id, 1)
    assert ticket is not None
    verdict = house.take(ticket)
    assert isinstance(verdict, NotClaimed)
    assert words in verdict.why
    assert not verdict.is_duplicate
    [record] = house.ledger.reading.calls()
    assert record.attempts == ()
    return str(record.close_reason or record.state)


def test_a_pause_between_push_and_claim_sends_the_call_back(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    house.push()
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "lunch", "user")
    assert refused(house, "paused: lunch") == "ready"


def test_a_terminate_between_push_and_claim_closes_the_call(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ticket = house.ticket()
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, state="terminated")
    verdict = house.take(ticket)
    assert verdict == NotClaimed("the batch is terminated")
    assert house.only_call(batch).close_reason is CloseReason.TERMINATED
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.TERMINATED] == 1


def test_a_batch_past_its_exp_closes_the_call(house: House) -> None:
    batch = house.load()
    house.push()
    house.let_expire(batch)
    assert refused(house, "expired") == "expired"


def test_a_window_that_closed_since_the_push_sends_the_call_back(house: House, ledger: SqlLedger) -> None:
    house.load()
    house.push()
    house.rewrite(cohorts, cohorts.c.number == 1, closes_at=ledger.now())
    assert refused(house, "window closed") == "ready"


def test_a_window_that_is_not_open_yet_sends_the_call_back(house: House, ledger: SqlLedger) -> None:
    house.load()
    house.push()
    house.rewrite(cohorts, cohorts.c.number == 1, opens_at=ledger.now() + HOUR)
    assert refused(house, "closed until") == "ready"


def test_a_window_that_never_opens_again_sends_the_call_back(house: House) -> None:
    house.load()
    house.push()
    house.rewrite(cohorts, cohorts.c.number == 1, opens_at=None, closes_at=None)
    assert refused(house, "never opens again") == "ready"


@pytest.mark.parametrize(
    ("scope", "key"), [(HoldScope.ALL, ""), (HoldScope.WORKSPACE, "w1"), (HoldScope.ACCOUNT, ACCOUNT)]
)
def test_a_red_button_pressed_since_the_push_sends_the_call_back(
    house: House, ledger: SqlLedger, scope: HoldScope, key: str
) -> None:
    house.load()
    house.push()
    ledger.accounts.hold(scope, key, on=True)
    assert refused(house, "red button") == "ready"


def test_a_stopped_account_sends_the_call_back(house: House, ledger: SqlLedger) -> None:
    house.load()
    house.push()
    ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "wrong key", HOUR)
    assert refused(house, "stopped (auth): wrong key") == "ready"


def test_a_stop_whose_time_is_over_lets_a_probe_through(house: House, ledger: SqlLedger) -> None:
    house.load()
    ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "wrong key", timedelta(0))
    assert house.claim().is_probe


@pytest.mark.parametrize(
    ("balance", "age", "words"),
    [(None, None, "not known"), (30.0, timedelta(seconds=181), "not known"), (24.9, timedelta(0), "is 24.9, below 25")],
)
def test_a_low_or_old_balance_sends_the_call_back(
    house: House, ledger: SqlLedger, balance: float | None, age: timedelta | None, words: str
) -> None:
    ledger.accounts.ensure(ACCOUNT, 25.0, "keys")
    house.load()
    house.push()
    at = None if age is None else ledger.now() - age
    house.rewrite(accounts, accounts.c.name == ACCOUNT, balance=balance, balance_at=at)
    assert refused(house, words) == "ready"


@pytest.mark.parametrize("balance", [25.0, None])
def test_a_fresh_balance_that_is_enough_or_unmetered_lets_calls_through(
    house: House, ledger: SqlLedger, balance: float | None
) -> None:
    ledger.accounts.ensure(ACCOUNT, 25.0, "keys")
    ledger.accounts.set_balance(ACCOUNT, balance)
    house.load()
    house.claim()


def test_an_account_that_was_never_set_up_dials_nobody(house: House) -> None:
    house.load(terms_of(account="ghost"))
    house.push(account="ghost")
    assert refused(house, "never set up") == "ready"


def test_an_unfinished_first_load_dials_nobody(house: House) -> None:
    batch = house.load()
    house.push()
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, is_loaded=False)
    assert refused(house, "unfinished") == "ready"


def test_the_strictest_suppression_in_force_comes_with_the_claim(house: House, ledger: SqlLedger) -> None:
    now = ledger.now()
    phone = phone_of(0)
    ledger.suppressions.add(
        [
            Suppression(phone, "elsewhere", "w2"),
            Suppression(phone, "later", "w1", until=now + HOUR),
            Suppression(phone, "longest", None, until=now + DAY),
        ]
    )
    house.load()
    suppression = house.claim().suppression
    assert suppression is not None
    assert (suppression.reason, suppression.until) == ("longest", now + DAY)


def test_a_deferred_claim_leaves_no_attempt_and_its_number_is_not_given_again(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    assert ledger.claims.defer(claim, None, "a pause came")
    record = house.only_call(batch)
    assert (record.state, record.attempts, record.attempts_spent) == (CallState.READY, (), 0)
    assert house.claim().number == 2
    assert not ledger.claims.defer(claim, None, "twice")


def test_a_claim_deferred_until_later_waits(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ledger.claims.defer(house.claim(), HOUR, "suppressed for now")
    record = house.only_call(batch)
    assert record.state is CallState.WAITING
    assert record.due_at is not None
    assert timedelta(0) <= ledger.now() + HOUR - record.due_at < MINUTE


def test_a_gate_closes_a_claimed_call_without_an_attempt(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    assert ledger.claims.close(claim, CloseReason.SUPPRESSED, "do not call")
    record = house.only_call(batch)
    assert (record.close_reason, record.attempts) == (CloseReason.SUPPRESSED, ())
    assert not ledger.claims.close(claim, CloseReason.SUPPRESSED, "twice")


def test_what_prepare_left_is_kept_for_retries(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim()
    ledger.claims.keep(claim.call_id, {"contact_id": "c1"})
    ledger.claims.defer(claim, None, "")
    ticket = house.ticket()
    assert ticket.kept == {"contact_id": "c1"}
    assert house.claim(ticket).kept == {"contact_id": "c1"}


def test_handing_back_spends_nothing_and_needs_the_very_push(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ticket = house.ticket()
    assert ledger.claims.hand_back(ticket, timedelta(seconds=3), "pace")
    record = house.only_call(batch)
    assert (record.state, record.attempts_spent) == (CallState.WAITING, 0)
    assert not ledger.claims.hand_back(ticket, None, "twice")


def test_an_accepted_call_is_in_progress_and_has_spent_an_attempt(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    assert ledger.claims.record(house.claim(), answer(raw="{}"), IN_PROGRESS)
    record = house.only_call(batch)
    assert (record.state, record.attempts_spent) == (CallState.IN_PROGRESS, 1)
    [attempt] = record.attempts
    assert (attempt.state, attempt.provider_call_id, attempt.raw) == (AttemptState.IN_PROGRESS, "their-1", "{}")
    assert (attempt.http_status, attempt.detail) == (200, "the provider's words")


def test_a_handed_off_call_is_closed_and_may_still_be_held(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    held_until = ledger.now() + HOUR
    handed_off = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF, held_until=held_until)
    ledger.claims.record(house.claim(), answer(provider_call_id=None), handed_off)
    tally = ledger.reading.tally(batch.batch_id)
    assert (tally.closed[CloseReason.HANDED_OFF], tally.attempts, tally.last_minute) == (1, 1, 1)
    assert ledger.reading.handed_over(batch.batch_id) == 1


@pytest.mark.parametrize(
    ("kind", "recording", "state", "spent", "attempt_state"),
    [
        (AnswerKind.REJECTED, REJECTED, CallState.CLOSED, 1, AttemptState.REJECTED),
        (AnswerKind.THROTTLED, REFUSED, CallState.READY, 0, AttemptState.REFUSED),
        (AnswerKind.NOT_SENT, NOT_SENT, CallState.WAITING, 0, AttemptState.NOT_SENT),
        (AnswerKind.UNKNOWN, UNKNOWN, CallState.UNKNOWN, 1, AttemptState.UNKNOWN),
    ],
)
def test_only_what_reached_the_provider_spends_an_attempt(
    house: House,
    ledger: SqlLedger,
    kind: AnswerKind,
    recording: Recording,
    state: CallState,
    spent: int,
    attempt_state: AttemptState,
) -> None:
    batch = house.load()
    assert ledger.claims.record(house.claim(), answer(kind, provider_call_id=None), recording)
    record = house.only_call(batch)
    assert (record.state, record.attempts_spent) == (state, spent)
    assert [attempt.state for attempt in record.attempts] == [attempt_state]


def test_an_answer_is_recorded_once(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim()
    assert ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert not ledger.claims.record(claim, answer(), IN_PROGRESS)


def test_a_late_answer_is_taken_on_a_call_that_rescue_made_unknown(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim(deadline=timedelta(seconds=-1))
    assert ledger.sweeps.orphans(timedelta(seconds=10), 10) == [(ACCOUNT, claim.reference)]
    assert house.only_call(batch).attempts_spent == 1
    assert ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert (house.only_call(batch).state, house.only_call(batch).attempts_spent) == (CallState.IN_PROGRESS, 1)


def test_a_late_unknown_adds_its_words_to_the_unknown_call(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim(deadline=timedelta(seconds=-1))
    ledger.sweeps.orphans(timedelta(seconds=10), 10)
    assert ledger.claims.record(claim, answer(AnswerKind.UNKNOWN, detail="a timeout"), UNKNOWN)
    record = house.only_call(batch)
    assert (record.state, record.attempts_spent, record.attempts[0].detail) == (CallState.UNKNOWN, 1, "a timeout")


def test_an_unknown_that_turns_out_not_sent_gives_its_attempt_back(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim(deadline=timedelta(seconds=-1))
    ledger.sweeps.orphans(timedelta(seconds=10), 10)
    assert ledger.claims.record(claim, answer(AnswerKind.NOT_SENT, provider_call_id=None), NOT_SENT)
    assert (house.only_call(batch).state, house.only_call(batch).attempts_spent) == (CallState.WAITING, 0)


def test_a_call_of_a_terminated_batch_that_comes_back_closes(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(3))
    first, second, third = (house.claim(house.ticket(queued)) for queued in house.push())
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "enough", "user")
    assert ledger.claims.defer(first, HOUR, "closed")
    assert ledger.claims.record(second, answer(AnswerKind.THROTTLED), REFUSED)
    assert ledger.claims.record(third, answer(AnswerKind.NOT_SENT), NOT_SENT)
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.TERMINATED] == 3


def test_a_deferral_in_a_batch_past_its_exp_closes_expired(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    first, second = house.push()
    claim = house.claim(house.ticket(first))
    ticket = house.ticket(second)
    house.let_expire(batch)
    assert ledger.claims.defer(claim, HOUR, "closed")
    assert ledger.claims.hand_back(ticket, None, "no channel")
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.EXPIRED] == 2


def test_a_call_that_comes_back_in_a_paused_batch_just_waits(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "", "user")
    assert ledger.claims.defer(claim, None, "halted")
    assert house.only_call(batch).state is CallState.READY
    assert house.push() == []


def test_a_provider_that_repeats_an_id_stops_nothing(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    for queued in house.push():
        assert ledger.claims.record(house.claim(house.ticket(queued)), answer(), IN_PROGRESS)
    first, second = ledger.reading.calls(batch.batch_id)
    assert (first.attempts[0].provider_call_id, second.attempts[0].provider_call_id) == ("their-1", None)
    assert second.attempts[0].detail == (
        "the provider's words; the provider gave the id 'their-1' to an earlier call too"
    )


def test_an_outcome_that_comes_with_the_answer_is_kept(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    failed = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED, outcome=Outcome.FAILED)
    ledger.claims.record(house.claim(), answer(AnswerKind.REJECTED), failed)
    assert ledger.reading.tally(batch.batch_id).outcomes[Outcome.FAILED] == 1


def test_a_call_has_one_live_attempt_by_the_databases_own_word(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim()
    second = {
        "call_id": claim.call_id,
        "number": 2,
        "batch_id": claim.batch_id,
        "reference": str(uuid.uuid4()),
        "account": ACCOUNT,
        "claim_id": str(uuid.uuid4()),
        "worker": "w",
        "boot_id": "b",
        "state": "unknown",
        "claimed_at": LONG_AGO,
        "left_by": LONG_AGO,
        "deadline_at": LONG_AGO,
    }
    with pytest.raises(IntegrityError), ledger._transactions.write() as connection:
        connection.execute(insert(attempts).values(**second))


def test_a_state_that_is_none_is_refused_by_the_database(house: House) -> None:
    batch = house.load()
    with pytest.raises(IntegrityError):
        house.rewrite(calls, calls.c.batch_id == batch.batch_id, state="ringing")
    with pytest.raises(IntegrityError):
        house.rewrite(calls, calls.c.batch_id == batch.batch_id, state="closed", close_reason=None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CallState.READY, CallState.DIALING),
        (CallState.CLOSED, CallState.QUEUED),
        (CallState.IN_PROGRESS, CallState.READY),
    ],
)
def test_a_move_that_the_table_lacks_cannot_be_written(old: CallState, new: CallState) -> None:
    with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
        move([old], new)


def test_a_ticket_of_an_earlier_attempt_number_claims_nothing(house: House) -> None:
    house.load()
    ticket = house.ticket()
    house.rewrite(calls, calls.c.call_id == ticket.call_id, claim_seq=5)
    refused = house.take(ticket)
    assert isinstance(refused, NotClaimed)
    assert refused.is_duplicate
