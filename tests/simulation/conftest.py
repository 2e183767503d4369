"""One ledger for all seeds of a test process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.ground import Ground, memory_directory


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(dir=memory_directory()) as directory:
        ground = Ground(Path(directory))
        yield ground
        ground.close()
