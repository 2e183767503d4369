"""The command line with a Dialer that answers from memory on its desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from dialer.cli.desk import Desk
from dialer.settings import Settings
from tests.unit.cli.fake_dialer import FakeDialer, Shell


@pytest.fixture
def dialer() -> FakeDialer:
    return FakeDialer()


@pytest.fixture
def shell(dialer: FakeDialer) -> Shell:
    became: list[Sequence[str]] = []
    migrated: list[str] = []
    desk = Desk(
        open_dialer=cast(Callable[[], Any], lambda: dialer),
        become=became.append,
        migrate=migrated.append,
        schema=lambda url: dialer.schema,
        read_settings=lambda: Settings.model_validate({"database_url": "sqlite:////srv/dialer.db"}),
        sleep=lambda seconds: None,
    )
    return Shell(desk, became, migrated)
