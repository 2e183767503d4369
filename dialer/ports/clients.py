"""The ledger's rooms for those who talk to the dialer from outside: keys, agents, contacts, webhooks both ways.

As in `dialer.ports.ledger`: each method one short transaction, LedgerUnreachable when the database does not answer.
Whatever belongs to a workspace is asked for with it: another workspace's things are not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from dialer.domain.client import Agent, ApiKey, Contact, ContactList, Scope
from dialer.domain.notice import Hint, Notice
from dialer.domain.view import BatchQuery, BatchView, CallQuery, CallView


class Keys(Protocol):
    """API keys, kept as digests."""

    def create(self, workspace_id: str, scopes: Sequence[Scope], key_digest: str, secret_digest: str) -> ApiKey: ...

    def find(self, key_digest: str) -> tuple[ApiKey, str] | None:
        """The key, revoked ones too, and the digest of its secret."""
        ...

    def entries(self, workspace_id: str | None = None) -> list[ApiKey]:
        """In the order of their creation."""
        ...

    def revoke(self, key_id: str) -> bool:
        """False when there is no such key, or it was revoked before."""
        ...

    def used(self, key_id: str) -> None:
        """Writes at most once a minute."""
        ...


class Agents(Protocol):
    """The agent registry."""

    def save(self, agent: Agent) -> bool:
        """Register or replace; True when it was new."""
        ...

    def find(self, workspace_id: str, agent_id: str) -> Agent | None: ...

    def entries(self, workspace_id: str, after: str | None = None, limit: int = 200) -> list[Agent]:
        """By agent id; `after` = the last one seen."""
        ...

    def remove(self, workspace_id: str, agent_id: str) -> bool: ...


class Contacts(Protocol):
    """Contact lists and their contacts."""

    def create_list(self, workspace_id: str, name: str) -> tuple[ContactList, bool]:
        """The list of that name, and whether it is new."""
        ...

    def find_list(self, workspace_id: str, name_or_id: str) -> ContactList | None:
        """Its contacts are not counted. An id comes before a name."""
        ...

    def lists(self, workspace_id: str) -> list[ContactList]:
        """By name, each with the number of its contacts."""
        ...

    def save(self, contacts_given: Sequence[Contact]) -> tuple[int, list[Contact]]:
        """Add to their lists; a number that is there already keeps its id and takes what is given anew.

        Returns how many were new, and all of them as they stand. One commit.
        """
        ...

    def find(self, workspace_id: str, contact_id: str) -> Contact | None: ...

    def page(
        self, workspace_id: str, list_id: str | None = None, after: str | None = None, limit: int = 500
    ) -> list[Contact]:
        """Newest first by keyset; `after` = the last contact id seen."""
        ...

    def in_order(self, list_id: str, after: str | None = None, limit: int = 1000) -> list[Contact]:
        """Of one list, oldest first by keyset: what a batch is loaded from."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A request with an Idempotency-Key. `status` and `body` are there when it was answered before."""

    #: an id for what the request makes, the same for every repeat
    ref: str
    fingerprint: str
    status: int | None = None
    body: str | None = None


class Answers(Protocol):
    """What was answered to requests that carried an Idempotency-Key."""

    def begin(self, workspace_id: str, idempotency_key: str, fingerprint: str, lasting: timedelta) -> Begun:
        """The first within `lasting` makes the entry; others find it, whatever their own fingerprint."""
        ...

    def finish(self, workspace_id: str, idempotency_key: str, ref: str, status: int, body: str) -> None: ...

    def forget(self, lasting: timedelta, limit: int) -> int:
        """Delete up to `limit` entries that are older."""
        ...


class Views(Protocol):
    """A workspace as clients of the HTTP dialects see it; nothing here moves anything.

    Batches are what was loaded as a list and not deleted: test calls and single calls are found as calls only.
    """

    def batch(self, workspace_id: str, batch_id: str) -> BatchView | None: ...

    def batches(self, wanted: BatchQuery) -> list[BatchView]: ...

    def count(self, wanted: BatchQuery) -> int:
        """On all pages."""
        ...

    def call(self, workspace_id: str, call_id: str) -> CallView | None: ...

    def calls(self, wanted: CallQuery) -> list[CallView]: ...


class Inbox(Protocol):
    """Incoming webhooks, raw."""

    def store(self, account: str, event_id: str, body: str) -> bool:
        """False when this event was stored before."""
        ...

    def due(self, limit: int) -> list[Hint]: ...

    def done(self, entry_id: int, detail: str) -> None: ...

    def later(self, entry_id: int, after: timedelta, detail: str) -> None:
        """No attempt is known yet that it speaks of: `tries` plus one."""
        ...

    def forget(self, lasting: timedelta, limit: int) -> int:
        """Delete up to `limit` entries received longer ago."""
        ...

    def speaks_of(
        self, account: str, provider_call_id: str | None, reference: str | None, phone: str | None = None
    ) -> str | None:
        """Find the attempt of this account by the provider's id, else by our reference, and make it due for a question
        at once; "asked", "over" (it has ended), or None when no attempt of that name is known yet: then those to
        `phone` whose answer was lost are due for a question."""
        ...


class Notices(Protocol):
    """Outgoing webhooks. They are written by the move that ends an attempt, in its transaction; where they go is read
    from the agent's registration as it stands."""

    def due(self, limit: int) -> list[str]:
        """Ids of what is to be sent now; each is put off for a minute, so that it is handed out once."""
        ...

    def get(self, notice_id: str) -> Notice | None: ...

    def heard(self, notice_id: str, detail: str) -> None: ...

    def later(self, notice_id: str, after: timedelta | None, detail: str) -> None:
        """`tries` plus one; None = given up."""
        ...

    def entries(
        self, workspace_id: str | None = None, *, dead_only: bool = False, after: str | None = None, limit: int = 200
    ) -> list[Notice]:
        """Newest first by keyset; `after` = the last notice id seen. `workspace_id` None = of all."""
        ...

    def replay(self, workspace_id: str | None = None, notice_id: str | None = None) -> int:
        """This one, or all dead ones, are due again with all their tries; how many. `workspace_id` None = of all."""
        ...

    def forget(self, lasting: timedelta, limit: int) -> int:
        """Delete up to `limit` heard ones that are older."""
        ...
