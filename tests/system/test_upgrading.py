"""Workers of the version before and a scheduler of this one, at work together on the new schema."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from dialer.domain.states import Lane
from dialer.ledger import migrate, schema_status
from tests.servers import PostgresServer
from tests.system.site import AGENT, WORKSPACE, Site, numbers
from workers.children import Child

ROOT = Path(__file__).parents[2]
#: The schema of the version before, which is the first commit of this repository.
BEFORE = "0001"
IN_OLD_HOUSE = 'cd "$1" && shift && PYTHONPATH="$PWD" exec "$@"'
RULES = [
    {"phone": "*11", "nth": 1, "outcome": "no_answer"},
    {"phone": "*12", "outcome": "busy"},
    {"phone": "*13", "fault": 422},
    {"phone": "*14", "nth": 1, "fault": {"status": 502, "placed": True}},
]


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.fail(f"git {' '.join(words)}: {done.stderr.decode()} (this test needs the repository and its history)")
    return done.stdout


@pytest.fixture(scope="session")
def old_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the version before, in a directory of its own."""
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.fail("this clone is shallow: the first commit is missing, `git fetch --unshallow` brings it")
    [first] = git("rev-list", "--max-parents=0", "HEAD").decode().split()
    house = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(git("archive", first, "dialer", "workers"))) as archive:
        archive.extractall(house, filter="data")
    steps = sorted(path.name for path in (house / "dialer/ledger/migrations/versions").glob("0*.py"))
    assert [step[:4] for step in steps] == [BEFORE], f"{first} is not the version before: it has {steps}"
    return house


class MixedSite(Site):
    """A worker of the version before was at work when the schema was brought up to date."""

    def __init__(self, home: Path, ledger_url: str, old_house: Path) -> None:
        super().__init__(home, ledger_url, {"defaults": {"ring_seconds": 0.1, "talk_seconds": 0.2}, "rules": RULES})
        self._old_house = old_house
        self._url = ledger_url

    def before_it_opens(self) -> None:
        migrate(self._url, BEFORE)
        self.hire_old("old")
        self.until(lambda: any("worker.started" in line for line in self.lines), "the old worker")
        migrate(self._url)

    def hire_old(self, name: str) -> Child:
        queues = ",".join(lane.queue for lane in Lane)
        celery = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker"]
        command = [*celery, "-Q", queues, "-c", "8", "-n", f"{name}@%h"]
        return self._start(self.workers, name, ["/bin/sh", "-c", IN_OLD_HOUSE, "sh", str(self._old_house), *command])

    def dialed_by(self, batch_id: str) -> set[str]:
        """Names of the workers that placed a batch's calls."""
        return {(attempt.worker or "").partition("@")[0] for call in self.calls(batch_id) for attempt in call.attempts}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def mixed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, old_house: Path
) -> Iterator[MixedSite]:
    home = tmp_path_factory.mktemp("mixed")
    url = f"sqlite:///{home / 'ledger.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database(f"mixed_{home.name.replace('-', '_')}")
    with MixedSite(home, url, old_house) as site:
        site.schedule()
        yield site


def test_workers_of_the_version_before_dial_for_the_new_scheduler(mixed: MixedSite) -> None:
    batch_id = mixed.load("together", numbers("301", 20), max_retries=1, retry={"no_answer": 1, "busy": 1})
    # The old one does not count what it moves: the scheduler counts anew, every ten seconds.
    status = mixed.end_of(batch_id)
    assert mixed.dialed_by(batch_id) == {"old"}
    reasons = {call.phone[-2:]: str(call.close_reason) for call in mixed.calls(batch_id)}
    assert (reasons.pop("12"), reasons.pop("13")) == ("exhausted", "rejected")
    assert set(reasons.values()) == {"reached"}
    assert (status.state, status.total, status.closed["reached"]) == ("completed", 20, 18)
    assert (status.counts["ready"], status.counts["waiting"], status.attempts) == (0, 0, 22)
    mixed.assert_nobody_was_called_twice(batch_id)


def test_they_heed_a_pause_and_a_drain_of_the_new_version(mixed: MixedSite) -> None:
    phones = numbers("302", 40, first=15)
    batch_id = mixed.load("halted", phones, provider="slow")
    mixed.until(lambda: len(mixed.placed(phones)) >= 3, "three calls")
    assert mixed.dialer.upkeep.drain(timeout=20).in_flight == 0
    drained = len(mixed.placed(phones))
    mixed.dialer.wait(batch_id, timeout=1.5)  # as long as nine calls of this account
    assert len(mixed.placed(phones)) == drained
    assert "drained" in (mixed.dialer.status(batch_id).why or "")
    mixed.dialer.upkeep.undrain()
    mixed.until(lambda: len(mixed.placed(phones)) > drained, "calls after the drain")
    mixed.dialer.pause_batch(WORKSPACE, AGENT, "halted")
    mixed.until(lambda: mixed.dialer.status(batch_id).in_flight == 0, "nothing in flight")
    paused = len(mixed.placed(phones))
    mixed.dialer.wait(batch_id, timeout=1.5)
    assert len(mixed.placed(phones)) == paused < len(phones)
    mixed.dialer.terminate_batch(WORKSPACE, AGENT, "halted")
    assert mixed.end_of(batch_id).state == "terminated"
    mixed.assert_nobody_was_called_twice(batch_id)


def test_one_that_starts_anew_refuses_and_a_new_one_works_beside_the_old(mixed: MixedSite) -> None:
    """What the version before does not know yet: that a newer schema may let it run."""
    late = mixed.hire_old("late")
    mixed.until(lambda: late.exit_code is not None, "its end")
    assert late.exit_code == 1
    assert any(line.startswith("late | SCHEMA_OUTDATED") for line in mixed.lines)
    mixed.hire(slots=2)
    beating = mixed.dialer.upkeep.workers
    mixed.until(lambda: any(row.worker.startswith("worker2") for row in beating()), "the new one's first beat")
    phones = numbers("303", 40, first=15)
    batch_id = mixed.load("both", phones, provider="slow")
    mixed.end_of(batch_id)
    assert mixed.dialed_by(batch_id) == {"old", "worker2"}
    mixed.assert_nobody_was_called_twice(batch_id)


def test_the_schema_says_that_the_version_before_may_run(mixed: MixedSite) -> None:
    assert schema_status(mixed._url).may_run
    revisions = {row.worker.partition("@")[0]: row.revision for row in mixed.dialer.upkeep.workers()}
    assert revisions["old"] is None
    assert revisions["worker2"] == schema_status(mixed._url).needed
