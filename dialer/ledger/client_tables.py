"""The tables of those who talk to the dialer from outside: keys, agents, contacts, and webhooks both ways."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from dialer.ledger.columns import Id, Instant
from dialer.ledger.tables import NAME_CHARS, metadata

#: A SHA-256 in hexadecimal.
DIGEST_CHARS = 64

keys = Table(
    "keys",
    metadata,
    Column("key_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    # digests: 256 random bits need no salt and no slow hash
    Column("key_digest", String(DIGEST_CHARS), nullable=False),
    Column("secret_digest", String(DIGEST_CHARS), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    UniqueConstraint("key_digest"),
    Index("ix_keys_workspace_id", "workspace_id"),
)

agents = Table(
    "agents",
    metadata,
    Column("workspace_id", String(NAME_CHARS), primary_key=True),
    Column("agent_id", String(NAME_CHARS), primary_key=True),
    Column("account", String(NAME_CHARS), nullable=False),
    Column("provider_agent_id", String(NAME_CHARS), nullable=False),
    Column("name", String(NAME_CHARS), nullable=False),
    Column("caller_id", String(32)),
    Column("webhook_url", Text),
    Column("webhook_secret", String(NAME_CHARS)),
    Column("created_at", Instant, nullable=False),
)

contact_lists = Table(
    "contact_lists",
    metadata,
    Column("list_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    Column("name", String(NAME_CHARS), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("workspace_id", "name"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    Column("list_id", Id, ForeignKey("contact_lists.list_id"), nullable=False),
    Column("phone", String(32), nullable=False),
    Column("name", String(NAME_CHARS)),
    Column("email", String(NAME_CHARS)),
    Column("company", String(NAME_CHARS)),
    Column("tags", Text, nullable=False),
    Column("custom_fields", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("list_id", "phone"),
    # pages, newest first
    Index("ix_contacts_workspace", "workspace_id", "contact_id"),
    Index("ix_contacts_list", "list_id", "contact_id"),
)

#: Answers to requests that carried an Idempotency-Key.
answers = Table(
    "answers",
    metadata,
    Column("workspace_id", String(NAME_CHARS), primary_key=True),
    Column("idempotency_key", String(NAME_CHARS), primary_key=True),
    # of method, path and body
    Column("fingerprint", String(DIGEST_CHARS), nullable=False),
    # names what the request makes, so that repeating one that broke off makes nothing twice
    Column("ref", Id, nullable=False),
    Column("status", SmallInteger),
    Column("body", Text),
    Column("created_at", Instant, nullable=False),
    Index("ix_answers_created_at", "created_at"),
)

#: Incoming webhooks, stored before anything is made of them.
inbox = Table(
    "inbox",
    metadata,
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account", String(NAME_CHARS), nullable=False),
    Column("event_id", String(NAME_CHARS), nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("tries", Integer, nullable=False),
    Column("done_at", Instant),
    Column("detail", Text),
    UniqueConstraint("account", "event_id"),
    Index("ix_inbox_due", "due_at", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    Index("ix_inbox_received_at", "received_at"),
)

#: Outgoing webhooks, written in the transaction that ends the attempt.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    Column("agent_id", String(NAME_CHARS), nullable=False),
    Column("call_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    # how the attempt ended: an operator's word may end it a second time
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    # None: heard, or given up
    Column("due_at", Instant),
    Column("heard_at", Instant),
    Column("dead_at", Instant),
    Column("detail", Text),
    # Nothing unique: the move's compare-and-set ends an attempt once, and no notice may ever keep a call from moving.
    Index(
        "ix_notices_due", "due_at", postgresql_where=text("due_at IS NOT NULL"), sqlite_where=text("due_at IS NOT NULL")
    ),
    Index(
        "ix_notices_dead",
        "dead_at",
        postgresql_where=text("dead_at IS NOT NULL"),
        sqlite_where=text("dead_at IS NOT NULL"),
    ),
    Index("ix_notices_workspace", "workspace_id", "notice_id"),
    Index("ix_notices_created_at", "created_at"),
)
