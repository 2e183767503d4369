"""Whether a call is dialed again after an attempt, and when: zero retries means zero."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.retry import MAX_RETRIES, Again, Over, RetryPolicy, after_outcome, attempts_allowed
from dialer.domain.states import CloseReason, Outcome

MINUTE = timedelta(minutes=1)
REACHED, EXHAUSTED = Over(CloseReason.REACHED), Over(CloseReason.EXHAUSTED)
EVERY_DELAY = RetryPolicy(no_answer=MINUTE, busy=MINUTE, voicemail=MINUTE, failed=MINUTE, declined=MINUTE)


@pytest.mark.parametrize(
    ("outcome", "delay"),
    [
        (Outcome.NO_ANSWER, 30 * MINUTE),
        (Outcome.BUSY, 10 * MINUTE),
        (Outcome.FAILED, 15 * MINUTE),
        (Outcome.VOICEMAIL, None),
        (Outcome.DECLINED, None),
        # What is not known is never dialed again on a guess.
        (Outcome.UNKNOWN, None),
        (Outcome.ANSWERED, None),
    ],
)
def test_the_delays_are_those_of_the_contract(outcome: Outcome, delay: timedelta | None) -> None:
    assert RetryPolicy().delay_after(outcome) == delay


@pytest.mark.parametrize("outcome", Outcome)
def test_zero_retries_means_one_dial_whatever_came_of_it(outcome: Outcome) -> None:
    expected = REACHED if outcome is Outcome.ANSWERED else EXHAUSTED
    assert after_outcome(EVERY_DELAY, outcome, attempts_spent=1, max_retries=0) == expected


def test_an_answer_ends_the_call_with_retries_left() -> None:
    assert after_outcome(EVERY_DELAY, Outcome.ANSWERED, attempts_spent=1, max_retries=20) == REACHED


def test_an_outcome_that_is_never_retried_ends_the_call_with_retries_left() -> None:
    assert after_outcome(RetryPolicy(), Outcome.DECLINED, attempts_spent=1, max_retries=20) == EXHAUSTED


def test_a_delay_of_nothing_is_a_retry_at_once_and_not_never() -> None:
    policy = RetryPolicy(busy=timedelta(0))
    assert after_outcome(policy, Outcome.BUSY, attempts_spent=1, max_retries=1) == Again(timedelta(0))


@given(st.integers(0, MAX_RETRIES), st.sampled_from([*Outcome]))
def test_a_number_is_dialed_once_and_then_once_for_each_retry(max_retries: int, outcome: Outcome) -> None:
    dials = 1
    while after_outcome(EVERY_DELAY, outcome, dials, max_retries) == Again(MINUTE):
        dials += 1
    is_retried = outcome not in (Outcome.ANSWERED, Outcome.UNKNOWN)
    assert dials == (attempts_allowed(max_retries) if is_retried else 1) == (max_retries + 1 if is_retried else 1)
