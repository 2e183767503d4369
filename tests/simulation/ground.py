"""A real ledger in one SQLite file that stands on virtual time: emptied for each seed, copied and restored as from a
backup; opened once, for opening costs more than a seed may."""

from __future__ import annotations

import os
import random
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from dialer.ledger import migrate
from dialer.ledger.ledger import SqlLedger
from dialer.ledger.sqlite import Sqlite
from dialer.ledger.transactions import backend_of
from dialer.testing.coordination import FakeClock


def memory_directory() -> str | None:
    """Where a file costs no disk, if there is such a place; None = where temporary files are."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Ground:
    """`clock_of` tells the time to whoever asks the database for it: SQLite's clock is that of the asking process."""

    def __init__(self, directory: Path) -> None:
        url = f"sqlite:///{directory / 'simulated.db'}"
        migrate(url)
        self.clock = FakeClock()
        #: how far the clock of the process that runs now is off, in seconds
        self.skew = 0.0
        self._chance = random.Random(0)
        backend = backend_of(url)
        assert isinstance(backend, Sqlite)
        event.listen(backend.engine, "connect", self._connected)
        self.ledger = SqlLedger(backend)
        self.rows = sqlite3.connect(directory / "simulated.db", isolation_level=None, check_same_thread=False)
        self._empty = self.copy()

    def reset(self, clock: FakeClock, seed: int) -> None:
        self.clock, self.skew, self._chance = clock, 0.0, random.Random(seed)
        self.restore(self._empty)

    def copy(self) -> sqlite3.Connection:
        backup = sqlite3.connect(":memory:", check_same_thread=False)
        self.rows.backup(backup)
        return backup

    def restore(self, backup: sqlite3.Connection) -> None:
        backup.backup(self.rows)

    def queue(self, call_id: str) -> int:
        """Whatever became of this call, unless it is under way: it is queued, and its message the latest."""
        self.rows.execute(
            "UPDATE calls SET state = 'queued', close_reason = NULL, due_at = created_at "
            "WHERE call_id = ? AND state NOT IN ('dialing', 'in_progress', 'unknown')",
            (call_id,),
        )
        found = self.rows.execute("SELECT push_seq FROM calls WHERE call_id = ?", (call_id,)).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        self.rows.close()
        self._empty.close()
        self.ledger.close()

    def _connected(self, connection: Any, record: Any) -> None:
        connection.create_function("strftime", 2, lambda *_: self._now())
        connection.create_function("random", 0, lambda: self._chance.getrandbits(62))
        connection.execute("PRAGMA journal_mode=MEMORY")  # nobody cuts the power of a simulation,
        connection.execute("PRAGMA synchronous=OFF")  # and its crashes fall between transactions

    def _now(self) -> str:
        return (self.clock.utc() + timedelta(seconds=self.skew)).isoformat(" ", "microseconds")[:26]
