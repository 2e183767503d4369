"""`dialer serve` as a process: it says where it listens, keeps keys out of its log, and ends when it is told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dialer import Dialer
from dialer.domain.client import NewKey
from dialer.settings import load_settings
from tests.system.test_starting import ROOT, configure, environment, run
from workers import programs
from workers.embedded_redis import free_port

DIALER = [sys.executable, "-m", "dialer.cli"]
BODY = {"agentId": "agent-7", "batchRef": "spring", "cli": "+61387772586", "callList": [{"phone": "+61278132035"}]}


@pytest.fixture
def home(tmp_path: Path, sqlite_url: str) -> Path:
    configure(tmp_path, sqlite_url, "redis://127.0.0.1:1")
    return tmp_path


@pytest.fixture
def key(home: Path) -> NewKey:
    with Dialer(load_settings(home / "dialer.toml")) as dialer:
        return dialer.keys.create("acme")


@contextmanager
def started(command: list[str], home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address that its first line tells, and the process, which is ended."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().removeprefix("listening on "), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_it_serves_logs_without_keys_and_ends_cleanly(home: Path, key: NewKey) -> None:
    with started([*DIALER, "serve", "--port", "0"], home) as (url, process):
        bearer = {"Authorization": f"Bearer {key.api_key}"}
        with httpx.Client() as client:
            assert client.post(f"{url}//load-json", json=BODY, headers=bearer).status_code == 200
            assert client.post(f"{url}/k/{key.api_key}//load-json", json=BODY).status_code == 200
            assert client.post(f"{url}/nowhere/{key.api_key}/load-json", json=BODY).status_code == 404
            assert client.post(f"{url}/webhooks/main/hook-secret", json={}).status_code == 404
            assert client.get(f"{url}/healthz").json() == {"status": "alive"}
            assert client.get(f"{url}/docs").status_code == 200
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    answered = [line for line in lines if line["event"] == "http.answered"]
    assert [(line["method"], line["path"], line["status"]) for line in answered] == [
        ("POST", "//load-json", 200),
        ("POST", "/k/***//load-json", 200),
        ("POST", "/nowhere/oc_live_***/load-json", 404),
        ("POST", "/webhooks/main/***", 404),
        ("GET", "/docs", 200),
    ]
    assert answered[0]["key_id"] == key.key_id
    for secret in (key.api_key, key.api_secret, "hook-secret", "+61278132035"):
        assert secret not in said
    assert lines[-1]["event"] == "serve.stopped"


def test_a_taken_port_is_one_line_and_exit_code_1(home: Path) -> None:
    with started(programs.serving(port=0), home) as (url, _):
        port = url.rpartition(":")[2]
        done = run([*DIALER, "serve", "--port", port], home)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"PORT_TAKEN: cannot listen on 127.0.0.1:{port}: Address already in use"]
    assert done.stdout == ""


def test_an_address_that_is_none_is_one_line_and_exit_code_1(home: Path) -> None:
    done = run([*DIALER, "serve", "--host", "no.such.host.invalid", "--port", str(free_port())], home)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["PORT_TAKEN"]


def test_without_the_extra_it_says_what_to_install(home: Path) -> None:
    hidden = "import sys; sys.modules['fastapi'] = None; from workers.serving import main; main(['--port', '0'])"
    done = run([sys.executable, "-c", hidden], home)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'EXTRA_MISSING: What `dialer serve` needs is not installed: pip install "dialer[http]".'
    ]


def test_up_serves_too(tmp_path: Path) -> None:
    configure(tmp_path, "sqlite:///dialer.db", "embedded")
    up = subprocess.Popen(
        [sys.executable, "-m", "workers.embedded", "up"],
        cwd=ROOT, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert up.stderr is not None
        said = next(line for line in up.stderr if "listening on " in line)
        assert httpx.get(f"{said.partition('listening on ')[2].strip()}/healthz").json() == {"status": "alive"}
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=60)
    assert up.returncode == 0
