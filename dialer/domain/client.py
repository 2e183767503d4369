"""Who talks to the dialer from outside, and what they keep here: keys, agents, contact lists, contacts. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """What a key may do."""

    ENQUEUE = "enqueue"
    CONTROL = "control"
    READ = "read"
    ADMIN = "admin"


#: A repeated Idempotency-Key gets the answer of the first for so long.
ANSWERS_KEPT = timedelta(days=1)
DEFAULT_SCOPES = (Scope.ENQUEUE, Scope.CONTROL, Scope.READ)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of one workspace as it is kept: what was shown at its creation is not."""

    key_id: str
    workspace_id: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    #: to the minute
    last_used_at: datetime | None = None

    def may(self, scope: Scope) -> bool:
        """`admin` may do everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at its creation, the only moment at which anybody sees it."""

    key_id: str
    workspace_id: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Agent:
    """A workspace's own name for a voice agent, and where it lives. Its defaults count for what is loaded after."""

    workspace_id: str
    agent_id: str
    #: the provider account that dials for it
    account: str
    #: the agent's id at that provider
    provider_agent_id: str
    name: str = ""
    #: E.164; None = its account's
    caller_id: str | None = None
    #: told of every call that has ended; None = nobody is
    webhook_url: str | None = None
    #: `whsec_…`, with which that is signed
    webhook_secret: str | None = field(default=None, repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactList:
    """A list of contacts that a batch can be loaded from; its name is unique in its workspace."""

    list_id: str
    workspace_id: str
    name: str
    created_at: datetime | None = None
    #: how many it has; None where they were not counted
    contacts: int | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """One number of a contact list, unique there, with what is known of whose it is."""

    contact_id: str
    workspace_id: str
    list_id: str
    phone: str
    name: str | None = None
    email: str | None = None
    company: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
