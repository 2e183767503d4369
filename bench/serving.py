"""The HTTP API: test calls beside the same framework with nothing behind it, and loads in chunks beside the Python API.

Servers are processes of their own; whoever asks is a process of its own, too, on the same cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from statistics import quantiles
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from bench import loading
from bench.crowd import AGENT, WORKSPACE
from bench.figures import figure, ratio
from bench.numbers import numbers
from bench.stage import Stage
from dialer import Dialer

#: Connections that ask at once, each one request after the other.
CLIENTS = 4
CHUNK = 10_000


def measure(stage: Stage, kind: str, calls: int, rows: int, repeats: int) -> dict[str, Any]:
    ours, bare, chunks, python = [], [], [], []
    for _ in range(repeats):
        with served(stage, kind) as (url, key):
            ours.append(test_calls(url, key, calls))
        with started([sys.executable, "-m", "bench.peers.bare_api"]) as url:
            bare.append(test_calls(url, "", calls))
        with served(stage, kind) as (url, key):
            chunks.append(load_json(url, key, rows))
        python.append(loading.run(stage, kind, "ours", rows)["seconds"])
    per_second, bare_per_second = ([each["per_second"] for each in way] for way in (ours, bare))
    p99, bare_p99 = ([each["p99_ms"] for each in way] for way in (ours, bare))
    return {
        "calls": calls,
        "clients": CLIENTS,
        "rows": rows,
        "test_calls_per_second": figure(per_second),
        "bare_per_second": figure(bare_per_second),
        "bare_by_test_calls": ratio(bare_per_second, per_second),
        "test_call_p99_ms": figure(p99),
        "bare_p99_ms": figure(bare_p99),
        "load_json_rows_per_second": figure([rows / each for each in chunks]),
        "python_rows_per_second": figure([rows / each for each in python]),
        "python_by_load_json": ratio(python, chunks),
    }


@contextmanager
def served(stage: Stage, kind: str) -> Iterator[tuple[str, str]]:
    """A `dialer serve` on an empty ledger: its address, and a key."""
    with stage.ledger(kind) as ledger:
        configuration = stage.configuration(ledger)
        with Dialer(stage.settings(ledger)) as dialer:
            key = dialer.keys.create(WORKSPACE).api_key
        quiet = {"DIALER_CONFIG": str(configuration), "DIALER_HTTP__REQUESTS_PER_SECOND": "0"}
        with started([sys.executable, "-m", "workers.serving", "--port", "0"], quiet) as url:
            yield url, key


@contextmanager
def started(command: list[str], environment: dict[str, str] | None = None) -> Iterator[str]:
    """A server that says where it listens, until the end of the block."""
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no stdout")
        yield process.stdout.readline().strip().removeprefix("listening on ")
    finally:
        process.terminate()
        process.wait(30)


def test_calls(url: str, key: str, count: int) -> dict[str, float]:
    """Each to a number of its own, each measured."""
    phones = list(islice(numbers(2 * count), count))
    began = perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        took = [each for part in pool.map(lambda part: _ask(url, key, part), _parts(phones)) for each in part]
    return {"per_second": count / (perf_counter() - began), "p99_ms": 1000 * quantiles(took, n=100)[-1]}


def _parts(phones: list[str]) -> list[list[str]]:
    return [phones[start::CLIENTS] for start in range(CLIENTS)]


def _ask(url: str, key: str, phones: list[str]) -> list[float]:
    connection, took = HTTPConnection(urlsplit(url).netloc), []
    for phone in phones:
        body = {"agentId": AGENT, "workspaceId": WORKSPACE, "phone": phone, "variables": {"FIRST_NAME": "Kim"}}
        began = perf_counter()
        _post(connection, "/test-call", key, body)
        took.append(perf_counter() - began)
    connection.close()
    return took


def load_json(url: str, key: str, count: int) -> float:
    """Seconds."""
    connection, phones = HTTPConnection(urlsplit(url).netloc), numbers(count)
    began = perf_counter()
    while chunk := list(islice(phones, CHUNK)):
        rows = [{"phone": phone} for phone in chunk]
        body = {"agentId": AGENT, "workspaceId": WORKSPACE, "batchRef": "load", "callList": rows}
        _post(connection, "/load-json", key, body)
    took = perf_counter() - began
    connection.close()
    return took


def _post(connection: HTTPConnection, path: str, key: str, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {said[:300]!r}")
