"""Bodies and paths that nobody should send: one documented status, one clear message, nothing written."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from dialer.api.body import LARGE, SMALL
from tests.integration.api.conftest import Served

JSON = "application/json"
GOOD = {"agentId": "agent-7", "batchRef": "spring", "callList": [{"phone": "+61278132035"}]}
TEXT = json.dumps(GOOD).encode()
POSTS = ["/load-json", "/test-call", "/pause-batch", "/resume-batch", "/terminate-batch"]


def send(untouched: Served, path: str, content: bytes, **headers: str) -> Any:
    return untouched.client.post(untouched.url + path, content=content, headers={**untouched.bearer, **headers})


def assert_refused(untouched: Served, answer: Any, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code
    assert set(told) == {"code", "field", "message", "errors"}
    assert "Traceback" not in answer.text
    assert untouched.dialer.batches() == []
    return str(told["message"])


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        TEXT[:-1],
        TEXT.replace(b"}", b"]"),
        b'{"agentId": "a", "agentId": "b"}',
        b'{"agentId": NaN}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"agentId": "\\ud800"}',
        b"\xff\xfe" + TEXT,
        json.dumps(GOOD).encode("utf-16"),
        b"[]",
    ],
    ids=["empty", "truncated", "mismatched", "doubled", "nan", "deep", "surrogate", "bytes", "utf-16", "list"],
)
def test_a_body_that_is_no_plain_object(untouched: Served, path: str, body: bytes) -> None:
    answer = send(untouched, path, body, **{"Content-Type": JSON})
    assert assert_refused(untouched, answer, 400, "BODY_INVALID").startswith("the body ")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": ""},
        {"Content-Type": JSON, "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_body_of_another_kind(untouched: Served, headers: dict[str, str]) -> None:
    body = gzip.compress(TEXT) if "Content-Encoding" in headers else TEXT
    message = assert_refused(untouched, send(untouched, "/load-json", body, **headers), 415, "MEDIA_TYPE")
    assert "expected" in message


@pytest.mark.parametrize(("path", "limit"), [("/load-json", LARGE), ("/test-call", SMALL), ("/pause-batch", SMALL)])
def test_a_body_that_is_too_large_is_refused_however_it_comes(untouched: Served, path: str, limit: int) -> None:
    big = b'{"agentId": "' + b"a" * limit + b'"}'
    assert_refused(untouched, send(untouched, path, big, **{"Content-Type": JSON}), 413, "BODY_TOO_LARGE")

    def parts() -> Any:  # chunked: nothing announces how much there is
        for start in range(0, len(big), 1 << 16):
            yield big[start : start + (1 << 16)]

    chunked = untouched.client.post(
        untouched.url + path, content=parts(), headers={**untouched.bearer, "Content-Type": JSON}
    )
    assert_refused(untouched, chunked, 413, "BODY_TOO_LARGE")


def test_a_body_that_says_beforehand_that_it_is_too_large_is_not_waited_for(untouched: Served) -> None:
    address = urlsplit(untouched.url)
    head = (
        f"POST /load-json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {untouched.key.api_key}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {LARGE + 1}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_connection_that_breaks_off_writes_nothing(untouched: Served) -> None:
    address = urlsplit(untouched.url)
    head = (
        f"POST /load-json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {untouched.key.api_key}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(TEXT)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(head.encode() + TEXT[:-5])
    assert untouched.post("/pause-batch", {"agentId": "agent-7", "batchRef": "spring"}).status_code == 404
    assert untouched.dialer.batches() == []


@pytest.mark.parametrize(
    "path",
    ["/", "/nope", "/load-json/", "/load-json/x", "/../load-json", "/%2e%2e/load-json", "/load%2fjson", "/k//load-json",
     "/k/../load-json", "/load-json%00", "/%ff", "/LOAD-JSON", "/load-json;a=b"],
)  # fmt: skip
def test_a_path_that_is_none(untouched: Served, path: str) -> None:
    address = urlsplit(untouched.url)
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {untouched.key.api_key}\r\nContent-Length: 0\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(f"{request}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"HTTP/1.1 404" in answer or b"HTTP/1.1 401" in answer, answer
    assert b"ROUTE_UNKNOWN" in answer or b"KEY_INVALID" in answer


def test_a_method_that_is_none_is_told_which_are(untouched: Served) -> None:
    answer = untouched.get("/load-json")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


def test_a_content_type_is_read_as_it_is_meant(served: Served) -> None:
    assert send(served, "/load-json", TEXT, **{"Content-Type": "Application/JSON ; Charset=UTF-8"}).status_code == 200


def test_all_that_is_wrong_with_a_batch_is_said_at_once(served: Served) -> None:
    body = {**GOOD, "batchRef": "", "cli": "12", "blockRules": ["Mon|0800"], "nbf": "yesterday", "callLists": []}
    answer = served.post("/load-json", body)
    assert_refused(served, answer, 400, answer.json()["errors"][0]["code"])
    wrong = {(one["field"], one["code"]) for one in answer.json()["errors"]}
    assert wrong == {
        ("batchRef", "FIELD_MISSING"),
        ("cli", "CLI_NOT_E164"),
        ("blockRules.0", "BAD_RANGE"),
        ("nbf", "TIMESTAMP_INVALID"),
        ("callLists", "UNKNOWN_FIELD"),
    }


def test_a_workspace_that_is_no_text_is_no_way_around_the_key(served: Served) -> None:
    for value in (1, True, ["acme"], {"a": 1}, ""):
        answer = served.post("/load-json", {**GOOD, "workspaceId": value})
        assert answer.status_code == 400, value
        doubled = served.post("/load-json", {**GOOD, "workspaceId": value, "workspace_id": "other"})
        assert doubled.status_code == 404
    assert served.post("/load-json", {**GOOD, "workspaceId": None}).status_code == 200
    assert [batch.workspace_id for batch in served.dialer.batches()] == ["acme"]
