"""Keys, agents, contacts, and webhooks both ways; a batch knows its agent's name at the provider."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Frozen with this step: what dialer.ledger.columns makes of them later is no concern of it.
INSTANT: sa.types.TypeEngine[Any] = sa.DateTime(timezone=True).with_variant(sa.String(26), "sqlite")
ID: sa.types.TypeEngine[Any] = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
SERIAL: sa.types.TypeEngine[Any] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME, DIGEST, PHONE = sa.String(length=255), sa.String(length=64), sa.String(length=32)

TABLES = ("keys", "agents", "contact_lists", "contacts", "answers", "inbox", "notices")


def upgrade() -> None:
    op.add_column("batches", sa.Column("provider_agent_id", NAME, nullable=True))
    op.add_column("batches", sa.Column("hidden_at", INSTANT, nullable=True))
    create_keys()
    create_agents()
    create_contact_lists()
    create_contacts()
    create_answers()
    create_inbox()
    create_notices()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("batches", "hidden_at")
    op.drop_column("batches", "provider_agent_id")


def only(condition: str) -> dict[str, Any]:
    """A partial index."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def create_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("key_id", ID, nullable=False),
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("key_digest", DIGEST, nullable=False),
        sa.Column("secret_digest", DIGEST, nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_keys_key_digest")),
    )
    op.create_index("ix_keys_workspace_id", "keys", ["workspace_id"])


def create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("agent_id", NAME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("provider_agent_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("caller_id", PHONE, nullable=True),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_secret", NAME, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "agent_id", name=op.f("pk_agents")),
    )


def create_contact_lists() -> None:
    op.create_table(
        "contact_lists",
        sa.Column("list_id", ID, nullable=False),
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_contact_lists")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_contact_lists_workspace_id_name")),
    )


def create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("list_id", ID, nullable=False),
        sa.Column("phone", PHONE, nullable=False),
        sa.Column("name", NAME, nullable=True),
        sa.Column("email", NAME, nullable=True),
        sa.Column("company", NAME, nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("custom_fields", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["contact_lists.list_id"], name=op.f("fk_contacts_list_id")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("list_id", "phone", name=op.f("uq_contacts_list_id_phone")),
    )
    op.create_index("ix_contacts_workspace", "contacts", ["workspace_id", "contact_id"])
    op.create_index("ix_contacts_list", "contacts", ["list_id", "contact_id"])


def create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("idempotency_key", NAME, nullable=False),
        sa.Column("fingerprint", DIGEST, nullable=False),
        sa.Column("ref", ID, nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "idempotency_key", name=op.f("pk_answers")),
    )
    op.create_index("ix_answers_created_at", "answers", ["created_at"])


def create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("entry_id", SERIAL, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("event_id", NAME, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("account", "event_id", name=op.f("uq_inbox_account_event_id")),
    )
    op.create_index("ix_inbox_due", "inbox", ["due_at"], **only("done_at IS NULL"))
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])


def create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("workspace_id", NAME, nullable=False),
        sa.Column("agent_id", NAME, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("heard_at", INSTANT, nullable=True),
        sa.Column("dead_at", INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
    )
    op.create_index("ix_notices_due", "notices", ["due_at"], **only("due_at IS NOT NULL"))
    op.create_index("ix_notices_workspace", "notices", ["workspace_id", "notice_id"])
    op.create_index("ix_notices_created_at", "notices", ["created_at"])
