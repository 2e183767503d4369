"""The real `dialer` command on a real ledger in a file, from an empty directory on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BATCH = "acme/agent-7/spring"
COMMAND = [sys.executable, "-m", "dialer.cli"]


def environment() -> dict[str, str]:
    """Of this process, without a configuration of the dialer's."""
    return {name: text for name, text in os.environ.items() if not name.startswith("DIALER_")}


def run(place: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    told = subprocess.run(
        [*COMMAND, *words], cwd=place, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == code, told
    assert "Traceback" not in told.stderr
    return told


def begin(place: Path, *words: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *words], cwd=place, env=environment(), stdout=pipe, stderr=pipe)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a configuration, a ledger, and one batch of 2000 numbers, loaded."""
    here = tmp_path_factory.mktemp("command line")
    run(here, "init")
    run(here, "migrate")
    numbers = "".join(f"+6139{2_000_000 + number},Kim,\n" for number in range(2000))
    (here / "numbers.csv").write_text(f"phone,FIRST_NAME,timezone\n{numbers}+1,Lee,\n", encoding="utf-8")
    names = {"workspaceId": "acme", "agentId": "agent-7", "batchRef": "spring", "cli": "+61387772586"}
    (here / "batch.json").write_text(json.dumps(names), encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def receipt(place: Path) -> dict[str, object]:
    told = run(place, "load", "batch.json", "--calls", "numbers.csv", "--json")
    document: dict[str, object] = json.loads(told.stdout)
    return document


def test_a_bare_directory_says_how_to_begin(tmp_path: Path) -> None:
    told = run(tmp_path, "batches", code=2)
    assert told.stderr.startswith("CONFIG_INVALID: there is no configuration")
    assert "dialer init" in told.stderr


def test_a_load_is_read_back_from_all_sides(place: Path, receipt: dict[str, object]) -> None:
    assert (receipt["accepted"], receipt["rejected"]) == (2000, 1)
    assert (place / "numbers.csv.rejected.csv").read_text(encoding="utf-8").count("\n") == 2
    status = json.loads(run(place, "status", BATCH, "--json").stdout)
    assert status["total"] == 2000
    assert status["batch_id"] == receipt["batch_id"]
    (batch,) = json.loads(run(place, "batches", "--json").stdout)
    assert batch["batch_ref"] == "spring"
    calls = json.loads(run(place, "calls", BATCH, "--json").stdout)
    assert len({call["phone"] for call in calls}) == 2000
    assert calls[0]["variables"] == {"FIRST_NAME": "Kim"}
    explained = json.loads(run(place, "explain", str(calls[0]["call_id"]), "--json").stdout)
    assert {gate["verdict"] for gate in explained["gates"]} == {"open", "closed"}
    (week,) = json.loads(run(place, "windows", BATCH, "--json").stdout)
    assert week["open"]
    assert "█" in run(place, "windows", BATCH).stdout


def test_whoever_stops_reading_ends_the_command_without_a_word(place: Path, receipt: dict[str, object]) -> None:
    with subprocess.Popen(
        [*COMMAND, "calls", BATCH, "--csv"],
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def heed_interrupts() -> None:
    """Whoever runs the tests in the background of a script has them ignored, and passes that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_watch_ends_with_130_without_a_word(place: Path, receipt: dict[str, object]) -> None:
    with subprocess.Popen(
        [*COMMAND, "status", BATCH, "--watch"],
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    ) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=30)
    assert (process.returncode, told, complaints) == (130, b"", b"")


def test_control_without_redis_commits_and_warns(place: Path, receipt: dict[str, object]) -> None:
    told = run(place, "pause", BATCH, "--json")
    document = json.loads(told.stdout)
    assert document["state"] == "paused"
    assert any("REDIS_UNREACHABLE" in warning for warning in document["warnings"])
    assert json.loads(run(place, "status", BATCH, "--json").stdout)["state"] == "paused"
    assert json.loads(run(place, "resume", BATCH, "--json").stdout)["state"] == "running"


def test_the_do_not_call_list_is_kept(place: Path) -> None:
    (place / "list.txt").write_text("+61392000001\n+61392000002\nx\n", encoding="utf-8")
    assert "row 3: PHONE_NOT_E164" in run(place, "suppress", "import", "list.txt", code=1).stderr
    (entry,) = json.loads(run(place, "suppress", "check", "+61392000002", "--json").stdout)
    assert entry["reason"] == "imported"
    assert json.loads(run(place, "suppress", "remove", "+61392000002", "--json").stdout)["removed"] is True


def test_a_check_without_redis_fails_and_says_which(place: Path) -> None:
    document = json.loads(run(place, "check", "--json", code=1).stdout)
    assert [check["name"] for check in document["checks"] if not check["ok"]] == ["redis"]


def test_a_refused_load_names_every_mistake(place: Path) -> None:
    (place / "bad.json").write_text('{"workspaceId": "acme", "batchRef": "x", "exp": "2020-01-01T00:00:00Z"}')
    lines = run(place, "load", "bad.json", code=2).stderr.splitlines()
    assert [line.split(":")[0] for line in lines][:1] == ["FIELD_MISSING"]


@pytest.mark.parametrize("words", [("scheduler",), ("worker",), ("up",)])
def test_no_process_starts_on_a_broken_configuration(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "dialer.toml").write_text("nbr = 1")
    assert "nbr: is not a known key" in run(tmp_path, *words, code=2).stderr
