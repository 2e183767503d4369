"""Providers' webhooks: stored before anything is made of them, taken for hints; what happened the provider is asked.

The path's secret says who may knock. Nothing in a body is believed: a forged one costs a question and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from dialer.domain.notice import Heard, Hint
from dialer.engine.recording import doubled
from dialer.engine.unforeseen import OUTAGES, unforeseen
from dialer.errors import InvalidInput, WebhookUnknown
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.voice import ReadsWebhooks

BODY_LIMIT = 1024 * 1024
#: One that speaks of no attempt we know is matched again for so long: it may have come before the answer to its call.
MATCHED = timedelta(hours=24)
#: A doubled one is known for so long.
REMEMBERED = timedelta(days=7)
LIMIT = 100
_EVENT_CHARS = 255
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Heeded:
    """What came of one webhook. `event`: asked | over | later | unmatched | failed."""

    event: str
    account: str
    entry_id: int
    detail: str = ""
    fingerprint: str | None = None


def receive(desk: Switchboard, account: str, secret: str, body: bytes, event_id: str | None = None) -> bool:
    """Store a webhook; False when this event was stored before. `event_id`: the provider's own, where a header has it.

    WebhookUnknown for a wrong secret and an unknown account alike; InvalidInput for a body that cannot speak of a call.
    Either way nothing is written.
    """
    if not _is_secret(desk, account, secret):
        raise WebhookUnknown
    text = _text(body)
    heard = _heard(desk, account, _object(text))
    stored = desk.ledger.inbox.store(account, _event_id(event_id, heard, body), text)
    reached("inbox.stored")
    return stored


def settle_inbox(desk: Switchboard) -> list[Heeded]:
    """What is due of the inbox: the attempts spoken of become due for a question, the rest is matched again later."""
    return [_heed(desk, hint) for hint in desk.ledger.inbox.due(LIMIT)]


def _heed(desk: Switchboard, hint: Hint) -> Heeded:
    try:
        event, detail = _matched(desk, hint)
    except OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001 - one that cannot be read must not hold up the others
        told = unforeseen(error, "in a webhook")
        desk.ledger.inbox.done(hint.entry_id, told.why)
        return Heeded("failed", hint.account, hint.entry_id, told.why, told.fingerprint)
    return Heeded(event, hint.account, hint.entry_id, detail)


def _matched(desk: Switchboard, hint: Hint) -> tuple[str, str]:
    inbox, heard = desk.ledger.inbox, _heard(desk, hint.account, _object(hint.body))
    names = heard.provider_call_id, heard.reference, heard.phone
    if not any(names):
        detail = "it names no call that we could ask about"
        inbox.done(hint.entry_id, detail)
        return "unmatched", detail
    found = inbox.speaks_of(hint.account, *names)
    reached("inbox.heeded")
    if found is not None:
        inbox.done(hint.entry_id, found)
        return found, heard.provider_call_id or ""
    pause = doubled(_FIRST_PAUSE, hint.tries, _LONGEST_PAUSE)
    if desk.ledger.now() + pause > hint.received_at + MATCHED:
        detail = f"no attempt that it could speak of came within {MATCHED}"
        inbox.done(hint.entry_id, detail)
        return "unmatched", detail
    inbox.later(hint.entry_id, pause, "no attempt of that name is known yet")
    return "later", heard.provider_call_id or ""


def _is_secret(desk: Switchboard, account: str, given: str) -> bool:
    """Takes as long for an unknown account, or one without a secret, as for a wrong secret."""
    known = desk.accounts.get(account)
    secret = str(known.options.get("webhook_secret") or "") if known else ""
    is_same = hmac.compare_digest(_digest(secret.encode()), _digest(given.encode("utf-8", "surrogatepass")))
    return is_same and bool(secret)


def _text(body: bytes) -> str:
    if len(body) > BODY_LIMIT:
        raise InvalidInput(f"the body is longer than {BODY_LIMIT} bytes", code="BODY_TOO_LARGE")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("the body is not UTF-8", code="BODY_INVALID") from None


def _object(text: str) -> Mapping[str, Any]:
    try:
        told = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise InvalidInput("the body is not a JSON object", code="BODY_INVALID")
    return told


def _heard(desk: Switchboard, account: str, told: Mapping[str, Any]) -> Heard:
    provider: object = desk.providers.get(account)
    return provider.heard(told) if isinstance(provider, ReadsWebhooks) else Heard()


def _event_id(header: str | None, heard: Heard, body: bytes) -> str:
    """The provider's own name for the event, else a digest: a body that comes again is the same event."""
    own = header or heard.event_id or ""
    return own if 0 < len(own) <= _EVENT_CHARS and own.isprintable() else f"sha256:{_digest(body)}"


def _digest(given: bytes) -> str:
    return hashlib.sha256(given).hexdigest()


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(word)
