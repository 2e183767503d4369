"""Pause and terminate passed on to providers that hold calls of their own, repeated until each is heard (safe to
repeat)."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.placement import Answer, AnswerKind
from dialer.engine.recording import doubled
from dialer.engine.unforeseen import broken
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import OutboxEntry

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)
LIMIT = 50


def relay_outbox(desk: Switchboard) -> list[tuple[OutboxEntry, Answer]]:
    """Send what is due; what was not heard stays and falls due again."""
    outbox = desk.ledger.outbox
    # Those before it may have taken their time, and an operator's newer word replaces one that was not said yet.
    return [
        (entry, _relay(desk, entry))
        for entry in outbox.due(LIMIT)
        if entry.account in desk.providers and outbox.stands(entry)
    ]


def _relay(desk: Switchboard, entry: OutboxEntry) -> Answer:
    try:
        answer = desk.providers[entry.account].relay(entry.order)
    except Exception as error:  # noqa: BLE001 - an adapter must not raise; the other words are said all the same
        answer = broken(error)
    reached("outbox.relayed")
    if answer.kind is AnswerKind.ACCEPTED:
        desk.ledger.outbox.done(entry)
    else:
        desk.ledger.outbox.retry(entry, doubled(_FIRST_PAUSE, entry.tries, _LONGEST_PAUSE), answer.detail)
    return answer
