"""The ledger's tables, their constraints and their indexes; `migrations/` brings a database to this shape."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    or_,
    text,
)

from dialer.domain.states import (
    LIVE_ATTEMPTS,
    AttemptState,
    BatchState,
    CallState,
    CloseReason,
    HoldScope,
    Lane,
    Outcome,
    StopKind,
)
from dialer.ledger.columns import Id, Instant, spelled, word

NAME_CHARS = 255
#: Of a number in E.164, or of the token that stands for an erased one.
PHONE_CHARS = 32

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

IN_FLIGHT = (CallState.QUEUED, CallState.DIALING, CallState.IN_PROGRESS, CallState.UNKNOWN)
LIVE = tuple(state for state in AttemptState if state in LIVE_ATTEMPTS)
ASKED = (AttemptState.IN_PROGRESS, AttemptState.UNKNOWN)


def one_of(column: str, enumeration: type[Enum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IS NULL OR {either(column, *enumeration)}", name=column)


def among(column: str, *members: Enum) -> Any:
    """The condition of a partial index."""
    return text(either(column, *members))


def either(column: str, *members: Enum) -> str:
    """Not `IN`: SQLite would build a little table of the words for each row that is written, and it sees that one of
    several alternatives implies them all, which it does not see of a list."""
    return " OR ".join(f"{column} = {spelled(member)}" for member in members)


ledger = Table(
    "ledger",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("ledger_id", Id, nullable=False),
    Column("created_at", Instant, nullable=False),
    # why nothing may be dialed until an operator has spoken: it seems to be a restored copy
    Column("doubt", Text),
    Column("doubted_at", Instant),
    # the oldest version, by its schema, that may run on this one: a step that takes something away raises it
    Column("oldest_revision", String(32), nullable=False, server_default=text("'0001'")),
    # makes the tokens of erased numbers
    Column("erasure_key", String(64)),
    CheckConstraint("id = 1", name="one_row"),
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Id, primary_key=True),
    Column("workspace_id", String(NAME_CHARS), nullable=False),
    Column("agent_id", String(NAME_CHARS), nullable=False),
    Column("batch_ref", String(NAME_CHARS), nullable=False),
    Column("account", String(NAME_CHARS), nullable=False),
    Column("nbf", Instant, nullable=False),
    Column("exp", Instant, nullable=False),
    Column("title", String(NAME_CHARS), nullable=False),
    Column("cli", String(32)),
    Column("block_rules", Text, nullable=False),
    Column("calling_hours", Text, nullable=False),
    Column("timezone", String(64)),
    Column("lane", SmallInteger, nullable=False),
    Column("max_retries", SmallInteger, nullable=False),
    Column("retry", Text, nullable=False),
    Column("on_unknown", String(8), nullable=False),
    Column("max_call_seconds", Double, nullable=False),
    Column("cron", String(NAME_CHARS)),
    Column("ignore_hours", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("control_seq", Integer, nullable=False),
    Column("pause_reason", Text),
    Column("paused_by", String(16)),
    Column("rejections", Integer, nullable=False),
    Column("load_id", Id),
    Column("is_loading", Boolean, nullable=False),
    Column("is_loaded", Boolean, nullable=False),
    # nothing of it is open any more: the sweeps pass it by
    Column("is_drained", Boolean, nullable=False),
    Column("template_id", Id, ForeignKey("batches.batch_id")),
    Column("occurrence", String(32)),
    Column("created_at", Instant, nullable=False),
    Column("completed_at", Instant),
    # its agent's id at the provider, as registered when it was loaded; NULL = agent_id
    Column("provider_agent_id", String(NAME_CHARS)),
    # deleted in an API that can; the ledger deletes nothing
    Column("hidden_at", Instant),
    one_of("state", BatchState),
    one_of("lane", Lane),
    CheckConstraint("on_unknown IN ('hold', 'redial')", name="on_unknown"),
    Index(
        "uq_batches_name",
        "workspace_id",
        "agent_id",
        "batch_ref",
        unique=True,
        postgresql_where=text("lane <> 0"),
        sqlite_where=text("lane <> 0"),
    ),
    Index(
        "ix_batches_test_name",
        "workspace_id",
        "agent_id",
        "batch_ref",
        postgresql_where=text("lane = 0"),
        sqlite_where=text("lane = 0"),
    ),
    Index(
        "uq_batches_run",
        "template_id",
        "occurrence",
        unique=True,
        postgresql_where=text("template_id IS NOT NULL"),
        sqlite_where=text("template_id IS NOT NULL"),
    ),
    Index(
        "ix_batches_undrained",
        "state",
        "account",
        postgresql_where=text("NOT is_drained"),
        sqlite_where=text("NOT is_drained"),
    ),
    Index("ix_batches_workspace", "workspace_id", "batch_id"),
)

cohorts = Table(
    "cohorts",
    metadata,
    Column("cohort_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("batch_id", Id, ForeignKey("batches.batch_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("zones", Text, nullable=False),
    Column("opens_at", Instant),
    Column("closes_at", Instant),
    # the latest exp that a provider was told under this cohort's wire ref
    Column("wire_exp", Instant),
    UniqueConstraint("batch_id", "number"),
    UniqueConstraint("batch_id", "zones"),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", Id, primary_key=True),
    # No foreign keys: they would be looked up for each of a million rows, and nothing ever deletes a batch or a cohort.
    Column("batch_id", Id, nullable=False),
    Column("cohort_id", BigInteger, nullable=False),
    Column("phone", String(PHONE_CHARS), nullable=False),
    Column("variables", Text),
    Column("timezone", String(64)),
    Column("lane", SmallInteger),
    Column("max_retries", SmallInteger),
    Column("state", String(16), nullable=False),
    Column("close_reason", String(16)),
    Column("outcome", String(16)),
    Column("due_at", Instant),
    Column("push_seq", Integer, nullable=False, server_default=text("0")),
    Column("queued_at", Instant),
    Column("claim_seq", Integer, nullable=False, server_default=text("0")),
    Column("claim_id", Id),
    Column("attempts_spent", SmallInteger, nullable=False, server_default=text("0")),
    # unforeseen failures in a row
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),
    Column("kept", Text),
    Column("why", Text),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    one_of("state", CallState),
    one_of("close_reason", CloseReason),
    one_of("outcome", Outcome),
    one_of("lane", Lane),
    CheckConstraint("(state = 'closed') = (close_reason IS NOT NULL)", name="closed_with_a_reason"),
    CheckConstraint("state NOT IN ('ready', 'queued') OR due_at IS NOT NULL", name="ready_when_due"),
    # phone first: it also finds a number over all batches
    UniqueConstraint("phone", "batch_id"),
    # counts, sweeps, and pages in load order: a page merges the heads of its states
    Index("ix_calls_batch_state", "batch_id", "state", "call_id"),
    Index(
        "ix_calls_ready",
        "cohort_id",
        "lane",
        "due_at",
        "call_id",
        postgresql_where=text("state = 'ready'"),
        sqlite_where=text("state = 'ready'"),
    ),
    Index(
        "ix_calls_waiting",
        "due_at",
        postgresql_where=text("state = 'waiting' AND due_at IS NOT NULL"),
        sqlite_where=text("state = 'waiting' AND due_at IS NOT NULL"),
    ),
    # The first of one batch to fall due. Who asks does not say that it is not NULL: then `ix_calls_waiting` would do as
    # well, and PostgreSQL reads all that wait in other batches from it.
    Index(
        "ix_calls_due",
        "batch_id",
        "due_at",
        postgresql_where=text("state = 'waiting'"),
        sqlite_where=text("state = 'waiting'"),
    ),
    # pages of those few among many that closed, or ended, in one way
    Index(
        "ix_calls_reason",
        "batch_id",
        "close_reason",
        "call_id",
        postgresql_where=text("close_reason IS NOT NULL"),
        sqlite_where=text("close_reason IS NOT NULL"),
    ),
    Index(
        "ix_calls_outcome",
        "batch_id",
        "outcome",
        "call_id",
        postgresql_where=text("outcome IS NOT NULL"),
        sqlite_where=text("outcome IS NOT NULL"),
    ),
    Index(
        "ix_calls_in_flight",
        "state",
        "batch_id",
        "queued_at",
        postgresql_where=among("state", *IN_FLIGHT),
        sqlite_where=among("state", *IN_FLIGHT),
    ),
    # a call moves some ten times: room on its page, and a vacuum long before a fifth of the table is dead
    postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
)

attempts = Table(
    "attempts",
    metadata,
    Column("call_id", Id, ForeignKey("calls.call_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("batch_id", Id, nullable=False),
    Column("reference", Id, nullable=False),
    Column("account", String(NAME_CHARS), nullable=False),
    Column("claim_id", Id, nullable=False),
    Column("worker", String(NAME_CHARS), nullable=False),
    Column("boot_id", String(NAME_CHARS), nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("claimed_at", Instant, nullable=False),
    Column("left_by", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    # the end of the window it was claimed in: a redial sends the same bytes
    Column("closes_at", Instant),
    # when it became in_progress or unknown
    Column("since_at", Instant),
    # when the answer to its placement request was recorded
    Column("placed_at", Instant),
    Column("started_at", Instant),
    Column("answered_at", Instant),
    Column("ended_at", Instant),
    Column("duration_seconds", Double),
    Column("credits_charged", Double),
    Column("provider_call_id", String(NAME_CHARS)),
    Column("recording_url", Text),
    Column("summary", Text),
    Column("transcript", Text),
    Column("http_status", SmallInteger),
    Column("detail", Text),
    Column("raw", Text),
    Column("next_look_at", Instant),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    # until when a provider that cannot be asked may still hold the call
    Column("held_until", Instant),
    # which gates were read before the claim was committed, and what they said: JSON
    Column("gates", Text),
    one_of("state", AttemptState),
    one_of("outcome", Outcome),
    UniqueConstraint("reference"),
    Index(
        "uq_attempts_live",
        "call_id",
        unique=True,
        postgresql_where=among("state", *LIVE),
        sqlite_where=among("state", *LIVE),
    ),
    Index(
        "uq_attempts_provider_call_id",
        "account",
        "provider_call_id",
        unique=True,
        postgresql_where=text("provider_call_id IS NOT NULL"),
        sqlite_where=text("provider_call_id IS NOT NULL"),
    ),
    Index(
        "ix_attempts_live",
        "account",
        "state",
        postgresql_where=among("state", *LIVE),
        sqlite_where=among("state", *LIVE),
    ),
    Index(
        "ix_attempts_next_look",
        "next_look_at",
        postgresql_where=among("state", *ASKED),
        sqlite_where=among("state", *ASKED),
    ),
    Index(
        "ix_attempts_placed",
        "batch_id",
        "placed_at",
        postgresql_where=text("placed_at IS NOT NULL"),
        sqlite_where=text("placed_at IS NOT NULL"),
    ),
    Index(
        "ix_attempts_held",
        "batch_id",
        "held_until",
        postgresql_where=text("held_until IS NOT NULL"),
        sqlite_where=text("held_until IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("phone", String(PHONE_CHARS), primary_key=True),
    # empty = for all: a NULL would not be unique
    Column("workspace_id", String(NAME_CHARS), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("until", Instant),
    Column("created_at", Instant, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("batch_id", Id, ForeignKey("batches.batch_id"), primary_key=True),
    Column("next_at", Instant),
    Column("last_local", String(32)),
    Index("ix_schedules_next_at", "next_at"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(NAME_CHARS), primary_key=True),
    Column("fingerprint", String(NAME_CHARS), nullable=False),
    Column("stop", String(16)),
    Column("reason", Text),
    Column("until", Instant),
    Column("since", Instant),
    Column("step", Integer, nullable=False),
    Column("balance", Double),
    Column("balance_at", Instant),
    Column("minimum_balance", Double),
    # the last answers, newest last: 1 = a fault; empty while there was none
    Column("recent", String(32), nullable=False, server_default=text("''")),
    one_of("stop", StopKind),
    CheckConstraint("stop IS NULL OR until IS NOT NULL", name="stopped_until"),
)

holds = Table(
    "holds",
    metadata,
    Column("scope", String(16), primary_key=True),
    Column("key", String(NAME_CHARS), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("since", Instant),
    one_of("scope", HoldScope),
)

outbox = Table(
    "outbox",
    metadata,
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("batch_id", Id, ForeignKey("batches.batch_id"), nullable=False),
    Column("action", String(16), nullable=False),
    Column("wire_ref", String(NAME_CHARS + 16), nullable=False),
    # falls due only when nothing of its batch is in flight
    Column("is_last_word", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("detail", Text),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("action IN ('pause', 'terminate', 'resume')", name="action"),
    Index("ix_outbox_due", "due_at", postgresql_where=text("done_at IS NULL"), sqlite_where=text("done_at IS NULL")),
    Index("ix_outbox_batch", "batch_id"),
    # a word that was replaced must not lend its id to the one that replaced it: `done` of the old would silence the new
    sqlite_autoincrement=True,
)

#: What operators decided about calls of which nothing could be learned.
decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("call_id", Id, ForeignKey("calls.call_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("made_by", String(NAME_CHARS), nullable=False),
    Column("made_at", Instant, nullable=False),
    CheckConstraint("decision IN ('placed', 'not-placed')", name="decision"),
    Index("ix_decisions_call_id", "call_id"),
)

workers = Table(
    "workers",
    metadata,
    Column("worker", String(NAME_CHARS), primary_key=True),
    Column("boot_id", String(NAME_CHARS), nullable=False),
    Column("lanes", String(64), nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    # the schema that its version was written for; NULL = before that was told
    Column("revision", String(32)),
)

lease = Table(
    "lease",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("holder", String(NAME_CHARS)),
    Column("term", Integer, nullable=False),
    Column("until", Instant),
    Column("ticked_at", Instant),
    CheckConstraint("id = 1", name="one_row"),
)

#: Repeats the condition of `ix_batches_undrained`. As text: a Boolean of SQLAlchemy's gets "= 1" on SQLite, and then
#: every batch that ever was is read.
UNDRAINED: TextClause = text("NOT batches.is_drained")


def in_flight() -> ColumnElement[bool]:
    """Repeats the condition of `ix_calls_in_flight`."""
    return or_(*(calls.c.state == word(state) for state in IN_FLIGHT))


def live() -> ColumnElement[bool]:
    """Repeats the condition of `uq_attempts_live` and `ix_attempts_live`."""
    return or_(*(attempts.c.state == word(state) for state in LIVE))


def is_asked() -> ColumnElement[bool]:
    """Repeats the condition of `ix_attempts_next_look`."""
    return or_(*(attempts.c.state == word(state) for state in ASKED))
