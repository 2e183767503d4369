"""The same tests on the real thing and on its double."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dialer.coordination import Coordination, open_coordination
from tests.contract.coordination.rigs import FakeRig, RedisRig, Rig, raised


@pytest.fixture(params=["redis", "fake"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Empty: no epoch was raised."""
    if request.param == "fake":
        yield FakeRig()
        return
    rig = RedisRig(request.getfixturevalue("redis_url"))
    yield rig
    rig.coordination.close()


@pytest.fixture
def rig(fresh: Rig) -> Rig:
    """The scheduler has set it up a while ago."""
    return raised(fresh)


@pytest.fixture
def redis_rig(redis_url: str) -> Iterator[RedisRig]:
    """The same, where only the real thing can be asked."""
    rig = raised(RedisRig(redis_url))
    yield rig
    rig.coordination.close()


@pytest.fixture
def live(redis_url: str) -> Iterator[Coordination]:
    """As in production, by Redis' own time."""
    coordination = open_coordination(redis_url)
    yield coordination
    coordination.close()
