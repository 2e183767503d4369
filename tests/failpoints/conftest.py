"""A scene on each kind of ledger; the launcher and the simulator are shared by the tests of one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.simulator import Simulator
from tests.failpoints.scene import QUICK, Launcher, Scene


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    with Launcher(tmp_path_factory.mktemp("launcher")) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def provider() -> Iterator[Simulator]:
    with Simulator({"defaults": QUICK}) as simulator:
        yield simulator


@pytest.fixture
def scene(tmp_path: Path, ledger_url: str, redis_url: str, provider: Simulator, launcher: Launcher) -> Iterator[Scene]:
    provider.reset()
    provider.play({"defaults": QUICK})
    scene = Scene(tmp_path, ledger_url, redis_url, provider, launcher)
    yield scene
    scene.close()
