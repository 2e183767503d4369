"""What goes to a provider and what comes back, as plain values: the engine reads them, the adapters make them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dialer.domain.states import Outcome


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account of the configuration: its limits and its keys. Secrets stay out of its repr."""

    name: str
    kind: str
    base_url: str
    calls_per_second: float = 5.0
    channels: int = 50
    #: one whole request, first byte out to last byte in
    deadline_seconds: float = 30.0
    caller_id: str = ""
    #: who may use it; empty = everyone
    workspaces: tuple[str, ...] = ()
    #: credits below which nothing is placed; None where the provider has no balance
    minimum_balance: float | None = None
    #: what only its own adapter reads: token, api_key, phone_numbers, send_block_rules, …
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def test_headroom(self) -> int:
        """Channels kept free for test calls: one, where there are two or more."""
        return 1 if self.channels >= 2 else 0

    @property
    def most_in_a_second(self) -> int:
        """Requests that may leave within one: a provider is promised 1.05 C + 2 arrivals, and some travel longer."""
        return math.floor(1.04 * self.calls_per_second) + 1


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter's API can do; the engine never asks for more."""

    #: outcomes can be polled; otherwise an accepted call closes `handed_off`
    reports_outcomes: bool
    #: `find` can look for an attempt whose answer was lost
    can_find: bool
    #: `balance` answers
    has_balance: bool = False
    #: pause and terminate are passed on to the provider (`relay`)
    relays_control: bool = False
    #: how long the provider honours an Idempotency-Key; None = it documents none, so nothing is ever redialed
    idempotency: timedelta | None = None
    #: variables reach the provider
    carries_variables: bool = True
    #: `prepare` does something before the placement request
    prepares: bool = False
    #: a caller ID must come from the batch or the account; False where the account brings a number of its own
    needs_cli: bool = True
    #: the only caller IDs a batch may name; None = any
    cli_choices: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """One call to be placed, all that any dialect needs. Instants are aware, UTC."""

    reference: str
    call_id: str
    workspace_id: str
    agent_id: str
    batch_ref: str
    #: the batchRef on the wire: the batch's own for its first cohort, `REF~2`, `REF~3`… for further ones
    wire_ref: str
    #: E.164, or None where the account brings its own number
    cli: str | None
    phone: str
    variables: Mapping[str, Any]
    #: now, by the ledger's clock
    nbf: datetime
    #: the earlier of the batch's exp and the moment our own window closes
    exp: datetime
    block_rules: tuple[str, ...]
    #: the one zone that its hours count in: the call's, the batch's, or the number's; None where it may lie in several
    timezone: str | None
    is_test: bool
    #: what an earlier `prepare` of this call left to keep, e.g. {"contact_id": "…"}
    kept: Mapping[str, str] = field(default_factory=dict)


class AnswerKind(StrEnum):
    """The classes of contract section 6, by what came back."""

    ACCEPTED = "accepted"
    #: 400, 422
    REJECTED = "rejected"
    #: 401, 403
    AUTH = "auth"
    #: 402
    CREDIT = "credit"
    #: 404
    CONFIGURATION = "configuration"
    #: 429
    THROTTLED = "throttled"
    #: DNS, connect, TLS, no pool slot: the request never left
    NOT_SENT = "not_sent"
    #: the last look said no: the request never left, and not by the provider's fault
    WITHHELD = "withheld"
    #: it left, and what it did cannot be known
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request. `raw` is the provider's own text, cut to 64 KiB."""

    kind: AnswerKind
    detail: str = ""
    http_status: int | None = None
    provider_call_id: str | None = None
    #: from Retry-After, unclamped; None when absent or unreadable
    retry_after: timedelta | None = None
    raw: str | None = None
    #: counts toward the breaker: not sent, 5xx, 408, timeouts
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` left to keep for this call and its retries."""

    kept: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a provider says of one call. `ended` with an outcome closes the attempt; anything else is under way."""

    ended: bool
    outcome: Outcome | None = None
    provider_call_id: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: float | None = None
    credits_charged: float | None = None
    recording_url: str | None = None
    summary: str | None = None
    transcript: str | None = None
    detail: str = ""
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """An attempt whose call is looked for at the provider."""

    reference: str
    phone: str
    agent_id: str
    #: when its claim was committed, ledger clock: the request cannot be older
    claimed_at: datetime
    #: when it is too late for the request to have left (claim + start limit), ledger clock
    left_by: datetime
    provider_call_id: str | None = None
    #: references that it may have gone under instead
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The provider shows the call."""

    provider_call_id: str
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A complete, reachable list does not show the call."""


@dataclass(frozen=True, slots=True)
class NotTold:
    """The question got no usable answer: unreachable, unreadable, or a list that may be cut off."""

    detail: str
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class ControlOrder:
    """Pause, terminate or resume of one wire batch, passed on to a provider that holds calls of its own."""

    action: str  #: pause | terminate | resume
    workspace_id: str
    agent_id: str
    wire_ref: str
    cli: str | None = None
    nbf: datetime | None = None
    exp: datetime | None = None
    block_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of an account; None = the provider names none (unmetered)."""

    credits: float | None
