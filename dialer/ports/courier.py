"""The port to those who want to be told: one signed message, sent once; when it is sent again is the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one message. `detail` never quotes the answer."""

    is_heard: bool
    detail: str
    #: no answer at all came: whoever else waits for the same receiver would wait in vain
    is_silent: bool = False
    #: it would be the same the next time
    is_final: bool = False
    #: from Retry-After, unclamped
    retry_after: timedelta | None = None


class Courier(Protocol):
    """Carries outgoing webhooks. Never raises for what the network or the receiver does."""

    def deliver(self, url: str, secret: str, message_id: str, at: datetime, body: str) -> Delivery:
        """One POST under one total deadline, signed with `secret` by Standard Webhooks as sent at `at`; not repeated,
        redirects not followed. Only to the open internet by https, but for networks that the configuration names."""
        ...
