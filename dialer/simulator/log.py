"""Keeps every request as it was received and what was answered: the auditor's evidence; judges nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.errors import InvalidInput
from dialer.simulator import clock
from dialer.simulator.clock import Instant
from dialer.simulator.wire import Request

#: Requests kept in memory before the oldest tenth is forgotten (the file and the tallies keep all).
KEPT = 300_000
_SECRET = ("authorization", "x-api-key", "x-api-secret")


@dataclass(slots=True)
class Entry:
    """One request as received, with the answer that was decided for it."""

    seq: int
    arrived: Instant
    request: Request
    dialect: str | None
    on: str
    numbers: list[str]
    reference: str | None
    status: int | None
    fault: str | None
    answer_after: float
    placed: list[str]
    replayed: bool = False
    answered: Instant | None = None
    #: True once the answer was handed to an open connection, False when the client had gone or a fault ate it.
    delivered: bool | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "arrived_at": clock.iso(self.arrived.wall),
            "arrived_wall": self.arrived.wall,
            "arrived_mono": self.arrived.mono,
            "dialect": self.dialect,
            "on": self.on,
            "method": self.request.method,
            "path": self.request.target,
            "headers": _shown(self.request.headers),
            "numbers": self.numbers,
            "reference": self.reference,
            "body": _body(self.request.body),
            "status": self.status,
            "fault": self.fault,
            "answer_after": self.answer_after,
            "placed": self.placed,
            "replayed": self.replayed,
            "answered_mono": self.answered.mono if self.answered else None,
            "delivered": self.delivered,
        }


def _shown(headers: dict[str, str]) -> dict[str, str]:
    """Headers with credentials masked to their last four characters."""
    masked = {name: re.sub(r"[^ ]+(?=.{4}$)", "…", headers[name]) for name in _SECRET if name in headers}
    return {**headers, **masked}


def _body(body: bytes) -> Any:
    """The JSON value that was sent, or the text when it is none, or None."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


class RequestLog:
    """Requests in order of arrival, in memory and, where a path was given, in a file of JSON lines."""

    def __init__(self, path: str | Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._file = _opened(path) if path else None
        self.next_seq = 1
        self.requests: Counter[str] = Counter()
        self.placement_requests: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def record(self, entry: Entry) -> None:
        self.next_seq = entry.seq + 1
        self._entries.append(entry)
        if len(self._entries) > KEPT:
            del self._entries[: KEPT // 10]
        self._tally(entry)
        if self._file:
            self._append({"event": "request", **entry.as_json()})

    def answered(self, entry: Entry, now: Instant, delivered: bool) -> None:
        """What became of an answer; the file gets a second line only when it was late or lost."""
        entry.answered, entry.delivered = now, delivered
        if self._file and (entry.answer_after or entry.fault or not delivered):
            line = {"event": "answer", "seq": entry.seq, "answered_mono": now.mono, "delivered": delivered}
            self._append(line)

    def note(self, event: str, **facts: Any) -> None:
        if self._file:
            self._append({"event": event, "at": clock.iso(clock.read().wall), **facts})

    def entries(self, since: int = 0, limit: int | None = None) -> list[Entry]:
        """Entries with a seq greater than `since`, oldest first."""
        first = self._entries[0].seq if self._entries else 1
        start = max(0, since + 1 - first)
        return self._entries[start : None if limit is None else start + limit]

    def clear(self) -> None:
        """Forgets the requests; numbering goes on, so that no two lines of the file share a seq."""
        self._entries.clear()
        for tally in (self.requests, self.placement_requests, self.faults, self.statuses):
            tally.clear()
        self.note("reset")

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _tally(self, entry: Entry) -> None:
        self.requests[entry.dialect or "none"] += 1
        self.statuses[str(entry.status)] += 1
        if entry.fault:
            self.faults[entry.fault] += 1
        if entry.on == "place" and entry.reference:
            self.placement_requests[entry.reference] += 1

    def _append(self, line: dict[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _opened(path: str | Path) -> Any:
    try:
        # Unbuffered: a line that was answered for must survive a kill right after.
        return Path(path).open("ab", buffering=0)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be written: {error.strerror}", code="LOG_UNWRITABLE") from None
