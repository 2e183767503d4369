"""Rigs: one on SQLite, one on each database in turn, and one for a provider that reports no outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dialer.testing.providers import FakeProvider
from tests.integration.engine.rig import HANDS_OFF, Rig

NewRig = Callable[..., Rig]


@pytest.fixture
def new_rig(sqlite_url: str) -> Iterator[NewRig]:
    """Make a rig with accounts, providers or rules of the test's own."""
    made: list[Rig] = []

    def make(**given: Any) -> Rig:
        made.append(Rig(sqlite_url, **given))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    return new_rig()


@pytest.fixture
def hands_off(new_rig: NewRig) -> Rig:
    """A rig whose provider reports no outcome."""
    return new_rig(providers={"au": FakeProvider(capabilities=HANDS_OFF)})


@pytest.fixture
def either(ledger_url: str) -> Iterator[Rig]:
    """A rig on SQLite, and on PostgreSQL."""
    rig = Rig(ledger_url)
    yield rig
    rig.close()
