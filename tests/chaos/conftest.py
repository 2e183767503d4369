"""How long a suite is, its seed, its ledger, and the table of what came of it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.auditor import Verdict, audit
from tests.chaos.ground import Ground
from tests.chaos.ledgers import Books, PostgresBooks, SqliteBooks
from tests.servers import PostgresServer

Prepare = Callable[..., Ground]
Conclude = Callable[..., Verdict]
#: Each suite is in the short form, but most on one ledger only: all of it has four minutes.
LONG_ONLY = frozenset(
    {
        "test_workers_frozen_for_longer_than_every_deadline[sqlite]",
        "test_redis_lost_emptied_frozen_and_full[postgresql]",
        "test_pause_resume_and_terminate_at_random[sqlite]",
        "test_a_ledger_restored_while_redis_lived_on[postgresql]",
        "test_dialing_resumes_after_redis_came_back_empty[postgresql]",
        "test_the_calls_of_a_killed_worker[sqlite]",
        "test_the_naive_dialer[kill_worker]",
        "test_webhooks_early_doubled_reordered_and_forged_while_processes_are_killed[postgresql]",
    }
)
LONGEST = ("tests/chaos/test_webhooks", "tests/chaos/test_clocks", "tests/chaos/test_processes")
RESULTS = Path(__file__).resolve().parents[2] / "chaos-results.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--long", action="store_true", dest="chaos_long", help="the long form of each suite")
    group.addoption("--seed", dest="chaos_seed", default=None, help="replays the plan of faults of an earlier run")
    group.addoption("--scale", dest="chaos_scale", type=float, default=1.0, help="of the long form, 1 being whole")


@dataclass(frozen=True)
class Form:
    """Short, as in each run of the tests, or long."""

    is_long: bool
    seed: str
    scale: float = 1.0

    def pick(self, short: int, long: int) -> int:
        return max(1, round(long * self.scale)) if self.is_long else short

    def seconds(self, short: float, long: float) -> float:
        return long if self.is_long else short


@pytest.fixture
def form(request: pytest.FixtureRequest) -> Form:
    option = request.config.getoption  # absent when only a parent folder was named on the command line
    seed = option("chaos_seed", None) or secrets.token_hex(4)
    return Form(bool(option("chaos_long", False)), str(seed), float(option("chaos_scale", 1.0)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_long = config.getoption("chaos_long", False)
    for item in items:
        if "tests/chaos/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(7200 if is_long else 180))
    # The longest first, so that whoever runs them side by side ends on short ones.
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    if not is_long:
        left_out = [item for item in items if item.name in LONG_ONLY]
        items[:] = [item for item in items if item.name not in LONG_ONLY]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Books:
    """A ledger of the suite's own, of each kind in turn."""
    name = f"{request.param}_books"
    made: Books = request.getfixturevalue(name)
    return made


@pytest.fixture
def sqlite_books(tmp_path: Path) -> SqliteBooks:
    return SqliteBooks(tmp_path)


@pytest.fixture
def postgresql_books(own_postgres: PostgresServer) -> PostgresBooks:
    """fsync on: a server that is stopped at once must not lose what it said was committed."""
    return PostgresBooks(own_postgres)


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Callable[..., Ground]]:
    """`prepare(books, scenario, pace=…)`: a ground with nobody at work."""
    with ExitStack() as stack:

        def make(books: Books, scenario: Mapping[str, Any] | None = None, **options: Any) -> Ground:
            return stack.enter_context(Ground(tmp_path / "ground", books, scenario, **options))

        yield make


@pytest.fixture
def conclude(request: pytest.FixtureRequest, form: Form) -> Callable[..., Verdict]:
    """Audits a ground, prints the suite's line and keeps it; asserts that no promise was broken."""

    def judge(ground: Ground, faults: int, promise: bool = True, **measured: Any) -> Verdict:
        verdict = audit(ground.evidence())
        verdict.faults, verdict.seed = faults, form.seed
        name = request.node.name.removeprefix("test_")
        report(request, f"{name}: {verdict.line()}" + "".join(f" {key}={value}" for key, value in measured.items()))
        kept = {"suite": name, "ledger": ground.books.kind, "form": "long" if form.is_long else "short"}
        keep({**kept, **verdict.as_json(), **measured})
        if promise:
            assert not verdict.violations, "\n".join([verdict.line(), *verdict.violations[:20], ground.tail])
        return verdict

    return judge


def report(request: pytest.FixtureRequest, line: str) -> None:
    """On the terminal, captured or not."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{line}", flush=True)  # noqa: T201 - the figures are what this is run for


def keep(result: dict[str, Any]) -> None:
    """Appended to the list in chaos-results.json, from which docs/guarantee.md takes its table."""
    with RESULTS.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        kept = json.loads(file.read() or "[]")
        draft = RESULTS.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps([*kept, result], indent=1) + "\n", encoding="utf-8")
        file.truncate(0)
        file.write(draft.read_text(encoding="utf-8"))
        draft.unlink()
