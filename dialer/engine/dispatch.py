"""The moves of a worker: permit, claim, gate, arm, place, record. One call is placed at most once; every way out is
written down.

A message is only a hint that a call may be due. Whatever it says, the ledger decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from dialer.domain.call import Claim, NotClaimed, Ticket
from dialer.domain.gate import Close, Defer, verdict
from dialer.domain.placement import Account, Answer, AnswerKind, Placement
from dialer.domain.states import CallState, Lane
from dialer.engine.guards import heed, set_aside
from dialer.engine.look import Look, placement_of
from dialer.engine.recording import recording_of
from dialer.engine.settle import release_channel
from dialer.engine.unforeseen import BACKOFF, MOST_FAILURES, OUTAGES, broken, unforeseen
from dialer.errors import LedgerUnreachable, RedisUnreachable
from dialer.failpoints import reached
from dialer.ports import Armed, Bunched, Grant, Refusal, Switchboard, VoiceProvider
from dialer.ports.coordination import PACE
from dialer.ports.ledger import Recording

T = TypeVar("T")

#: How long an answer is held in memory while the ledger is away, before its attempt is left to rescue.
RECORD_PATIENCE_SECONDS = 60.0
#: Further apart, and this machine's clock decides no window.
MOST_SKEW_SECONDS = 2.0
_SKEW_BACKOFF = timedelta(seconds=10)
_PREPARE_BACKOFF = timedelta(seconds=30)
_UNCONFIGURED_BACKOFF = timedelta(minutes=1)
_TOO_LATE = "too late: the window closed, or this worker was frozen"
#: So long a call keeps its slot while its account's next second is full. Handed back it would go round by the
#: scheduler, and its account lose starts meanwhile.
PACE_PATIENCE_SECONDS = 2.0
#: Between two questions, so that those who wait don't all ask for each start: grants reach further ahead than this.
PACE_LOOK_SECONDS = 0.3
#: On record of a claim that no Redis permitted, and so none arms: should its window have opened again meanwhile.
NO_EPOCH = "none"


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Which process claims: its name, and the id of this very start of it."""

    worker: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What came of one message, for the log. `event` is one of
    ignored | refused | not_claimed | deferred | failed | closed | placed | late; `facts` hold no number and no name."""

    event: str
    why: str = ""
    batch_id: str | None = None
    number: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def dispatch(call_id: str, push_seq: int, desk: Switchboard, me: WorkerIdentity) -> Dispatched:
    """Place one call at most once; RedisUnreachable or LedgerUnreachable: nobody was dialed, rescue finds the row.

    Whatever else goes wrong before a request is counted against the call, which is set aside when it keeps happening.
    """
    try:
        return _dispatch(call_id, push_seq, desk, me)
    except OUTAGES:
        raise
    except Exception as error:
        failed = _failed(desk, call_id, push_seq, None, error)
        if failed is None:
            raise  # it was claimed: what was sent cannot be known here, and rescue makes it unknown
        return failed


def _failed(desk: Switchboard, call_id: str, push_seq: int, claim: Claim | None, error: Exception) -> Dispatched | None:
    """No request was sent. None where the call is somebody else's by now."""
    told = unforeseen(error, "before the request")
    failed = desk.ledger.failures.undialed(call_id, push_seq, claim, told.why, BACKOFF, MOST_FAILURES)
    if claim is not None:
        release_channel(desk, claim.terms.account, claim.reference)
    if failed is None:
        return None
    guard = set_aside(desk, failed.batch_id, told.why) if failed.is_set_aside else None
    facts = {"fingerprint": told.fingerprint, "failures": failed.count, "guard": guard}
    return Dispatched("failed", told.why, failed.batch_id, claim.number if claim else None, facts)


def _dispatch(call_id: str, push_seq: int, desk: Switchboard, me: WorkerIdentity) -> Dispatched:
    ticket = desk.ledger.claims.ticket(call_id, push_seq)
    if ticket is None:
        return Dispatched("ignored", "stale message")
    reached("dispatch.ticket")
    account, provider = desk.accounts.get(ticket.account), desk.providers.get(ticket.account)
    if account is None or provider is None:
        return _hand_back(desk, ticket, _UNCONFIGURED_BACKOFF, f"account {ticket.account!r} is not configured here")
    entry, asked_at = _entry(desk, ticket, account)
    if entry is None:
        return _claim(desk, replace(ticket, epoch=NO_EPOCH), account, provider, me)  # which says that it is over
    if isinstance(entry, Refusal):
        return _hand_back(desk, ticket, _later(entry), entry.why)
    reached("dispatch.permitted")
    if (askew := skew(desk, entry, asked_at)) is not None:
        release_channel(desk, ticket.account, ticket.reference)
        return _hand_back(desk, ticket, _SKEW_BACKOFF, askew)
    desk.clock.sleep(entry.start_in)
    reached("dispatch.slept")
    permitted = replace(ticket, epoch=entry.epoch, is_witnessed=entry.is_witnessed)
    return _claim(desk, permitted, account, provider, me)


def _entry(desk: Switchboard, ticket: Ticket, account: Account) -> tuple[Grant | Refusal | None, float]:
    """And when it was asked for. None = its window is over: it must not take a start from those whose window opens."""
    since = desk.clock.boottime()
    give_up_at, closes_at = since + PACE_PATIENCE_SECONDS, since + ticket.open_seconds
    while True:
        asked_at = desk.clock.boottime()
        if asked_at >= closes_at:
            return None, asked_at
        entry = _permit(desk, ticket, account)
        if isinstance(entry, Grant) or entry.why != PACE:
            return entry, asked_at
        wait = max(entry.retry_in, PACE_LOOK_SECONDS)
        if asked_at + wait > give_up_at:
            return entry, asked_at
        desk.clock.sleep(wait)


def _permit(desk: Switchboard, ticket: Ticket, account: Account) -> Grant | Refusal:
    try:
        return desk.admission.permit(account, ticket.lane, ticket.reference, ticket.call_id, ticket.next_number)
    except RedisUnreachable as error:
        return Refusal(str(error), 1.0)


def skew(desk: Switchboard, grant: Grant, asked_at: float) -> str | None:
    """A ledger that has no clock but this machine's is only trusted while Redis' agrees with it."""
    if grant.at is None or not desk.ledger.keeps_host_time:
        return None
    apart = abs((desk.ledger.now() - grant.at).total_seconds()) - (desk.clock.boottime() - asked_at)
    if apart <= MOST_SKEW_SECONDS:
        return None
    return f"this machine's clock is {apart:.0f} s from Redis': nobody is dialed by it"


def _later(refusal: Refusal) -> timedelta | None:
    # Below a second it goes straight back to ready: the next tick is no earlier anyway.
    return timedelta(seconds=refusal.retry_in) if refusal.retry_in > 1.0 else None


def _hand_back(desk: Switchboard, ticket: Ticket, after: timedelta | None, why: str) -> Dispatched:
    desk.ledger.claims.hand_back(ticket, after, why)
    return Dispatched("refused", why, ticket.batch_id)


def _claim(
    desk: Switchboard, ticket: Ticket, account: Account, provider: VoiceProvider, me: WorkerIdentity
) -> Dispatched:
    window = desk.rules.start_window
    claiming_since = desk.clock.boottime()
    claim_id = str(uuid.uuid4())
    look = Look(desk, account)
    try:
        claim = desk.ledger.claims.take(
            ticket,
            me.worker,
            me.boot_id,
            claim_id,
            start=timedelta(seconds=window.start_seconds),
            deadline=timedelta(seconds=window.row_deadline(account.deadline_seconds)),
            account_of=look.text,
        )
    except LedgerUnreachable:
        # Its commit may have gone through all the same. Nothing was sent, so it need not become unknown.
        why = "the ledger was lost while it was claimed"
        if not ticket.is_witnessed:
            patiently(desk, lambda: desk.ledger.claims.withdraw(ticket.call_id, claim_id, why))
        raise
    if isinstance(claim, NotClaimed):
        reached("dispatch.not_claimed")
        if not claim.is_duplicate:
            release_channel(desk, ticket.account, ticket.reference)
        return Dispatched("not_claimed", claim.why, ticket.batch_id)
    reached("dispatch.claimed")
    if ticket.is_witnessed:
        # Not left to the last look: a claim that ends before it uses its number up, and the next would meet no witness.
        return _withheld(desk, claim, look.placement(claim), Armed.WITNESSED)
    # Measured from before the claim, so that the window can only seem shorter than it is.
    open_seconds = (claim.closes_at - claim.claimed_at).total_seconds()
    start_by = claiming_since + min(window.start_seconds, open_seconds)
    try:
        ready = _gate(desk, claim, look) or _prepare(desk, claim, account, provider, look)
    except OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001 - nothing was sent yet: whatever it is, the row must not stay claimed
        failed = _failed(desk, claim.call_id, ticket.push_seq, claim, error)
        ready = failed or Dispatched("ignored", "moved by somebody else", claim.batch_id, claim.number)
    if isinstance(ready, Dispatched):
        return ready
    return _place(desk, claim, ready, provider, start_by)


def _gate(desk: Switchboard, claim: Claim, look: Look) -> Dispatched | None:
    """None = every gate is open."""
    match verdict(look.readings(claim)):
        case Close(reason, why):
            desk.ledger.claims.close(claim, reason, why)
            reached("dispatch.closed")
            release_channel(desk, claim.terms.account, claim.reference)
            return Dispatched("closed", why, claim.batch_id, claim.number)
        case Defer(until, why):
            return _defer(desk, claim, until - claim.claimed_at if until else None, why)
        case _:
            return None


def _prepare(
    desk: Switchboard, claim: Claim, account: Account, provider: VoiceProvider, look: Look
) -> Dispatched | Placement:
    """What must precede the request. Should it take long, the last look finds the window over, and the next try is
    quick."""
    reached("dispatch.gated")
    placement = look.placement(claim)
    if not provider.capabilities.prepares:
        return placement
    prepared = provider.prepare(placement)
    if isinstance(prepared, Answer):
        return _unprepared(desk, claim, prepared)
    reached("dispatch.prepared")
    desk.ledger.claims.keep(claim.call_id, prepared.kept)
    reached("dispatch.kept")
    return placement_of(claim, account, prepared.kept)


def _unprepared(desk: Switchboard, claim: Claim, answer: Answer) -> Dispatched:
    """No placement was sent. Only a refusal of the number itself, or of the account, says more than `later`."""
    if answer.kind in (AnswerKind.NOT_SENT, AnswerKind.UNKNOWN, AnswerKind.WITHHELD):
        return _defer(desk, claim, _PREPARE_BACKOFF, f"could not be prepared at the provider: {answer.detail}")
    if answer.kind is AnswerKind.REJECTED:
        return record(desk, claim, answer, placement_of(claim, desk.accounts[claim.terms.account]))
    closed = heed(desk, claim, answer)
    return _defer(desk, claim, None, closed or answer.detail)


def _place(
    desk: Switchboard, claim: Claim, placement: Placement, provider: VoiceProvider, start_by: float
) -> Dispatched:
    held: list[str] = []

    def last_look() -> bool:
        verdict = arm(desk, claim, start_by)
        held.append(verdict)
        return verdict == Armed.GO

    try:
        answer = provider.place(placement, last_look)
    except Exception as error:  # noqa: BLE001 - an adapter must not raise; if it does, what it sent cannot be known
        if Armed.GO not in held:
            failed = _failed(desk, claim.call_id, 0, claim, error)
            return failed or Dispatched("ignored", "moved by somebody else", claim.batch_id, claim.number)
        answer = broken(error)
    if answer.kind is AnswerKind.WITHHELD:
        return _withheld(desk, claim, placement, held[-1] if held else answer.detail)
    return record(desk, claim, answer, placement)


def arm(desk: Switchboard, claim: Claim, start_by: float) -> str:
    """GO, or why not. The clock counts suspend, and is read last: a thawed worker must not send."""
    reached("dispatch.connected")
    # A test call is counted and never held up: it took the start of another.
    most = 0 if claim.lane is Lane.TEST else desk.accounts[claim.terms.account].most_in_a_second
    try:
        while isinstance(verdict := desk.admission.arm(claim, most), Bunched):
            if desk.clock.boottime() >= start_by:
                return _TOO_LATE
            desk.clock.sleep(verdict.retry_in)
    except RedisUnreachable as error:
        return str(error)
    reached("dispatch.armed")
    if verdict is Armed.GO and desk.clock.boottime() >= start_by:
        return _TOO_LATE
    return verdict.value


def _withheld(desk: Switchboard, claim: Claim, placement: Placement, why: str) -> Dispatched:
    if why == Armed.WITNESSED:
        # WITHHELD, for this is no answer of the provider's: it counts toward no guard.
        detail = "armed before by another claim: the ledger has forgotten an attempt, the provider must be asked"
        return record(desk, claim, Answer(AnswerKind.WITHHELD, detail), placement)
    return _defer(desk, claim, None, why)


def _defer(desk: Switchboard, claim: Claim, after: timedelta | None, why: str) -> Dispatched:
    patiently(desk, lambda: desk.ledger.claims.defer(claim, after, why))
    reached("dispatch.deferred")
    release_channel(desk, claim.terms.account, claim.reference)
    return Dispatched("deferred", why, claim.batch_id, claim.number)


def patiently(desk: Switchboard, write: Callable[[], T]) -> T:
    """Write once the ledger is back, within the time an answer is held for; after that the row is rescue's."""
    give_up_at = desk.clock.boottime() + RECORD_PATIENCE_SECONDS
    while True:
        try:
            return write()
        except LedgerUnreachable:
            if desk.clock.boottime() >= give_up_at:
                raise
            desk.clock.sleep(0.5)


def record(desk: Switchboard, claim: Claim, answer: Answer, placement: Placement) -> Dispatched:
    reached("dispatch.answered")
    able = desk.providers[claim.terms.account].capabilities
    recording = recording_of(answer, claim, placement, able)
    is_recorded = _persist(desk, claim, answer, recording)
    reached("dispatch.recorded")
    closed = _heeded(desk, claim, answer)
    reached("dispatch.heeded")
    if recording.call_state is not CallState.UNKNOWN and not (
        answer.kind is AnswerKind.ACCEPTED and able.reports_outcomes
    ):
        release_channel(desk, claim.terms.account, claim.reference)
    facts = {
        "answer": answer.kind.value,
        "http_status": answer.http_status,
        "guard": closed,
        "reference": claim.reference,
    }
    return Dispatched("placed" if is_recorded else "late", answer.detail, claim.batch_id, claim.number, facts)


def _heeded(desk: Switchboard, claim: Claim, answer: Answer) -> str | None:
    """The answer is written down: whatever a guard trips over must not undo that."""
    try:
        return heed(desk, claim, answer)
    except OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001
        return unforeseen(error, "in a guard").why


def _persist(desk: Switchboard, claim: Claim, answer: Answer, recording: Recording) -> bool:
    """Write the answer down, whatever it takes: it is held while the ledger is away."""
    try:
        return patiently(desk, lambda: desk.ledger.claims.record(claim, answer, recording))
    except LedgerUnreachable:
        raise
    except Exception as error:  # noqa: BLE001 - words that the ledger does not take must not cost the answer itself
        plain = replace(answer, raw=None, detail=unforeseen(error, "in its answer").why)
        return patiently(desk, lambda: desk.ledger.claims.record(claim, plain, recording))
