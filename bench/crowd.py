"""Ledgers in which many calls wait, each kind for a reason of its own, and one batch that is being dialed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Self

from bench.numbers import numbers
from bench.peers.bulk import Row, bulk
from bench.stage import Stage, ask, execute
from dialer import Dialer
from dialer.ledger.backend import NEW_CALL_COLUMNS
from dialer.ledger.ids import IdMaker

WORKSPACE, AGENT = "bench", "agent-1"
RUNNING = "running"
#: Share of each batch in all that waits. Retries wait in the very batch that is dialed.
SHARES = {"paused": 0.5, "not-yet": 0.15, "closed-hours": 0.15, "template": 0.1, RUNNING: 0.1}
SEED_NUMBER = "+61290000000"


class Crowd:
    """A ledger with `count` calls waiting. `fall_due` adds some that are due now, `finish` closes what was queued."""

    def __init__(self, stage: Stage, url: str, count: int) -> None:
        self.url, self.count = url, count
        self._ids = IdMaker()
        with Dialer(stage.settings(url)) as dialer:
            for ref, fields in _specs().items():
                spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": ref, **fields}
                dialer.load_batch(spec, [{"phone": SEED_NUMBER}])
            dialer.pause_batch(WORKSPACE, AGENT, "paused")
        self._cohorts = cohorts_of(url)
        if self.has_statistics:
            execute(url, "ALTER TABLE calls SET (autovacuum_enabled = off)")  # at a moment of our choice
        # Two batches may know the same number: only within one must they differ.
        for ref, share in SHARES.items():
            bulk(url, "calls", NEW_CALL_COLUMNS, self._waiting(ref, int(count * share)))
        self._fresh = islice(numbers(count + 1_000_000), count, None)

    @property
    def batch_ids(self) -> dict[str, str]:
        return {ref: batch_id for ref, (batch_id, _) in self._cohorts.items()}

    @property
    def has_statistics(self) -> bool:
        """SQLite has none, unless somebody asks for them."""
        return not self.url.startswith("sqlite:")

    def take_statistics(self) -> Self:
        """What PostgreSQL's autovacuum does within a minute or two of a big load."""
        if self.has_statistics:
            execute(self.url, "VACUUM ANALYZE", "ALTER TABLE calls RESET (autovacuum_enabled)")
        return self

    def fall_due(self, count: int) -> None:
        rows = (self._row(RUNNING, phone, "ready", _now()) for phone in islice(self._fresh, count))
        bulk(self.url, "calls", NEW_CALL_COLUMNS, rows)

    def finish(self) -> None:
        """So that hundreds of thousands of rows come and go, and leave behind what rows leave behind."""
        closed = "UPDATE calls SET state = 'closed', close_reason = 'reached', closed_at = due_at WHERE "
        execute(self.url, closed + "state = 'queued' AND state IN ('queued', 'dialing', 'in_progress', 'unknown')")

    def _waiting(self, ref: str, count: int) -> Iterator[Row]:
        state = "waiting" if ref in (RUNNING, "template") else "ready"
        now = _now()
        due = {RUNNING: now + timedelta(days=1), "template": None}.get(ref, now)
        return (self._row(ref, phone, state, due) for phone in numbers(count))

    def _row(self, ref: str, phone: str, state: str, due: datetime | None) -> Row:
        batch_id, cohort_id = self._cohorts[ref]
        return call_row(self._ids, batch_id, cohort_id, phone, state, due)


def call_row(
    ids: IdMaker, batch_id: str, cohort_id: int, phone: str, state: str, due: datetime | None
) -> tuple[Any, ...]:
    """A call as `NEW_CALL_COLUMNS` has it."""
    now = _now()
    return (ids.take(now)[0], batch_id, cohort_id, phone, None, None, None, None, state, None, due, now, None)


def cohorts_of(url: str) -> dict[str, tuple[str, int]]:
    """Of each batch's name: its id and its first cohort's."""
    query = (
        "SELECT batch_ref, batches.batch_id, min(cohort_id) FROM batches JOIN cohorts "
        "ON cohorts.batch_id = batches.batch_id GROUP BY batch_ref, batches.batch_id"
    )
    return {ref: (str(batch_id), number) for ref, batch_id, number in ask(url, query)}


def _specs() -> dict[str, dict[str, Any]]:
    now = _now()
    # Twelve hours that are not now.
    closed = "*|0000-2000" if now.hour < 12 else "*|0400-2400"
    zone = {"timezone": "UTC", "exp": (now + timedelta(days=30)).isoformat()}
    return {
        RUNNING: zone,
        "paused": zone,
        "not-yet": {**zone, "nbf": (now + timedelta(days=10)).isoformat(), "priority": "high"},
        "closed-hours": {**zone, "block_rules": [closed], "priority": "high"},
        "template": {**zone, "cron": "0 9 1 1 *"},
    }


def _now() -> datetime:
    return datetime.now(UTC)
