"""`dialer.webhooks`: those that providers send, and those that agents' owners are sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from dialer.domain.notice import Notice
from dialer.engine import inbox
from dialer.engine.telling import message
from dialer.errors import NoticeUnknown
from dialer.ports import Switchboard


class Webhooks:
    """A notice is one outgoing webhook: an attempt of a call has ended, and its agent's owner is to be told."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk

    def receive(self, account: str, secret: str, body: bytes, event_id: str | None = None) -> bool:
        """Store a provider's webhook, for the scheduler to follow up; False when this event was stored before.

        WebhookUnknown for a wrong secret and an unknown account alike, InvalidInput for a body that is no JSON object;
        nothing is written then.
        """
        return inbox.receive(self._desk, account, secret, body, event_id)

    def addresses(self) -> dict[str, str | None]:
        """Account -> the address to tell its provider, the secret in it; None without `public_url` or its secret."""
        return {name: account.options.get("webhook_url") for name, account in self._desk.accounts.items()}

    def entries(self, workspace_id: str | None = None, *, dead_only: bool = False) -> Iterator[Notice]:
        """Newest first, streamed; of one workspace, or of all."""
        after: str | None = None
        while page := self._desk.ledger.notices.entries(workspace_id, dead_only=dead_only, after=after):
            yield from page
            after = page[-1].notice_id

    def get(self, notice_id: str, workspace_id: str | None = None) -> Notice:
        """NoticeUnknown, also for another workspace's."""
        found = self._desk.ledger.notices.get(_id_of(notice_id))
        if found is None or workspace_id not in (None, found.workspace_id):
            raise NoticeUnknown(f"no notice {notice_id!r:.100}")
        return found

    def message(self, notice: Notice) -> dict[str, Any] | None:
        """What it says, as it would be sent now; None when its call is not in the ledger any more."""
        found = self._desk.ledger.reading.call(notice.call_id)
        return message(notice, found[0], found[2]) if found else None

    def replay(self, notice_id: str, workspace_id: str | None = None) -> Notice:
        """Send it again, heard or not, under the same id and with all its tries. NoticeUnknown."""
        self._desk.ledger.notices.replay(workspace_id, self.get(notice_id, workspace_id).notice_id)
        return self.get(notice_id, workspace_id)

    def replay_dead(self, workspace_id: str | None = None) -> int:
        """Send all that were given up again, of one workspace or of all; how many."""
        return self._desk.ledger.notices.replay(workspace_id)


def _id_of(text: str) -> str:
    """In the one spelling that the ledger keeps."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise NoticeUnknown(f"no notice {text!r:.100}: expected a notice id") from None
