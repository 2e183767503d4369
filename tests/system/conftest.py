"""Sites to dial from: one that several tests share for each kind of ledger, and one for a test that breaks things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dialer.ledger import migrate
from tests.servers import PostgresServer
from tests.system.site import Site

BuildSite = Callable[..., Site]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A scheduler and two workers, shared by the tests of one module: use batch refs and numbers of your own."""
    home = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{home / 'ledger.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database(f"system_{home.name.replace('-', '_')}")
    migrate(url)
    with Site(home, url, SHARED_SCENARIO) as shared:
        shared.schedule()
        shared.hire(slots=12)
        yield shared


#: Numbers by their last digits; everybody else answers.
SHARED_SCENARIO: dict[str, Any] = {
    "defaults": {"ring_seconds": 0.1, "talk_seconds": 0.2},
    "rules": [
        {"phone": "*01", "nth": 1, "outcome": "no_answer"},
        {"phone": "*02", "outcome": "busy"},
        {"phone": "*03", "nth": 1, "fault": {"status": 502, "placed": True}},
        {"phone": "*04", "fault": 422},
        {"phone": "*05", "nth": 1, "fault": {"status": 429, "retry_after": 1}},
        {"phone": "*06", "nth": 1, "fault": "timeout"},
        {"phone": "*07", "nth": 1, "fault": "reset_before"},
    ],
}


@pytest.fixture
def build_site(tmp_path: Path, sqlite_url: str) -> Iterator[BuildSite]:
    """`build_site(scenario)`: a site of the test's own, with nobody at work yet."""
    with ExitStack() as stack:
        yield lambda scenario=None: stack.enter_context(Site(tmp_path, sqlite_url, scenario))
