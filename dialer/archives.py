"""Pruned batches as compressed JSONL files, one for each batch: whole on disk under its name, or not there at all."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.errors import ArchiveUnwritable
from dialer.ports.upkeep import Row

SUFFIX = ".jsonl.gz"
OWNER_ONLY = 0o700


class JsonlArchive:
    """`dialer.ports.upkeep.Archive`. The files hold phone numbers, and are the owner's only."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()

    def write(self, folder: str, batch_id: str, rows: Iterable[Row]) -> str:
        # A name of its own: two who prune at once must not write into each other's archive.
        name = f"{folder}/{batch_id}.{uuid.uuid4().hex[:8]}{SUFFIX}"
        path = self.directory / name
        draft = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
            try:
                _write(draft, rows)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            _sync_directory(path.parent)
        except OSError as error:
            raise ArchiveUnwritable(f"{path}: {error.strerror or error}") from None
        return name

    def keep_only(self, name: str) -> None:
        kept = self.directory / name
        batch_id = kept.name.partition(".")[0]
        for other in kept.parent.glob(f"{batch_id}.*"):
            if other != kept:
                other.unlink(missing_ok=True)

    def discard(self, name: str) -> None:
        (self.directory / name).unlink(missing_ok=True)


def _write(path: Path, rows: Iterable[Row]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # No name and no time in it: the same batch makes the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for row in rows:
                packed.write(json.dumps(row, default=_plain, ensure_ascii=False).encode() + b"\n")
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
