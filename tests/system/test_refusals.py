"""A unit started with what cannot work: one clear line, the exit code of the guide, and no secret in either."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

import pytest

from dialer.ledger.schema import migrate
from tests.system import flower
from tests.system.guarded import GuardedRedis
from workers.embedded_redis import HOST, free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DIALER = str(BIN / "dialer")
#: The commands of the units, as systemd and supervisor run them.
SCHEDULER = [DIALER, "scheduler"]
WORKER = [DIALER, "worker", "--lanes", "test,high,normal,low", "--concurrency", "2", "--name", "worker-1@%h"]
TEST_LANE = [DIALER, "worker", "--lanes", "test", "--concurrency", "2", "--name", "test-lane@%h"]
HTTP = [DIALER, "serve", "--host", HOST]
FLOWER = flower.command()
UNITS = {"scheduler": SCHEDULER, "worker": WORKER, "test-lane": TEST_LANE, "http": HTTP, "flower": FLOWER}
DIALING = ["scheduler", "worker", "test-lane"]
MENDABLE, WRONG = 1, 2

TOML = """
database_url = "{ledger}"
redis_url = "{redis}"

[providers.sim]
kind = "batch_call"
base_url = "http://127.0.0.1:9/batch_call"
api_key = "k3y-of-ours"
api_secret = "{secret}"
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedRedis]:
    with GuardedRedis(tmp_path_factory.mktemp("redis"), persistent=True) as server:
        yield server


class Unit:
    """One start of one process, with a configuration of its own."""

    def __init__(self, home: Path, ledger: str, redis: str) -> None:
        self.home, self.toml = home, home / "dialer.toml"
        self.variables = {"DIALER_CONFIG": str(self.toml), "FLOWER_BASIC_AUTH": flower.LOGIN, "PYTHONPATH": str(ROOT)}
        self.variables["FLOWER_PORT"] = str(free_port())
        self.write(TOML.format(ledger=ledger, redis=redis, secret="s3cr3t-of-ours"))

    def write(self, text: str) -> None:
        self.toml.write_text(text, encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        text = self.toml.read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new))

    def start(self, command: Sequence[str], log: IO[Any] | int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        """Runs until it has refused to."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIALER_", "FLOWER_"))}
        return subprocess.run(
            [*as_a_user_without_rights(), *command],
            cwd=ROOT,
            env=kept | self.variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            timeout=60,
            check=False,
        )

    def refuses(self, role: str, code: int, *, words: str) -> None:
        done = self.start(UNITS[role])
        assert done.returncode == code, done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert words in lines[0]
        for secret in ("k3y-of-ours", "s3cr3t-of-ours", "dialer-secret", "gu3ssed", "w4tch-only"):
            assert secret not in done.stdout + done.stderr


def as_a_user_without_rights() -> list[str]:
    """Root reads whatever its mode says, unless it leaves that right behind, as it does in the units."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv is not on PATH: it is part of util-linux"
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def unit(tmp_path: Path, sqlite_url: str, redis: GuardedRedis) -> Unit:
    return Unit(tmp_path, sqlite_url, redis.url_of("dialer"))


@pytest.mark.parametrize("role", ["scheduler", "worker", "test-lane", "http"])
def test_a_missing_secret_is_for_somebody_to_mend(role: str, unit: Unit) -> None:
    unit.change('api_secret = "s3cr3t-of-ours"', "")
    unit.refuses(role, WRONG, words="CONFIG_INVALID: dialer.toml: providers.sim.api_secret: is missing")


def test_a_flower_without_a_password_is_for_somebody_to_mend(unit: Unit) -> None:
    del unit.variables["FLOWER_BASIC_AUTH"]
    unit.refuses("flower", WRONG, words="FLOWER_BASIC_AUTH")
    (unit.home / "login").write_text("nobody\n", encoding="utf-8")
    unit.variables["FLOWER_BASIC_AUTH_FILE"] = str(unit.home / "login")
    unit.refuses("flower", WRONG, words="expected name:password")


@pytest.mark.parametrize("role", sorted(UNITS))
def test_a_configuration_that_it_may_not_read_is_for_somebody_to_mend(role: str, unit: Unit) -> None:
    unit.toml.chmod(0)
    unit.refuses(role, WRONG, words="dialer.toml: cannot be read: Permission denied")


@pytest.mark.parametrize("role", ["scheduler", "worker", "http"])
def test_a_credential_that_it_may_not_read_is_for_somebody_to_mend(role: str, unit: Unit) -> None:
    credentials = unit.home / "credentials"
    credentials.mkdir()
    (credentials / "dialer_redis_url").write_text("redis://worker:gu3ssed@h/0", encoding="utf-8")
    (credentials / "dialer_redis_url").chmod(0)
    unit.variables["CREDENTIALS_DIRECTORY"] = str(credentials)
    unit.refuses(role, WRONG, words="dialer_redis_url: cannot be read: Permission denied")


@pytest.mark.parametrize("role", [*DIALING, "flower"])
def test_a_wrong_password_for_redis_is_told_without_the_password(role: str, unit: Unit, redis: GuardedRedis) -> None:
    unit.change(redis.url_of("dialer"), redis.url_of("dialer").replace("dialer-secret", "gu3ssed"))
    unit.refuses(role, MENDABLE, words="REDIS_UNREACHABLE")


@pytest.mark.parametrize("role", [*DIALING, "http"])
def test_an_old_schema_says_what_to_run(role: str, unit: Unit) -> None:
    migrate(f"sqlite:///{unit.home}/old.db", "0001")
    unit.change("ledger.db", "old.db")
    unit.refuses(role, MENDABLE, words="dialer migrate")


@pytest.mark.parametrize("role", ["http", "flower"])
def test_a_port_that_is_taken_is_named(role: str, unit: Unit) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        unit.variables["FLOWER_PORT"] = port
        if role == "http":
            unit.variables["DIALER_HTTP__PORT"] = port
        unit.refuses(role, MENDABLE, words=port)


@pytest.mark.parametrize("role", sorted(UNITS))
def test_a_full_disk_for_logs_does_not_cost_the_exit_code(role: str, unit: Unit) -> None:
    unit.toml.chmod(0)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert unit.start(UNITS[role], full).returncode == WRONG


def test_a_full_disk_for_logs_does_not_stop_the_dialing(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.system.test_starting import all_are_well

    monkeypatch.setenv("DIALER_CONFIG", str(unit.toml))
    port = unit.variables["DIALER_HTTP__PORT"] = str(free_port())
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        processes = [
            subprocess.Popen(UNITS[role], cwd=ROOT, env=os.environ | unit.variables, stdout=full, stderr=full)
            for role in ("scheduler", "worker", "http")
        ]
    try:
        all_are_well()
        assert answers(f"http://{HOST}:{port}/readyz")
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(30) for process in processes] == [0, 0, 0]


def answers(url: str) -> bool:
    """Within forty seconds."""
    for _ in range(400):
        with suppress(OSError), urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        time.sleep(0.1)
    return False
