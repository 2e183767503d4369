"""What whoever runs the dialer is told: how a drain stands, what was pruned, erased and reported, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class DrainReceipt:
    """How a drain stands. `in_flight`: requests that may still go out or be under way, the only ones it waits for."""

    drained: bool
    since: datetime | None
    in_flight: int
    #: on their way to a worker; it hands them back
    queued: int
    #: at their providers: they end by themselves, whatever version of the dialer asks
    in_progress: int
    unknown: int


@dataclass(frozen=True, slots=True)
class PendingStep:
    """One step of the schema that a ledger lacks."""

    revision: str
    words: str


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which schema a ledger has beside the one that this version needs."""

    found: str | None
    needed: str
    pending: tuple[PendingStep, ...]
    #: of a newer ledger: the oldest version, by its schema, that may run on it
    oldest_allowed: str | None
    #: this version may run on it as it is
    may_run: bool


class AlertKind(StrEnum):
    """What whoever runs the dialer is called for."""

    #: its keys are refused, or it stopped answering; or it has been throttled for a minute
    ACCOUNT_STOPPED = "account_stopped"
    #: no credit, or its balance cannot be read
    CREDIT_GUARD = "credit_guard_closed"
    #: the dialer paused a batch itself
    BATCH_PAUSED = "batch_paused"
    #: it did so because too many requests were left without a clear answer
    UNKNOWN_CAP = "too_many_unknowns"
    #: no scheduler ticks
    SCHEDULER_LOST = "scheduler_lost"


#: Of an account, a batch id, or, of the whole, nothing.
Subject = str


@dataclass(frozen=True, slots=True)
class Condition:
    """Something is wrong right now. No phone number is in `detail`."""

    kind: AlertKind
    subject: Subject
    detail: str

    @property
    def key(self) -> tuple[AlertKind, Subject]:
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition from its beginning to its end."""

    alert_id: int
    kind: AlertKind
    subject: Subject
    detail: str
    began_at: datetime
    over_at: datetime | None

    @property
    def key(self) -> tuple[AlertKind, Subject]:
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Tiding:
    """One alarm is to be told of one alert: that it began, or that it is over."""

    tiding_id: int
    channel: str
    is_over: bool
    tries: int
    alert: Alert

    def document(self) -> dict[str, str | None]:
        """What an alarm is told. `id` is the same however often it is told. `text` is for people."""
        alert, event = self.alert, "over" if self.is_over else "began"
        about = f"{alert.kind.value.replace('_', ' ')}{f' ({alert.subject})' if alert.subject else ''}"
        return {
            "id": f"{alert.alert_id}-{event}",
            "event": event,
            "kind": alert.kind.value,
            "subject": alert.subject,
            "detail": alert.detail,
            "began_at": alert.began_at.isoformat(),
            "over_at": alert.over_at.isoformat() if alert.over_at else None,
            "text": f"dialer: over: {about}" if self.is_over else f"dialer: {about}: {alert.detail}",
        }


@dataclass(frozen=True, slots=True)
class PruneReceipt:
    """What was archived and removed."""

    batches: int = 0
    calls: int = 0
    #: batches of an earlier prune that had broken off
    finished: int = 0
    alerts: int = 0

    def plus(self, *, batches: int = 0, calls: int = 0, finished: int = 0, alerts: int = 0) -> PruneReceipt:
        return PruneReceipt(self.batches + batches, self.calls + calls, self.finished + finished, self.alerts + alerts)


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of a number's own rows."""

    #: stands for the number from now on
    token: str
    calls: int
    #: of the calls, those that were still to be dialed
    closed: int
    attempts: int
    suppressions: int
    #: account and the provider's own id of each call that it was asked to place: it holds data of its own
    provider_calls: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What was erased, and what only others can erase. The number is not in it."""

    token: str
    at: datetime
    calls: int
    closed: int
    attempts: int
    suppressions: int
    #: rows of others in which it stood, by table
    elsewhere: Mapping[str, int]
    #: files of the archive that were rewritten
    archives: int
    provider_calls: tuple[tuple[str, str], ...]
    #: names in which it stands, by table and column: they stay, for others know a thing by them
    left: tuple[str, ...]
    #: it is on the do-not-call list, for good, for all
    is_suppressed: bool
