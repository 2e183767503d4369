"""The tables of whoever runs the dialer: what was pruned and what stays of it, what was erased, and what went wrong."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from dialer.ledger.columns import Id, Instant
from dialer.ledger.tables import NAME_CHARS, PHONE_CHARS, metadata

#: What is added up of attempts, beside how long they lasted and what they cost.
SUMMED = (
    "attempts",
    "answered",
    "voicemail",
    "no_answer",
    "busy",
    "declined",
    "failed",
    "handed_off",
    "rejected",
    "unresolved",
    "under_way",
)

#: Batches that are not kept any more. A row is written in the transaction that removes the batch's own.
pruned = Table(
    "pruned",
    metadata,
    Column("batch_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    Column("agent_id", String(NAME_CHARS), nullable=False),
    Column("batch_ref", String(NAME_CHARS), nullable=False),
    Column("account", String(NAME_CHARS), nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("calls", Integer, nullable=False),
    Column("archive", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant, nullable=False),
    Column("pruned_at", Instant, nullable=False),
    # when the last of its calls was gone; NULL = prune goes on with it
    Column("emptied_at", Instant),
    Index("ix_pruned_name", "workspace_id", "agent_id", "batch_ref"),
    Index(
        "ix_pruned_unfinished",
        "batch_id",
        postgresql_where=text("emptied_at IS NULL"),
        sqlite_where=text("emptied_at IS NULL"),
    ),
)

#: What stays of a pruned batch's attempts, by the quarter of an hour in which they were claimed: every zone's midnight
#: lies on one. Whole milliseconds and millionths, so that sums are exact in whatever order.
summaries = Table(
    "summaries",
    metadata,
    Column("batch_id", Id, ForeignKey("pruned.batch_id"), primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in SUMMED),
    Column("milliseconds", BigInteger, nullable=False),
    Column("microcredits", BigInteger, nullable=False),
)

#: Numbers that were erased, as the tokens that stand for them.
erasures = Table(
    "erasures",
    metadata,
    Column("token", String(PHONE_CHARS), primary_key=True),
    Column("began_at", Instant, nullable=False),
    # NULL = it broke off: `dialer erase` is to be repeated
    Column("done_at", Instant),
)

#: What is or was wrong; one row from its beginning to its end.
alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(32), nullable=False),
    # an account, a batch id, or nothing
    Column("subject", String(NAME_CHARS), nullable=False),
    Column("detail", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("over_at", Instant),
    Index(
        "uq_alerts_open",
        "kind",
        "subject",
        unique=True,
        postgresql_where=text("over_at IS NULL"),
        sqlite_where=text("over_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

#: Who is to be told of an alert, once when it begins and once when it is over.
tidings = Table(
    "tidings",
    metadata,
    Column("tiding_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("alert_id", BigInteger().with_variant(Integer, "sqlite"), ForeignKey("alerts.alert_id"), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    # NULL = told, or given up
    Column("due_at", Instant),
    Column("told_at", Instant),
    Column("detail", Text),
    Index("ix_tidings_alert_id", "alert_id"),
    Index(
        "ix_tidings_due", "due_at", postgresql_where=text("due_at IS NOT NULL"), sqlite_where=text("due_at IS NOT NULL")
    ),
)
