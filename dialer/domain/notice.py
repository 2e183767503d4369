"""What is told from outside, an incoming webhook, and what is told to the outside, an outgoing one. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


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
class Notice:
    """An outgoing webhook: this attempt is over. It is sent until it was heard, or for hours."""

    notice_id: str
    workspace_id: str
    agent_id: str
    call_id: str
    #: of the attempt
    number: int
    url: str
    secret: str = field(repr=False)
    created_at: datetime = field(kw_only=True)
    tries: int = 0
    due_at: datetime | None = None
    heard_at: datetime | None = None
    #: given up
    dead_at: datetime | None = None
    #: what came of the last try
    detail: str | None = None
