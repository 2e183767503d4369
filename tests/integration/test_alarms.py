"""The two alarms against a real server and real programs: what they say, and that they end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dialer.alarms import CommandAlarm, WebhookAlarm
from dialer.domain.upkeep import Alert, AlertKind, Tiding

BEGAN = datetime(2026, 11, 23, 1, tzinfo=UTC)
ALERT = Alert(7, AlertKind.ACCOUNT_STOPPED, "au", "account au stopped (auth): HTTP 401", BEGAN, None)
TIDING = Tiding(1, "webhook", is_over=False, tries=0, alert=ALERT)


class Receiver(ThreadingHTTPServer):
    """Answers each POST with the status in its path, or never."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.heard.append((self.path, json.loads(body)))
        if self.path.startswith("/never"):
            server.closing.wait(30)
            return
        self.send_response(int(self.path[1:4]))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


def test_a_webhook_gets_the_document_at_its_very_address(receiver: Receiver) -> None:
    assert WebhookAlarm(f"{receiver.url}/204/hook?key=a%2Fb&x=1").tell(TIDING) is None
    [(path, document)] = receiver.heard
    assert path == "/204/hook?key=a%2Fb&x=1"
    assert document == {
        "id": "7-began",
        "event": "began",
        "kind": "account_stopped",
        "subject": "au",
        "detail": "account au stopped (auth): HTTP 401",
        "began_at": "2026-11-23T01:00:00+00:00",
        "over_at": None,
        "text": "dialer: account stopped (au): account au stopped (auth): HTTP 401",
    }


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_webhook_that_does_not_take_it_was_not_told(receiver: Receiver, status: int) -> None:
    assert WebhookAlarm(f"{receiver.url}/{status}").tell(TIDING) == f"HTTP {status}"
    assert len(receiver.heard) == 1  # not followed, not repeated


def test_a_webhook_that_never_answers_is_left(receiver: Receiver) -> None:
    began = time.monotonic()
    told = WebhookAlarm(f"{receiver.url}/never?secret=hush", deadline_seconds=0.3).tell(TIDING)
    assert told == "no answer within 0.3 s"
    assert time.monotonic() - began < 5


def test_a_webhook_that_nobody_serves_was_not_told() -> None:
    assert "not connected" in (WebhookAlarm("http://127.0.0.1:1/hook?secret=hush").tell(TIDING) or "")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "written"


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "page-me"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_a_program_gets_the_document_and_the_words_and_nothing_of_our_environment(
    tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_DATABASE_URL", "postgresql://hush")
    name = program(tmp_path, f'cat > {written}; env >> {written}; echo "$1" >> {written}')
    assert CommandAlarm([name, "$(touch nowhere); *"]).tell(TIDING) is None
    text = written.read_text()
    assert json.loads(text.splitlines()[0]) == TIDING.document()
    assert "DIALER_ALERT_KIND=account_stopped" in text
    assert "DIALER_ALERT_EVENT=began" in text
    assert "hush" not in text
    assert text.endswith("$(touch nowhere); *\n")  # no shell has read it


def test_a_program_that_fails_or_is_not_there_was_not_told(tmp_path: Path) -> None:
    assert CommandAlarm([program(tmp_path, "exit 3")]).tell(TIDING) == "exit code 3"
    assert CommandAlarm([str(tmp_path / "nothing")]).tell(TIDING) == (
        "it could not be started: No such file or directory"
    )


def test_a_program_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path, written: Path) -> None:
    name = program(tmp_path, f"sleep 60 & echo $! > {written}; wait")
    assert CommandAlarm([name], deadline_seconds=0.5).tell(TIDING) == "it was not done within 0.5 s, and was ended"
    child = int(written.read_text())
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        time.sleep(0.01)
    raise AssertionError("its child lives on")


def test_a_program_that_reads_nothing_is_told_all_the_same(tmp_path: Path) -> None:
    assert CommandAlarm([program(tmp_path, "exit 0")]).tell(TIDING) is None
