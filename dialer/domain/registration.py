"""What a workspace hands in to be kept for later: an agent, a contact; every mistake in one is found at once and named.

Whether an account may be used, and whether a number can be dialed, needs more than these: `engine` decides it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from dialer.domain import fields
from dialer.domain.spec import Cli, Name, Spec
from dialer.errors import shown

URL_LIMIT: Final = 2000
MOST_TAGS: Final = 50
#: Standard Webhooks: a secret is this, and base64 of 24 to 64 bytes.
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 what one begins with is none
_SECRET_BYTES: Final = range(24, 65)


def read_webhook_url(value: object) -> str:
    """http://… or https://… with a host and no login in it; where it leads is looked at when something is sent."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise fields.wrong("FIELD_TYPE", f"expected a URL such as https://example.com/calls, got {shown(value)}")
    if len(value) > URL_LIMIT:
        raise fields.wrong("FIELD_TOO_LONG", f"expected at most {URL_LIMIT} characters, got {len(value)}")
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise fields.wrong("FIELD_TYPE", f"expected http://… or https://… with a host, got {shown(value, 200)}")
    if parts.username is not None or parts.password is not None:
        raise fields.wrong("FIELD_TYPE", "expected a URL without a login: what is sent is signed")
    return value


def read_webhook_secret(value: object) -> str:
    """As Standard Webhooks writes it. The message does not repeat it."""
    try:
        key = base64.b64decode(str(value).removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not str(value).startswith(SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise fields.wrong("FIELD_TYPE", f"expected {SECRET_PREFIX} and base64 of 24 to 64 bytes")
    return str(value)


def new_webhook_secret(key: bytes) -> str:
    """The written form of a key of 24 to 64 random bytes."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def read_tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise fields.wrong("FIELD_TYPE", f"expected a list of texts, got {shown(value)}")
    if len(value) > MOST_TAGS:
        raise fields.wrong("FIELD_TOO_LONG", f"expected at most {MOST_TAGS} tags, got {len(value)}")
    return tuple(dict.fromkeys(_tags(value)))


def _tags(value: Iterable[object]) -> Iterable[str]:
    return (fields.read_name(tag) for tag in value)


class AgentSpec(Spec):
    """An agent as a workspace registers it: its own name for a voice agent, and where that lives."""

    workspace_id: Name
    agent_id: Name
    #: provider account; absent = the configuration's default_provider
    provider: Name | None = None
    #: the agent's id at that provider; absent = agent_id
    provider_agent_id: Name | None = None
    #: a title for people
    name: Name | None = None
    #: E.164; absent = its account's
    caller_id: Cli = None
    #: told of every call that has ended
    webhook_url: Annotated[str, BeforeValidator(read_webhook_url)] | None = None
    #: absent = the one it had, or a new one
    webhook_secret: Annotated[str, BeforeValidator(read_webhook_secret)] | None = None


class ContactSpec(Spec):
    """A contact as a workspace hands it in. The number is not checked here: house rules decide about it."""

    phone: Any = None
    name: Name | None = None
    email: Name | None = None
    company: Name | None = None
    tags: Annotated[tuple[str, ...], BeforeValidator(read_tags)] = ()
    #: any JSON object; travels as the variables of a call
    custom_fields: Any = None
