"""The port to a hosted voice-agent API; one adapter file per kind stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from dialer.domain.notice import Heard
from dialer.domain.placement import (
    Absent,
    Answer,
    Balance,
    Capabilities,
    ControlOrder,
    Found,
    NotTold,
    Placement,
    Prepared,
    Progress,
    Sought,
)

#: Asked when the connection stands, right before the first byte of a request that may start a call: False = send none.
LastLook = Callable[[], bool]


@runtime_checkable
class ReadsWebhooks(Protocol):
    """What an adapter has besides, whose provider sends webhooks: a reader of them. An adapter without it is asked as
    often, only not sooner."""

    def heard(self, told: Mapping[str, Any]) -> Heard:
        """Whom this webhook, a JSON object, speaks of. Anybody may have sent it: it must not raise, whatever it is."""
        ...


class VoiceProvider(Protocol):
    """One account of one provider. No method ever raises for what the network or the provider does: it answers a value.

    No placement request is ever repeated by an adapter or by what it is built on.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def prepare(self, placement: Placement) -> Prepared | Answer:
        """Do what must precede the placement (no placement itself); an Answer means it could not be done."""
        ...

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        """Send one placement request, at most once, under one total deadline."""
        ...

    def progress(self, sought: Sought) -> Progress | NotTold:
        """Ask about a call whose provider id is known."""
        ...

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        """Look for a call whose answer was lost."""
        ...

    def relay(self, order: ControlOrder) -> Answer:
        """Pass a pause, terminate or resume on; safe to repeat."""
        ...

    def balance(self) -> Balance | Answer:
        """The account's credits; an Answer tells what went wrong."""
        ...
