"""Programs beside ours that these tests look at, or look with, and a site whose processes somebody else runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ops.supervised import Supervised
from tests.servers import PostgresServer

#: program -> the Debian package that brings it
PACKAGES = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "docker-compose": "docker-compose",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """`tool("promtool")`: where it is. A test that misses one fails, for a skipped check is no check."""

    def find(name: str) -> str:
        found = shutil.which(name)
        assert found, f"{name} is not on PATH: apt-get install --no-install-recommends {PACKAGES[name]}"
        return found

    return find


@pytest.fixture
def supervised(tmp_path: Path, postgres_url: str, postgres_server: PostgresServer) -> Iterator[Supervised]:
    """The shipped supervisor file at work, on PostgreSQL."""
    with ExitStack() as stack:
        yield stack.enter_context(Supervised(tmp_path, postgres_url))
