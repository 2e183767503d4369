"""Providers' webhooks over a socket: stored once, answered fast, and nothing for whoever does not know the secret."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dialer.engine.inbox import BODY_LIMIT
from tests.integration.api.conftest import Served

PATH = "/webhooks/main/hook-secret"
SAID = {"event": "call.completed", "data": {"batch_call_id": "batch-1"}}


def post(served: Served, said: Any = SAID, path: str = PATH, **options: Any) -> httpx.Response:
    """As a provider does: without any key."""
    return served.client.post(served.url + path, json=said, **options)


def kept(served: Served) -> list[str]:
    return [hint.body for hint in served.dialer._desk.ledger.inbox.due(10)]


def test_a_webhook_is_stored_as_it_came_and_known_when_it_comes_again(served: Served) -> None:
    said = '{"event":  "call.completed", "data": {"batch_call_id": "batch-1"}}'
    answers = [served.client.post(served.url + PATH, content=said) for _ in range(3)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "stored"),
        (200, "known"),
        (200, "known"),
    ]
    assert kept(served) == [said]


def test_the_event_s_own_id_may_come_in_a_header(served: Served) -> None:
    first = post(served, headers={"webhook-id": "event-1"})
    again = post(served, {**SAID, "sent": 2}, headers={"webhook-id": "event-1"})
    other = post(served, headers={"webhook-id": "event-2"})
    assert [answer.json()["status"] for answer in (first, again, other)] == ["stored", "known", "stored"]


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/main/wrong",
        "/webhooks/main/hook-secret/",
        "/webhooks/main/hook-secretx",
        "/webhooks/main/%00",
        "/webhooks/other/hook-secret",
        "/webhooks/MAIN/hook-secret",
        "/webhooks/main%2F../main/hook-secret",
    ],
)
def test_a_wrong_secret_and_an_unknown_account_are_one_answer_and_leave_nothing(served: Served, path: str) -> None:
    answer = post(served, path=path)
    assert answer.status_code == 404
    assert answer.json() == {"code": "WEBHOOK_UNKNOWN", "message": "No account receives webhooks at this address."}
    assert kept(served) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BODY_INVALID"),
        (b"[1]", 400, "BODY_INVALID"),
        (b'{"id": NaN}', 400, "BODY_INVALID"),
        (b'{"id": 1, "id": 2}', 400, "BODY_INVALID"),
        (b'{"id": "\xff"}', 400, "BODY_INVALID"),
        (b'{"id": "\\ud800"}', 400, "BODY_INVALID"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "BODY_INVALID"),
        (b'{"a": "' + b"x" * BODY_LIMIT + b'"}', 413, "BODY_TOO_LARGE"),
        (b"status=completed&id=batch-1", 400, "BODY_INVALID"),
    ],
)
def test_a_body_that_is_no_plain_object_is_refused_and_leaves_nothing(
    served: Served, body: bytes, status: int, code: str
) -> None:
    answer = served.client.post(served.url + PATH, content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert kept(served) == []


def test_a_megabyte_is_taken_whole(served: Served) -> None:
    body = b'{"data": {"batch_call_id": "batch-1"}, "transcript": "' + b"x" * (BODY_LIMIT - 100) + b'"}'
    assert served.client.post(served.url + PATH, content=body).status_code == 200
    assert kept(served) == [body.decode()]


def test_other_methods_are_refused(served: Served) -> None:
    answer = served.client.get(served.url + PATH)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")


def test_a_key_opens_no_webhook_and_a_webhook_needs_no_key(served: Served) -> None:
    assert served.post("/webhooks/main/wrong", SAID).status_code == 404
    assert post(served).status_code == 200


def test_the_openapi_document_tells_what_can_come_of_one(served: Served) -> None:
    paths = served.client.get(served.url + "/openapi.json").json()["paths"]
    told = paths["/webhooks/{account}/{secret}"]["post"]
    assert set(told["responses"]) >= {"200", "400", "404", "408", "413", "503"}
    assert "401" not in told["responses"]
    assert "security" not in told
