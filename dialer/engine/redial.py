"""Sends an unknown attempt once more, same reference and bytes: only where the batch wants it and the provider's key
is still good, and only after a complete list did not show the call. Whatever comes of it, it stays one attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialer.domain.call import NotClaimed, OpenAttempt
from dialer.domain.gate import Dial, judge
from dialer.domain.placement import Answer, AnswerKind
from dialer.engine.dispatch import WorkerIdentity, arm, record, skew
from dialer.engine.look import applicant_of, placement_of, request_print
from dialer.engine.unforeseen import OUTAGES, broken, unforeseen
from dialer.failpoints import reached
from dialer.ports import Armed, Grant, Switchboard
from dialer.ports.ledger import SENDS_AGAIN, Retaken

#: The scheduler redials itself, rarely: no worker of that name ever beats, so a crash leaves an orphan.
REDIALER = WorkerIdentity(SENDS_AGAIN, SENDS_AGAIN)
#: Each time it is asked about first; after so many questions it is left to an operator.
MOST_LOOKS = 12
#: A key that is about to run out is not leaned on.
KEY_MARGIN = timedelta(seconds=60)


def may_redial(desk: Switchboard, attempt: OpenAttempt) -> bool:
    provider = desk.providers.get(attempt.account)
    lasting = provider.capabilities.idempotency if provider else None
    wanted = attempt.terms.on_unknown == "redial"
    if not wanted or lasting is None or attempt.looks > MOST_LOOKS:
        return False
    return attempt.now + KEY_MARGIN < attempt.claimed_at + lasting


def redial(desk: Switchboard, attempt: OpenAttempt) -> str:
    """`redialed`, or why not; then it is as unknown as before."""
    account, window = desk.accounts[attempt.account], desk.rules.start_window
    asked_at = desk.clock.boottime()
    entry = desk.admission.permit(account, attempt.terms.lane, attempt.reference)
    if not isinstance(entry, Grant):
        return entry.why
    if (askew := skew(desk, entry, asked_at)) is not None:
        return askew
    desk.clock.sleep(entry.start_in)
    since = desk.clock.boottime()
    start, deadline = window.start_seconds, window.row_deadline(account.deadline_seconds)
    taken = desk.ledger.redials.retake(
        attempt, REDIALER.worker, REDIALER.boot_id, timedelta(seconds=start), timedelta(seconds=deadline), entry.epoch
    )
    if isinstance(taken, NotClaimed):
        return taken.why
    reached("redial.retaken")
    try:
        answer = _send(desk, taken, since)
    except OUTAGES:
        raise
    except Exception as error:
        desk.ledger.redials.put_back(taken.claim, unforeseen(error, "before the second request").why)
        raise
    if answer.kind is AnswerKind.WITHHELD:
        desk.ledger.redials.put_back(taken.claim, answer.detail)
        return answer.detail
    record(desk, taken.claim, answer, placement_of(taken.claim, account))
    return "redialed" if answer.kind is AnswerKind.ACCEPTED else answer.detail


def _send(desk: Switchboard, taken: Retaken, since: float) -> Answer:
    """ACCEPTED, WITHHELD where nothing was sent, else UNKNOWN: a second request that was refused or never left says
    nothing about the first."""
    claim, account = taken.claim, desk.accounts[taken.claim.terms.account]
    provider, placement = desk.providers[account.name], placement_of(claim, account)
    if request_print(placement) not in (taken.gates or ""):
        return Answer(AnswerKind.WITHHELD, "its batch or account was changed since: it would not be the same request")
    lasting = provider.capabilities.idempotency or timedelta(0)
    ends = min(taken.closes_at, placement.exp, claim.claimed_at + lasting - KEY_MARGIN)
    open_seconds = (ends - taken.now).total_seconds()
    verdict = judge(applicant_of(desk, claim), taken.now)
    if not isinstance(verdict, Dial) or open_seconds <= 0:
        why = "its key or its window is over" if isinstance(verdict, Dial) else verdict.why
        return Answer(AnswerKind.WITHHELD, f"not sent again: {why}")
    start_by = since + min(desk.rules.start_window.start_seconds, open_seconds)
    held: list[str] = []

    def last_look() -> bool:
        held.append(arm(desk, claim, start_by))
        return held[-1] == Armed.GO

    try:
        answer = provider.place(placement, last_look)
    except Exception as error:  # noqa: BLE001 - an adapter must not raise; what it sent cannot be known
        answer = broken(error)
    if answer.kind is AnswerKind.WITHHELD:
        return replace(answer, detail=held[-1] if held else answer.detail)
    return answer if answer.kind is AnswerKind.ACCEPTED else replace(answer, kind=AnswerKind.UNKNOWN)
