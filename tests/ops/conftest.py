"""Programs beside ours that these tests look at, or look with, and a site whose processes somebody else runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ops.supervised import Supervised
from tests.servers import PostgresServer
from tests.tools import tool


@pytest.fixture(scope="session", name="tool")
def find_tool() -> Callable[[str], str]:
    """`tool("promtool")`: where it is."""
    return tool


@pytest.fixture
def supervised(tmp_path: Path, postgres_url: str, postgres_server: PostgresServer) -> Iterator[Supervised]:
    """The shipped supervisor file at work, on PostgreSQL."""
    with ExitStack() as stack:
        yield stack.enter_context(Supervised(tmp_path, postgres_url))
