"""When a call is dialed again after an attempt ended, if at all; the cohort decides the hour, `exp` the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dialer.domain.states import CloseReason, Outcome

#: `max_retries` lies in this range.
MAX_RETRIES = 20


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delay after each outcome; None = never again."""

    no_answer: timedelta | None = timedelta(minutes=30)
    busy: timedelta | None = timedelta(minutes=10)
    voicemail: timedelta | None = None
    failed: timedelta | None = timedelta(minutes=15)
    declined: timedelta | None = None

    def delay_after(self, outcome: Outcome) -> timedelta | None:
        match outcome:
            case Outcome.NO_ANSWER:
                return self.no_answer
            case Outcome.BUSY:
                return self.busy
            case Outcome.VOICEMAIL:
                return self.voicemail
            case Outcome.FAILED:
                return self.failed
            case Outcome.DECLINED:
                return self.declined
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Again:
    """Dial again, `after` the attempt's end."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over."""

    reason: CloseReason


def attempts_allowed(max_retries: int) -> int:
    """Dials in all: zero retries means one dial."""
    return max_retries + 1


def after_outcome(policy: RetryPolicy, outcome: Outcome, attempts_spent: int, max_retries: int) -> Again | Over:
    """What becomes of a call whose attempt, already counted in `attempts_spent`, ended with `outcome`."""
    if outcome is Outcome.ANSWERED:
        return Over(CloseReason.REACHED)
    delay = policy.delay_after(outcome)
    if delay is None or attempts_spent >= attempts_allowed(max_retries):
        return Over(CloseReason.EXHAUSTED)
    return Again(delay)
