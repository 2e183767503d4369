"""An attempt has ended on the line: closed once, its channel freed, its call over or due again."""

from __future__ import annotations

from dataclasses import replace

from dialer.domain.call import OpenAttempt
from dialer.domain.placement import Progress
from dialer.domain.retry import Again, after_outcome
from dialer.domain.states import Outcome
from dialer.errors import RedisUnreachable
from dialer.failpoints import reached
from dialer.ports import Switchboard


def settle(desk: Switchboard, attempt: OpenAttempt, progress: Progress) -> bool:
    """Close the attempt with its outcome (ended without a word of it: failed); False when somebody else did."""
    outcome = progress.outcome or Outcome.FAILED
    progress, terms = replace(progress, outcome=outcome), attempt.terms
    match after_outcome(terms.retry, outcome, attempt.attempts_spent, attempt.max_retries):
        case Again(delay):
            settled = desk.ledger.attempts.settle(attempt, progress, delay, None)
        case over:
            settled = desk.ledger.attempts.settle(attempt, progress, None, over.reason)
    reached("settle.committed")
    if settled:  # else whoever moved it has its channel, or has given it back
        free(desk, attempt)
    return settled


def free(desk: Switchboard, attempt: OpenAttempt) -> None:
    release_channel(desk, attempt.account, attempt.reference)


def release_channel(desk: Switchboard, account: str, reference: str) -> None:
    """Give a channel back; if Redis is away, the scheduler derives the permits again."""
    try:
        desk.admission.free(account, reference)
    except RedisUnreachable:
        return
