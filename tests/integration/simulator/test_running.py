"""The simulator in a thread and as a process of its own: ready when it says so, gone when it is told."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from dialer.errors import InvalidInput
from dialer.simulator import Scenario, Simulator
from tests.integration.simulator.clients import until

COMMAND = [sys.executable, "-m", "dialer.simulator"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_where_it_listens_and_ends_cleanly(tmp_path: Path, number: int) -> None:
    scenario, log = tmp_path / "scenario.json", tmp_path / "log.jsonl"
    scenario.write_text(json.dumps({"rules": [{"phone": "*", "fault": 503}]}))
    command = [*COMMAND, "--port", "0", "--scenario", str(scenario), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said.startswith("listening on http://127.0.0.1:")
        connection = HTTPConnection("127.0.0.1", int(said.rsplit(":", 1)[1]), timeout=5)
        connection.request("GET", "/outboundcalls/me", headers={"Authorization": "Bearer k"})
        assert connection.getresponse().status == 200
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0
        connection.close()
    assert json.loads(log.read_text().splitlines()[-1])["path"] == "/outboundcalls/me"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"ruls": []}', "SCENARIO_INVALID: scenario: 'ruls' is not known; nearest is 'rules'"),
        ("{", "is not JSON"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_wrong_scenario_file_is_one_clear_line(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "scenario.json"
    if content is not None:
        path.write_text(content)
    ended = subprocess.run([*COMMAND, "--scenario", str(path)], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"ADDRESS_TAKEN: 127.0.0.1:{port}"), Simulator(port=port):
            pass


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="LOG_UNWRITABLE"), Simulator(log_path=tmp_path / "absent" / "log.jsonl"):
        pass


def test_each_dialect_has_a_base_url() -> None:
    with Simulator(Scenario()) as simulator:
        assert simulator.base_url("batch_call") == f"http://127.0.0.1:{simulator.port}/batch_call"
        with pytest.raises(InvalidInput, match="inspra, batch_call, outboundcalls"):
            simulator.base_url("insprá")


def test_a_stopped_simulator_says_so_and_stopping_twice_is_harmless() -> None:
    simulator = Simulator().start()
    simulator.stop()
    simulator.stop()
    with pytest.raises(InvalidInput, match="not running"):
        simulator.requests()


def test_stopping_does_not_wait_for_answers_that_are_owed() -> None:
    with Simulator({"rules": [{"on": "any", "fault": "timeout"}]}) as simulator:
        line = socket.create_connection(("127.0.0.1", simulator.port), timeout=5)
        line.sendall(b"GET /me HTTP/1.1\r\nAuthorization: Bearer k\r\n\r\n")
        until(lambda: len(simulator.requests()) == 1)
    with line, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", simulator.port), timeout=5)
