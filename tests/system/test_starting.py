"""How processes start, or say in one line why they don't."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.ledger import SqlLedger, open_ledger
from workers import health, programs
from workers.embedded_redis import EmbeddedRedis, free_port, recorded, running_url

ROOT = Path(__file__).parents[2]
SCHEDULER = programs.scheduler()
WORKER = programs.worker("lone", 2)
SERVING = programs.serving()
ALL, NAMES = [SCHEDULER, WORKER, SERVING], ["scheduler", "worker", "serve"]

DEAD_AFTER = timedelta(seconds=10)

TOML = """
database_url = "{ledger}"
redis_url = "{redis}"

[providers.sim]
kind = "inspra"
base_url = "http://127.0.0.1:9/inspra"

[http]
port = 0
"""


def run(command: list[str], home: Path, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=seconds, check=False
    )


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIALER_")}
    return kept | {"DIALER_CONFIG": str(home / "dialer.toml")}


def configure(home: Path, ledger: str, redis: str) -> None:
    (home / "dialer.toml").write_text(TOML.format(ledger=ledger, redis=redis), encoding="utf-8")


@pytest.mark.parametrize("command", [SCHEDULER, WORKER], ids=["scheduler", "worker"])
def test_an_unreachable_redis_is_one_line_and_exit_code_1(command: list[str], tmp_path: Path, sqlite_url: str) -> None:
    port = free_port()
    configure(tmp_path, sqlite_url, f"redis://:secret@127.0.0.1:{port}/0")
    done = run(command, tmp_path)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("REDIS_UNREACHABLE")
    assert str(port) in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("command", ALL, ids=NAMES)
def test_an_unreachable_ledger_is_one_line_and_exit_code_1(command: list[str], tmp_path: Path, redis_url: str) -> None:
    configure(tmp_path, f"postgresql://nobody:secret@127.0.0.1:{free_port()}/dialer", redis_url)
    done = run(command, tmp_path)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["LEDGER_UNREACHABLE"]
    assert "secret" not in done.stderr


@pytest.mark.parametrize("command", ALL, ids=NAMES)
def test_a_ledger_without_our_schema_is_one_line_and_exit_code_1(
    command: list[str], tmp_path: Path, redis_url: str, empty_postgres_url: str
) -> None:
    configure(tmp_path, empty_postgres_url, redis_url)
    done = run(command, tmp_path)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.strip().splitlines()] == ["SCHEMA_OUTDATED"]


@pytest.mark.parametrize("command", ALL, ids=NAMES)
def test_a_wrong_configuration_is_one_line_and_exit_code_2(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "dialer.toml").write_text('databse_url = "sqlite:///dialer.db"\n', encoding="utf-8")
    done = run(command, tmp_path)
    assert done.returncode == 2
    assert "database_url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pool_of_processes_is_refused(tmp_path: Path, sqlite_url: str, redis_url: str) -> None:
    configure(tmp_path, sqlite_url, redis_url)
    bare = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker"]
    done = run([*bare, "--pool", "processes"], tmp_path)
    assert done.returncode == 2
    assert "expected threads" in done.stderr


def test_health_tells_the_living_from_the_dead(
    tmp_path: Path, sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, sqlite_url, redis_url)
    monkeypatch.setenv("DIALER_CONFIG", str(tmp_path / "dialer.toml"))
    assert [health.main([who]) for who in ("worker", "scheduler")] == [1, 1]
    processes = [start(command, tmp_path) for command in (SCHEDULER, WORKER)]
    try:
        all_are_well()
    finally:
        end(processes)
    assert health.main(["worker"]) == 1  # a clean stop is known at once
    asked = run([sys.executable, "-m", "workers.health", "worker"], tmp_path)
    assert (asked.returncode, len(asked.stdout.splitlines()), asked.stderr) == (1, 1, "")


def all_are_well(seconds: float = 30) -> None:
    give_up_at = time.monotonic() + seconds
    while health.main(["worker"]) or health.main(["scheduler"]):
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def test_up_runs_everything_once_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, "sqlite:///dialer.db", "embedded")
    monkeypatch.setenv("DIALER_CONFIG", str(tmp_path / "dialer.toml"))
    up = [sys.executable, "-m", "workers.embedded", "up"]
    process = start(up, tmp_path)
    try:
        all_are_well()
        second = run(up, tmp_path)
        assert (second.returncode, second.stderr.partition(":")[0]) == (1, "ALREADY_UP")
        killed = recorded(tmp_path / ".dialer")["pid"]
        os.kill(killed, signal.SIGKILL)
        give_up_at = time.monotonic() + 15
        while recorded(tmp_path / ".dialer").get("pid") == killed or running_url(tmp_path / ".dialer") is None:
            assert time.monotonic() < give_up_at, "Redis was not started again"
            time.sleep(0.05)
    finally:
        end([process])
    assert process.returncode == 0
    with EmbeddedRedis(tmp_path / ".dialer", persistent=True):
        pass  # nothing holds its directory any more


def test_the_demo_accounts_for_every_number(tmp_path: Path) -> None:
    demo = [sys.executable, "-m", "workers.embedded", "demo", "--calls", "18", "--json"]
    done = run(demo, tmp_path, seconds=90)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["simulator"]["doubled"] == 0
    assert [batch["open"] for batch in report["batches"]] == [0, 0, 0, 0]
    assert sum(batch["numbers"] for batch in report["batches"]) == 19


def test_several_workers_under_one_command_are_kept_alive_and_end_together(
    tmp_path: Path, sqlite_url: str, redis_url: str
) -> None:
    configure(tmp_path, sqlite_url, redis_url)
    ledger = open_ledger(sqlite_url)
    process = start(programs.worker("crowd", 2, processes=2), tmp_path)
    try:
        first = names_of(ledger, {"crowd-1", "crowd-2"})
        os.kill(int(first["crowd-1"].rpartition("/")[2]), signal.SIGKILL)
        second = names_of(ledger, {"crowd-1", "crowd-2"}, besides=first["crowd-1"])
        assert second["crowd-2"] == first["crowd-2"]  # a neighbour's death is nothing to it
    finally:
        end([process])
    assert process.returncode == 0
    alive = {row.worker for row in ledger.workers.all(DEAD_AFTER) if row.is_alive}
    assert alive <= {first["crowd-1"]}  # which was killed, and could say nothing
    ledger.close()


def names_of(ledger: SqlLedger, nodes: set[str], besides: str | None = None) -> dict[str, str]:
    """By node, the workers that the ledger has heard of, once all of these are there."""
    give_up_at = time.monotonic() + 30
    while True:
        rows = [row.worker for row in ledger.workers.all(DEAD_AFTER) if row.is_alive and row.worker != besides]
        alive = {worker.partition("@")[0]: worker for worker in rows}
        if alive.keys() == nodes:
            return alive
        assert time.monotonic() < give_up_at, alive
        time.sleep(0.05)


def start(command: list[str], home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(30)
