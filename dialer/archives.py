"""Pruned batches as compressed JSONL files, one for each batch: whole on disk under its name, or not there at all."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.errors import ArchiveUnwritable
from dialer.ports.upkeep import Row

SUFFIX = ".jsonl.gz"
OWNER_ONLY = 0o700
_WORDS = ("raw", "detail", "summary", "transcript", "recording_url", "gates")


class JsonlArchive:
    """`dialer.ports.upkeep.Archive`. The files hold phone numbers, and are the owner's only."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()

    def write(self, folder: str, batch_id: str, rows: Iterable[Row]) -> str:
        # A name of its own: two who prune at once must not write into each other's archive.
        name = f"{folder}/{batch_id}.{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._replace(self.directory / name, _texts(rows))
        return name

    def erase(self, phone: str, forms: Sequence[str], token: str) -> int:
        wanted, rewritten = [form.encode() for form in forms], 0
        for path in sorted(self.directory.rglob(f"*{SUFFIX}")):
            if not _holds(path, wanted):
                continue
            self._replace(path, (_erased(line, phone, forms, token) for line in _lines(path)))
            rewritten += 1
        return rewritten

    def _replace(self, path: Path, lines: Iterable[str]) -> None:
        draft = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
            try:
                _write(draft, lines)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            _sync_directory(path.parent)
        except (OSError, EOFError, ValueError) as error:
            raise ArchiveUnwritable(f"{path}: {getattr(error, 'strerror', None) or error}") from None

    def keep_only(self, name: str) -> None:
        kept = self.directory / name
        batch_id = kept.name.partition(".")[0]
        for other in kept.parent.glob(f"{batch_id}.*"):
            if other != kept:
                other.unlink(missing_ok=True)

    def discard(self, name: str) -> None:
        (self.directory / name).unlink(missing_ok=True)


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            return any(form in line for line in file for form in wanted)
    except (OSError, EOFError) as error:
        raise ArchiveUnwritable(f"{path}: cannot be read: {error}") from None


def _erased(line: str, phone: str, forms: Sequence[str], token: str) -> str:
    """One row, the number gone from it; of its own calls, all that was said, too."""
    row = json.loads(line)
    if row.get("call", {}).get("phone") == phone:
        row["call"] |= {"variables": None, "kept": None, "why": None}
        row["attempts"] = [attempt | dict.fromkeys(_WORDS) for attempt in row["attempts"]]
        line = json.dumps(row, ensure_ascii=False)
    for form in forms:
        line = line.replace(form, token)
    return line


def _texts(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, default=_plain, ensure_ascii=False)


def _write(path: Path, lines: Iterable[str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # No name and no time in it: the same batch makes the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for line in lines:
                packed.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Else a power cut could take the new name back."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
