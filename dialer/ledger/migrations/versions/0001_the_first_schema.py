"""The ledger's first schema, its identity, and the lease that nobody holds yet."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Frozen with this step: what dialer.ledger.columns makes of them later is no concern of it.
INSTANT: sa.types.TypeEngine[Any] = sa.DateTime(timezone=True).with_variant(sa.String(26), "sqlite")
ID: sa.types.TypeEngine[Any] = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
SERIAL: sa.types.TypeEngine[Any] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TABLES = (
    "ledger",
    "lease",
    "workers",
    "accounts",
    "holds",
    "suppressions",
    "batches",
    "cohorts",
    "calls",
    "attempts",
    "schedules",
    "outbox",
    "decisions",
)


def upgrade() -> None:
    create_ledger()
    create_lease()
    create_workers()
    create_accounts()
    create_holds()
    create_suppressions()
    create_batches()
    create_cohorts()
    create_calls()
    create_attempts()
    create_schedules()
    create_outbox()
    create_decisions()
    name_ledger()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def only(condition: str) -> dict[str, Any]:
    """A partial index, alike on both databases."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def either(column: str, *words: str | int) -> str:
    return " OR ".join(f"{column} = {word!r}" for word in words)


def one_of(table: str, column: str, *words: str | int) -> sa.CheckConstraint:
    condition = f"{column} IS NULL OR {either(column, *words)}"
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{column}"))


def name_ledger() -> None:
    ledger = sa.table("ledger", sa.column("id"), sa.column("ledger_id", ID), sa.column("created_at", INSTANT))
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if op.get_bind().dialect.name == "sqlite" else "clock_timestamp()"
    op.execute(sa.insert(ledger).values(id=1, ledger_id=str(uuid4()), created_at=sa.literal_column(now)))
    op.execute("INSERT INTO lease (id, term) VALUES (1, 0)")


def create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("ledger_id", ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("doubt", sa.Text(), nullable=True),
        sa.Column("doubted_at", INSTANT, nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_ledger_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )


def create_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=255), nullable=True),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("ticked_at", INSTANT, nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_lease_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )


def create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("boot_id", sa.String(length=255), nullable=False),
        sa.Column("lanes", sa.String(length=64), nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.Column("stopped_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_workers")),
    )


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("stop", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("since", INSTANT, nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Double(), nullable=True),
        sa.Column("balance_at", INSTANT, nullable=True),
        sa.Column("minimum_balance", sa.Double(), nullable=True),
        sa.Column("recent", sa.String(length=32), server_default=sa.text("''"), nullable=False),
        one_of("accounts", "stop", "auth", "credit", "throttled", "breaker"),
        sa.CheckConstraint("stop IS NULL OR until IS NOT NULL", name=op.f("ck_accounts_stopped_until")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )


def create_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=True),
        one_of("holds", "scope", "all", "workspace", "account"),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_holds")),
    )


def create_suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("phone", "workspace_id", name=op.f("pk_suppressions")),
    )


def create_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=False),
        sa.Column("batch_ref", sa.String(length=255), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("nbf", INSTANT, nullable=False),
        sa.Column("exp", INSTANT, nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("cli", sa.String(length=32), nullable=True),
        sa.Column("block_rules", sa.Text(), nullable=False),
        sa.Column("calling_hours", sa.Text(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("max_retries", sa.SmallInteger(), nullable=False),
        sa.Column("retry", sa.Text(), nullable=False),
        sa.Column("on_unknown", sa.String(length=8), nullable=False),
        sa.Column("max_call_seconds", sa.Double(), nullable=False),
        sa.Column("cron", sa.String(length=255), nullable=True),
        sa.Column("ignore_hours", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("control_seq", sa.Integer(), nullable=False),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("paused_by", sa.String(length=16), nullable=True),
        sa.Column("rejections", sa.Integer(), nullable=False),
        sa.Column("load_id", ID, nullable=True),
        sa.Column("is_loading", sa.Boolean(), nullable=False),
        sa.Column("is_loaded", sa.Boolean(), nullable=False),
        sa.Column("is_drained", sa.Boolean(), nullable=False),
        sa.Column("template_id", ID, nullable=True),
        sa.Column("occurrence", sa.String(length=32), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("completed_at", INSTANT, nullable=True),
        sa.CheckConstraint("on_unknown IN ('hold', 'redial')", name=op.f("ck_batches_on_unknown")),
        one_of("batches", "state", "draft", "active", "paused", "completed", "terminated"),
        one_of("batches", "lane", 0, 1, 2, 3),
        sa.ForeignKeyConstraint(["template_id"], ["batches.batch_id"], name=op.f("fk_batches_template_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
    )
    op.create_index(
        "ix_batches_test_name", "batches", ["workspace_id", "agent_id", "batch_ref"], unique=False, **only("lane = 0")
    )
    op.create_index("ix_batches_undrained", "batches", ["state", "account"], unique=False, **only("NOT is_drained"))
    op.create_index("ix_batches_workspace", "batches", ["workspace_id", "batch_id"], unique=False)
    op.create_index(
        "uq_batches_name", "batches", ["workspace_id", "agent_id", "batch_ref"], unique=True, **only("lane <> 0")
    )
    op.create_index(
        "uq_batches_run", "batches", ["template_id", "occurrence"], unique=True, **only("template_id IS NOT NULL")
    )


def create_cohorts() -> None:
    op.create_table(
        "cohorts",
        sa.Column("cohort_id", SERIAL, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("opens_at", INSTANT, nullable=True),
        sa.Column("closes_at", INSTANT, nullable=True),
        sa.Column("wire_exp", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_cohorts_batch_id")),
        sa.PrimaryKeyConstraint("cohort_id", name=op.f("pk_cohorts")),
        sa.UniqueConstraint("batch_id", "number", name=op.f("uq_cohorts_batch_id_number")),
        sa.UniqueConstraint("batch_id", "zones", name=op.f("uq_cohorts_batch_id_zones")),
    )


def create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("cohort_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("variables", sa.Text(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("lane", sa.SmallInteger(), nullable=True),
        sa.Column("max_retries", sa.SmallInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("close_reason", sa.String(length=16), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("push_seq", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=True),
        sa.Column("claim_seq", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim_id", ID, nullable=True),
        sa.Column("attempts_spent", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("kept", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "(state = 'closed') = (close_reason IS NOT NULL)", name=op.f("ck_calls_closed_with_a_reason")
        ),
        one_of(
            "calls",
            "close_reason",
            "reached",
            "handed_off",
            "exhausted",
            "rejected",
            "expired",
            "suppressed",
            "terminated",
            "unresolved",
        ),
        one_of("calls", "outcome", "answered", "voicemail", "no_answer", "busy", "declined", "failed", "unknown"),
        one_of("calls", "state", "waiting", "ready", "queued", "dialing", "in_progress", "unknown", "closed"),
        sa.CheckConstraint(
            "state NOT IN ('ready', 'queued') OR due_at IS NOT NULL", name=op.f("ck_calls_ready_when_due")
        ),
        one_of("calls", "lane", 0, 1, 2, 3),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_calls")),
        sa.UniqueConstraint("phone", "batch_id", name=op.f("uq_calls_phone_batch_id")),
        postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
    )
    op.create_index("ix_calls_batch_state", "calls", ["batch_id", "state", "call_id"], unique=False)
    op.create_index(
        "ix_calls_in_flight",
        "calls",
        ["state", "batch_id", "queued_at"],
        unique=False,
        **only(either("state", "queued", "dialing", "in_progress", "unknown")),
    )
    op.create_index(
        "ix_calls_ready", "calls", ["cohort_id", "lane", "due_at", "call_id"], unique=False, **only("state = 'ready'")
    )
    op.create_index(
        "ix_calls_waiting", "calls", ["due_at"], unique=False, **only("state = 'waiting' AND due_at IS NOT NULL")
    )


def create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("call_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("reference", ID, nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("claim_id", ID, nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("boot_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("left_by", INSTANT, nullable=False),
        sa.Column("deadline_at", INSTANT, nullable=False),
        sa.Column("closes_at", INSTANT, nullable=True),
        sa.Column("since_at", INSTANT, nullable=True),
        sa.Column("placed_at", INSTANT, nullable=True),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("credits_charged", sa.Double(), nullable=True),
        sa.Column("provider_call_id", sa.String(length=255), nullable=True),
        sa.Column("recording_url", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("transcript", sa.Text(), nullable=True),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("next_look_at", INSTANT, nullable=True),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_until", INSTANT, nullable=True),
        sa.Column("gates", sa.Text(), nullable=True),
        one_of("attempts", "outcome", "answered", "voicemail", "no_answer", "busy", "declined", "failed", "unknown"),
        one_of(
            "attempts",
            "state",
            "dialing",
            "in_progress",
            "unknown",
            "ended",
            "handed_off",
            "rejected",
            "refused",
            "not_sent",
            "unresolved",
        ),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_attempts_call_id")),
        sa.PrimaryKeyConstraint("call_id", "number", name=op.f("pk_attempts")),
        sa.UniqueConstraint("reference", name=op.f("uq_attempts_reference")),
        postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
    )
    op.create_index(
        "ix_attempts_held", "attempts", ["batch_id", "held_until"], unique=False, **only("held_until IS NOT NULL")
    )
    op.create_index(
        "ix_attempts_live",
        "attempts",
        ["account", "state"],
        unique=False,
        **only(either("state", "dialing", "in_progress", "unknown")),
    )
    op.create_index(
        "ix_attempts_next_look",
        "attempts",
        ["next_look_at"],
        unique=False,
        **only(either("state", "in_progress", "unknown")),
    )
    op.create_index(
        "ix_attempts_placed", "attempts", ["batch_id", "placed_at"], unique=False, **only("placed_at IS NOT NULL")
    )
    op.create_index(
        "uq_attempts_live",
        "attempts",
        ["call_id"],
        unique=True,
        **only(either("state", "dialing", "in_progress", "unknown")),
    )
    op.create_index(
        "uq_attempts_provider_call_id",
        "attempts",
        ["account", "provider_call_id"],
        unique=True,
        **only("provider_call_id IS NOT NULL"),
    )


def create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("last_local", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_schedules_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"], unique=False)


def create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("entry_id", SERIAL, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("wire_ref", sa.String(length=271), nullable=False),
        sa.Column("is_last_word", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("action IN ('pause', 'terminate', 'resume')", name=op.f("ck_outbox_action")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_outbox_batch_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_batch", "outbox", ["batch_id"], unique=False)
    op.create_index("ix_outbox_due", "outbox", ["due_at"], unique=False, **only("done_at IS NULL"))


def create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("made_by", sa.String(length=255), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.CheckConstraint("decision IN ('placed', 'not-placed')", name=op.f("ck_decisions_decision")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_decisions_call_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_call_id", "decisions", ["call_id"])
