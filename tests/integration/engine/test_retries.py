"""When a call is dialed again: by outcome, by its own or its batch's max_retries, inside hours, never past exp."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.placement import Progress
from dialer.domain.retry import RetryPolicy
from dialer.domain.states import CallState, CloseReason, Outcome
from dialer.engine.settle import settle
from dialer.testing.providers import dialed_twice
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, phones, waits

PHONE = phones(1)[0]


@pytest.mark.parametrize(
    ("outcome", "delay"),
    [(Outcome.NO_ANSWER, 30 * MINUTE), (Outcome.BUSY, 10 * MINUTE), (Outcome.FAILED, 15 * MINUTE)],
)
def test_a_retry_waits_as_long_as_its_outcome_says(rig: Rig, outcome: Outcome, delay: timedelta) -> None:
    batch = rig.load([PHONE], max_retries=1)
    rig.dial(PHONE, outcome)
    assert waits(rig.call(batch), rig.now) == delay
    assert rig.held() == 0
    rig.later(delay - SECOND)
    rig.step()
    assert rig.placed == [PHONE]
    rig.later(SECOND)
    rig.step()
    assert rig.placed == [PHONE, PHONE]


@pytest.mark.parametrize("outcome", [Outcome.VOICEMAIL, Outcome.DECLINED])
def test_some_outcomes_are_never_retried_by_default(rig: Rig, outcome: Outcome) -> None:
    batch = rig.load([PHONE], max_retries=5)
    rig.dial(PHONE, outcome)
    call = rig.call(batch)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.EXHAUSTED, 1)


def test_a_batch_sets_its_own_delays(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=1, retry=RetryPolicy(voicemail=2 * HOUR))
    rig.dial(PHONE, Outcome.VOICEMAIL)
    assert waits(rig.call(batch), rig.now) == 2 * HOUR


def test_zero_retries_means_one_dial(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=0)
    rig.dial(PHONE, Outcome.BUSY)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == [PHONE]
    assert rig.call(batch).close_reason is CloseReason.EXHAUSTED


def test_two_retries_mean_three_dials_each_under_its_own_reference(either: Rig) -> None:
    batch = either.load([PHONE], max_retries=2)
    for _ in range(4):
        either.step()
        either.end(PHONE, Outcome.BUSY)
        either.ask(5 * SECOND)
        either.later(10 * MINUTE)
    assert either.placed == [PHONE] * 3
    assert dialed_twice(either.provider.placed) == []
    call = either.call(batch)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.EXHAUSTED, 3)
    assert [attempt.number for attempt in call.attempts] == [1, 2, 3]


def test_a_calls_own_max_retries_beats_its_batchs(rig: Rig) -> None:
    none, two, batchs = phones(3)
    own = [{"phone": none, "max_retries": 0}, {"phone": two, "max_retries": 2}, {"phone": batchs}]
    batch = rig.load(own, max_retries=1)
    for _ in range(4):
        rig.step()
        rig.end_all(Outcome.BUSY)
        rig.ask(5 * SECOND)
        rig.later(10 * MINUTE)
    assert [rig.placed.count(number) for number in (none, two, batchs)] == [1, 3, 2]
    assert rig.status(batch).closed["exhausted"] == 3


def test_an_answered_retry_closes_the_call_reached(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=1)
    rig.dial(PHONE, Outcome.NO_ANSWER)
    rig.later(HOUR)
    rig.dial(PHONE, Outcome.ANSWERED)
    call = rig.call(batch)
    assert (call.close_reason, call.outcome) == (CloseReason.REACHED, Outcome.ANSWERED)
    assert rig.status(batch).outcomes == dict.fromkeys(["voicemail", "no_answer", "busy", "declined", "failed"], 0) | {
        "answered": 1
    }


def test_a_retry_that_would_fall_due_past_exp_is_exhausted(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=1, exp=rig.now + 30 * MINUTE)
    rig.dial(PHONE, Outcome.NO_ANSWER)
    assert rig.call(batch).close_reason is CloseReason.EXHAUSTED
    rig.tick()
    assert rig.status(batch).state == "completed"


def test_a_retry_due_in_a_blocked_hour_goes_out_when_it_opens(rig: Rig) -> None:
    rig.load([PHONE], max_retries=1, timezone="Australia/Melbourne", calling_hours=["*|0900-1115"])
    rig.dial(PHONE, Outcome.NO_ANSWER)  # due 11:30, after the window closed
    opening = rig.start + DAY - 2 * HOUR
    for instant in (rig.start + 30 * MINUTE, rig.start + HOUR, rig.start + 9 * HOUR, opening - SECOND):
        rig.later(instant - rig.now)
        rig.step()
        assert len(rig.placed) == 1
    rig.later(opening - rig.now)
    rig.step()
    assert rig.provider.placed[1].nbf == opening


def test_two_who_settle_the_same_attempt_count_it_once(rig: Rig) -> None:
    """A webhook and a poll at the same moment."""
    batch = rig.load([PHONE], max_retries=3)
    rig.step()
    [attempt] = rig.ledger.attempts.due(10, batch.batch_id)
    ended = Progress(ended=True, outcome=Outcome.BUSY)
    assert settle(rig.desk, attempt, ended)
    assert not settle(rig.desk, attempt, ended)
    call = rig.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.WAITING, 1)


def test_a_settlement_of_an_earlier_attempt_does_not_touch_the_next(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=3)
    rig.step()
    [first] = rig.ledger.attempts.due(10, batch.batch_id)
    settle(rig.desk, first, Progress(ended=True, outcome=Outcome.BUSY))
    rig.later(HOUR)
    rig.step()
    assert not settle(rig.desk, first, Progress(ended=True, outcome=Outcome.ANSWERED))
    assert rig.call(batch).state is CallState.IN_PROGRESS
