"""A client without any cleverness: what it sends and gets is what the socket carried."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from dialer.simulator import Simulator

KEYS = {"Authorization": "Bearer k", "X-API-KEY": "k", "X-API-SECRET": "s"}
NAMES = {"agentId": "agent", "workspaceId": "space", "batchRef": "ref"}
WINDOW = {"nbf": "2025-11-04T10:58:00.001Z", "exp": "2125-11-19T08:04:00.000Z", "blockRules": ["Mon-Fri|0800-1600"]}
QUICK = {"ring_seconds": 0.1, "talk_seconds": 0.1}


@dataclass
class Client:
    """One keep-alive connection with working credentials; `json` of the last answer's body."""

    simulator: Simulator
    headers: dict[str, str] = field(default_factory=lambda: dict(KEYS))
    timeout: float = 10
    got_headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = HTTPConnection("127.0.0.1", self.simulator.port, timeout=self.timeout)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        encoded = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, encoded, {**self.headers, **named})
        answer = self._connection.getresponse()
        self.got_headers = {name.lower(): value for name, value in answer.getheaders()}
        text = answer.read()
        return answer.status, json.loads(text) if "json" in self.got_headers.get("content-type", "") else text

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return self.send("POST", path, body, **headers)

    def close(self) -> None:
        self._connection.close()


def a_load(*phones: str, **changes: Any) -> dict[str, Any]:
    listed = [{"phone": phone, "variables": {"FIRST_NAME": "Ana"}} for phone in phones or ["+61278132035"]]
    return {**NAMES, "cli": "+61387772586", "callList": listed, **WINDOW, **changes}


def a_test_call(**changes: Any) -> dict[str, Any]:
    return {**NAMES, "cli": "+61387772586", "phone": "+61278132035", "variables": {"STATE": "VIC"}, **WINDOW, **changes}


def a_batch(*phones: str, **changes: Any) -> dict[str, Any]:
    wanted = [{"to_number": phone, "dynamic_variables": {}, "max_retries": 0} for phone in phones or ["+12137774445"]]
    said = {"from_number": "+14157774444", "tasks": wanted, "name": "r1", "agent_id": "agent_7ff47846"}
    return {**said, "timezone": "America/New_York", "send_now": True, "trigger_timestamp": 1735718400000, **changes}


def a_call(phone: str = "+14155551212", **changes: Any) -> dict[str, Any]:
    return {"agentId": "clxAgent", "toNumber": phone, **changes}


def until(happened: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
