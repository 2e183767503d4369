"""What is told from outside, an incoming webhook, and what is told to the outside, an outgoing one. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dialer.domain.states import AttemptState


@dataclass(frozen=True, slots=True)
class Hint:
    """An incoming webhook as it was stored: a hint that something happened, believed of nobody."""

    entry_id: int
    account: str
    #: the provider's own, else a digest of the body: a doubled one is stored once
    event_id: str
    body: str
    received_at: datetime
    #: how often no attempt was found that it speaks of
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """Whom a webhook says it speaks of, as far as its adapter could read it. Names only: what it says happened is not
    believed."""

    provider_call_id: str | None = None
    #: ours, where the provider repeats it
    reference: str | None = None
    #: E.164
    phone: str | None = None
    #: the provider's own name for the event
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """An outgoing webhook: this attempt is over. It is sent until it was heard, or for hours."""

    notice_id: str
    workspace_id: str
    agent_id: str
    call_id: str
    #: of the attempt
    number: int
    #: how the attempt ended
    state: AttemptState
    created_at: datetime
    #: where its agent wants to be told, as registered now; None = nowhere any more
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    #: of this notice since it was written, or last replayed
    tries: int = 0
    due_at: datetime | None = None
    heard_at: datetime | None = None
    #: given up
    dead_at: datetime | None = None
    #: what came of the last try
    detail: str | None = None
