"""Who is let in: whose key, in which style, with which scope, how often; and that nobody else learns anything."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import select

from dialer import Dialer
from dialer.api import create_app
from dialer.domain.client import Scope
from dialer.ledger.tables import metadata
from dialer.settings import Settings
from tests.integration.api.conftest import PROVIDERS, Served, running

BODY = {"agentId": "agent-7", "batchRef": "spring", "callList": [{"phone": "+61278132035"}]}
NAME = {"agentId": "agent-7", "batchRef": "spring"}
GUARDED = ["/load-json", "/test-call", "/pause-batch", "/resume-batch", "/terminate-batch"]


def test_every_style_of_the_seeds_opens_the_same_workspace(served: Served) -> None:
    pair = {"X-API-KEY": served.key.api_key, "X-API-SECRET": served.key.api_secret}
    assert served.post("/load-json", BODY).status_code == 200
    assert served.post("/load-json", BODY, headers=pair).headers["x-dialer-already-known"] == "1"
    in_path = served.post(f"/k/{served.key.api_key}/load-json", BODY, headers={})
    assert in_path.headers["x-dialer-already-known"] == "1"


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_key_that_fits_there_is_nothing(served: Served, path: str) -> None:
    key, secret = served.key.api_key, served.key.api_secret
    wrong = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {key}"},
        {"Authorization": f"Bearer {key}x"},
        {"Authorization": f"Bearer {secret}"},
        {"Authorization": "Bearer \xff\xfe"},
        {"X-API-KEY": key},
        {"X-API-SECRET": secret},
        {"X-API-KEY": key, "X-API-SECRET": key},
        {"X-API-KEY": secret, "X-API-SECRET": secret},
        {"X-API-KEY": key, "X-API-SECRET": ""},
    ]
    for headers in wrong:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = served.client.post(served.url + path, json=BODY, headers=raw)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] in ("KEY_MISSING", "KEY_INVALID")
    for key_in_path in ("nonsense", key[:-1], key + "/..", "%00", "%2e%2e", secret):
        assert served.post(f"/k/{key_in_path}{path}", BODY, headers={}).status_code in (401, 404)
    assert served.dialer.batches() == []


def test_a_revoked_key_opens_nothing_from_the_next_request_on(served: Served) -> None:
    assert served.post("/load-json", BODY).status_code == 200
    assert served.dialer.keys.revoke(served.key.key_id)
    assert not served.dialer.keys.revoke(served.key.key_id)
    for answer in (served.post("/load-json", BODY), served.post(f"/k/{served.key.api_key}/load-json", BODY)):
        assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")
    other = served.dialer.keys.create("acme")
    fitting = {"Authorization": f"Bearer {other.api_key}"}
    assert served.post("/load-json", BODY, headers=fitting).status_code == 200


def test_a_key_may_do_what_its_scopes_say(served: Served) -> None:
    def status(scopes: list[Scope], path: str, body: object) -> int:
        key = served.dialer.keys.create("acme", scopes).api_key
        return served.post(path, body, headers={"Authorization": f"Bearer {key}"}).status_code

    assert status([Scope.READ, Scope.CONTROL], "/load-json", BODY) == 403
    assert served.dialer.batches() == []
    assert status([Scope.ENQUEUE], "/load-json", BODY) == 200
    assert status([Scope.ENQUEUE, Scope.READ], "/pause-batch", NAME) == 403
    assert status([Scope.CONTROL], "/pause-batch", NAME) == 200
    assert status([Scope.ADMIN], "/resume-batch", NAME) == 200


def test_a_key_that_may_not_control_lifts_no_pause_by_loading(served: Served) -> None:
    served.post("/load-json", BODY)
    served.post("/pause-batch", NAME)
    enqueuer = served.dialer.keys.create("acme", [Scope.ENQUEUE]).api_key
    served.post("/load-json", BODY, headers={"Authorization": f"Bearer {enqueuer}"})
    [batch] = served.dialer.batches()
    assert batch.state == "paused"
    served.post("/load-json", BODY)
    [batch] = served.dialer.batches()
    assert batch.state == "running"


def test_the_ledger_holds_no_key_and_knows_when_one_was_used(served: Served) -> None:
    [kept] = served.dialer.keys.entries("acme")
    assert kept.last_used_at is None
    served.post("/load-json", BODY)
    [kept] = served.dialer.keys.entries("acme")
    assert kept.last_used_at is not None
    transactions = served.dialer._desk.ledger.views._transactions  # type: ignore[attr-defined]
    with transactions.read() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table)).all()]
    whole = repr(rows)
    assert hashlib.sha256(served.key.api_key.encode()).hexdigest() in whole
    for secret in (served.key.api_key, served.key.api_secret):
        assert secret not in whole
        assert secret not in repr(served.key)


def test_another_workspace_is_as_one_that_never_was(served: Served) -> None:
    served.post("/load-json", BODY)
    stranger = served.dialer.keys.create("other").api_key
    headers = {"Authorization": f"Bearer {stranger}"}
    foreign = [served.post(path, {**NAME, "workspaceId": "acme"}, headers=headers) for path in GUARDED[2:]]
    nobody_s = [served.post(path, {**NAME, "workspaceId": "xxxx"}, headers=headers) for path in GUARDED[2:]]
    own = served.post("/pause-batch", NAME, headers=headers)
    assert {answer.status_code for answer in (*foreign, *nobody_s, own)} == {404}
    assert [answer.text.replace("acme", "xxxx") for answer in foreign] == [answer.text for answer in nobody_s]
    loaded = served.post("/load-json", {**BODY, "workspaceId": "acme", "batchRef": "new"}, headers=headers)
    called = served.post(
        "/test-call", {"agentId": "a", "workspaceId": "acme", "phone": "+61278132035"}, headers=headers
    )
    assert (loaded.status_code, called.status_code) == (404, 404)
    assert [batch.workspace_id for batch in served.dialer.batches()] == ["acme"]
    assert served.dialer.batches()[0].state == "running"


def test_too_many_requests_are_told_when_to_come_again(settings: Settings) -> None:
    with Dialer(settings) as dialer, running(create_app(dialer, requests_per_second=1)) as url:
        keys = [dialer.keys.create("acme").api_key for _ in range(2)]
        first, second = ({"Authorization": f"Bearer {key}"} for key in keys)
        with httpx.Client() as client:
            answers = [client.post(f"{url}/pause-batch", json=NAME, headers=first) for _ in range(4)]
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.json()["code"] == "TOO_MANY_REQUESTS"
            assert refused.headers["retry-after"] == "1"
            assert client.post(f"{url}/pause-batch", json=NAME, headers=second).status_code == 404
            assert client.get(f"{url}/healthz").status_code == 200


def test_two_servers_count_a_key_s_requests_together(sqlite_url: str, redis_url: str) -> None:
    settings = Settings.model_validate({"database_url": sqlite_url, "redis_url": redis_url, "providers": PROVIDERS})
    with ExitStack() as stack:
        dialers = [stack.enter_context(Dialer(settings)) for _ in range(2)]
        urls = [stack.enter_context(running(create_app(one, requests_per_second=0.02))) for one in dialers]
        headers = {"Authorization": f"Bearer {dialers[0].keys.create('acme').api_key}"}
        client = stack.enter_context(httpx.Client())
        answers = [client.post(f"{url}/pause-batch", json=NAME, headers=headers) for url in urls]
    assert [answer.status_code for answer in answers] == [404, 429]
    assert 40 <= int(answers[1].headers["retry-after"]) <= 50
