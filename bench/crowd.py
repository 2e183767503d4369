"""Ledgers in which many calls wait, each kind for a reason of its own, and one batch that is being dialed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import islice
from typing import Any, Self

from bench.numbers import numbers
from bench.peers.bulk import bound, bulk
from bench.stage import ACCOUNTS, Stage, ask, execute
from dialer import Dialer
from dialer.ledger.backend import NEW_CALL_COLUMNS
from dialer.ledger.ids import IdMaker

WORKSPACE, AGENT = "bench", "agent-1"
#: One for each account, for a tick pushes no more than a few hundred calls of one.
RUNNING = ("running", "running too")
#: Share of each batch in all that waits. Retries wait in the very batches that are dialed.
SHARES = {"paused": 0.5, "not-yet": 0.15, "closed-hours": 0.15, "template": 0.1, **dict.fromkeys(RUNNING, 0.05)}
SEED_NUMBER = "+61290000000"
#: Of those that only wait.
PREFIX = "+4930"
_CLOSED = "UPDATE calls SET state = 'closed', close_reason = 'reached', closed_at = due_at WHERE"


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
        for ref, share in SHARES.items():
            self._fill(ref, int(count * share))
        count_all(url)
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

    def fall_due(self, count: int, among: Sequence[str] = RUNNING) -> None:
        """So many, in these running batches in turn."""
        rows = (
            self._row(among[index % len(among)], phone, "ready", _now())
            for index, phone in enumerate(islice(self._fresh, count))
        )
        bulk(self.url, "calls", NEW_CALL_COLUMNS, rows)

    def finish(self) -> None:
        """So that hundreds of thousands of rows come and go, and leave behind what rows leave behind."""
        execute(self.url, f"{_CLOSED} state = 'queued' AND state IN ('queued', 'dialing', 'in_progress', 'unknown')")

    def come_and_go(self, count: int) -> None:
        """The same for many at once: each is ready, queued and closed."""
        self.fall_due(count)
        cohorts = ", ".join(str(self._cohorts[ref][1]) for ref in RUNNING)
        execute(self.url, f"UPDATE calls SET state = 'queued' WHERE state = 'ready' AND cohort_id IN ({cohorts})")
        self.finish()

    def _fill(self, ref: str, count: int) -> None:
        """By the database itself, from numbers that count up: nobody dials them, and minutes become seconds."""
        (batch_id, cohort_id), now = self._cohorts[ref], _now()
        due = {**dict.fromkeys(RUNNING, now + timedelta(days=1)), "template": None}.get(ref, now)
        state = "waiting" if ref in (*RUNNING, "template") else "ready"
        due_at, created_at = ("NULL" if each is None else f"'{bound(each)}'" for each in (due, now))
        [(begin, *_)] = [self._ids.take(now)[0].rsplit("-", 1)]
        series, call_id, phone = (
            (
                f"(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {count}) SELECT n FROM g)",
                f"printf('{begin}-%012x', n)",
                f"printf('{PREFIX}%08d', n)",
            )
            if not self.has_statistics
            else (
                f"generate_series(1, {count}) AS g(n)",
                f"('{begin}-' || lpad(to_hex(n), 12, '0'))::uuid",
                f"'{PREFIX}' || lpad(n::text, 8, '0')",
            )
        )
        execute(
            self.url,
            "INSERT INTO calls (call_id, batch_id, cohort_id, phone, state, due_at, created_at) "
            f"SELECT {call_id}, '{batch_id}', {cohort_id}, {phone}, '{state}', {due_at}, {created_at} FROM {series}",
        )

    def _row(self, ref: str, phone: str, state: str, due: datetime | None) -> tuple[Any, ...]:
        batch_id, cohort_id = self._cohorts[ref]
        return call_row(self._ids, batch_id, cohort_id, phone, state, due)


def call_row(
    ids: IdMaker, batch_id: str, cohort_id: int, phone: str, state: str, due: datetime | None
) -> tuple[Any, ...]:
    """A call as `NEW_CALL_COLUMNS` has it."""
    now = _now()
    return (ids.take(now)[0], batch_id, cohort_id, phone, None, None, None, None, state, None, due, now, None)


def count_all(url: str) -> None:
    """What came in by the bulk path was counted by nobody: as the migration counts what it finds."""
    migration = import_module("dialer.ledger.migrations.versions.0004_tallies")
    names, sums = ", ".join(migration.COUNTED), ", ".join(f"sum({one})" for one in migration.COUNTED.values())
    counted = f"INSERT INTO tallies (batch_id, {names}) SELECT batch_id, {sums} FROM calls GROUP BY batch_id"
    execute(url, "DELETE FROM tally_deltas", "DELETE FROM tallies", counted)


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
        **dict(zip(RUNNING, ({**zone, "provider": account} for account in ACCOUNTS), strict=True)),
        "paused": zone,
        "not-yet": {**zone, "nbf": (now + timedelta(days=10)).isoformat(), "priority": "high"},
        "closed-hours": {**zone, "block_rules": [closed], "priority": "high"},
        "template": {**zone, "cron": "0 9 1 1 *"},
    }


def _now() -> datetime:
    return datetime.now(UTC)
