"""Inspra's dialect: the seed's requests, what their answers carry, and what they refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from dialer.api.inspra_bodies import LOAD, TEST
from dialer.ledger.client_tables import answers
from dialer.ledger.tables import calls
from tests.integration.api.conftest import Served

NAME = {"workspaceId": "acme", "agentId": "agent-7", "batchRef": "spring"}


def load(**fields: Any) -> dict[str, Any]:
    return {**LOAD, **fields}


def test_load_json_loads_and_says_nothing_but_in_headers(served: Served) -> None:
    phones = ["+61278132035", "+61278132035", "+61278132036", "nonsense"]
    answer = served.post("/load-json", load(callList=[{"phone": phone} for phone in phones]))
    assert (answer.status_code, answer.content) == (200, b"")
    told = {name.removeprefix("x-dialer-"): text for name, text in answer.headers.items() if name.startswith("x-d")}
    batch = served.dialer.find_batch("acme/agent-7/spring")
    assert told["batch-id"] == batch.batch_id
    counts = ("accepted", "already-known", "duplicates", "suppressed", "rejected")
    assert [told[name] for name in counts] == ["2", "0", "1", "0", "1"]
    assert told["rejections"] == "4=PHONE_NOT_E164"
    assert "NIGHTS_OPEN" in told["warnings"]


def test_a_doubled_leading_slash_is_one(served: Served) -> None:
    assert served.post("//load-json", load()).status_code == 200
    assert served.post(f"/k/{served.key.api_key}//pause-batch", NAME, headers={}).status_code == 200
    assert served.dialer.status(served.dialer.find_batch("acme/agent-7/spring").batch_id).state == "paused"


def keyed(served: Served, path: str, body: dict[str, Any], key: str = "k1") -> httpx.Response:
    return served.post(path, body, headers=served.bearer | {"Idempotency-Key": key})


def a_test(**fields: Any) -> dict[str, Any]:
    return {**TEST, "workspaceId": "acme", **fields}


def told(answer: httpx.Response) -> dict[str, str]:
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    return {name: text for name, text in answer.headers.items() if name.startswith("x-dialer")}


def close_all(served: Served) -> None:
    """Whatever was asked for is over."""
    transactions = served.dialer._desk.ledger.views._transactions  # type: ignore[attr-defined]
    with transactions.write() as connection:
        over = {"state": "closed", "close_reason": "reached", "outcome": "answered", "due_at": None}
        connection.execute(calls.update().values(over))


def test_a_repeat_with_the_same_key_is_the_same_test_call_however_it_ended(served: Served) -> None:
    first = told(keyed(served, "/test-call", a_test()))
    close_all(served)
    assert told(keyed(served, "/test-call", a_test())) == first
    assert told(keyed(served, "/test-call", a_test(), "k2"))["x-dialer-call-id"] != first["x-dialer-call-id"]
    assert told(served.post("/test-call", a_test(batchRef="other")))["x-dialer-call-id"] != first["x-dialer-call-id"]
    assert len(served.dialer.batches()) == 3


def test_a_test_call_whose_answer_was_lost_is_not_made_twice_when_it_repeats(served: Served) -> None:
    """It was made, and the process died before anybody kept the answer; meanwhile it was dialed and ended."""
    for body in (a_test(), {name: value for name, value in a_test().items() if name != "batchRef"}):
        key = f"k{len(body)}"
        first = told(keyed(served, "/test-call", body, key))
        transactions = served.dialer._desk.ledger.answers._transactions  # type: ignore[attr-defined]
        with transactions.write() as connection:
            connection.execute(answers.update().values(status=None, body=None))
        close_all(served)
        assert told(keyed(served, "/test-call", body, key))["x-dialer-call-id"] == first["x-dialer-call-id"]
    assert len(served.dialer.batches()) == 2


def test_test_calls_with_one_key_at_the_same_moment_are_one(served: Served) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: told(keyed(served, "/test-call", a_test())), range(8)))
    assert len({each["x-dialer-call-id"] for each in made}) == 1
    assert len(served.dialer.batches()) == 1


def test_another_body_with_the_same_key_is_409_and_does_nothing(served: Served) -> None:
    told(keyed(served, "/test-call", a_test()))
    told(keyed(served, "/load-json", load(), "k2"))
    both = {name: TEST[name] for name in ("agentId", "batchRef", "cli")}  # read by either path
    told(keyed(served, "/load-json", both, "k3"))
    for path, body, key in (
        ("/test-call", a_test(phone="+61278132036"), "k1"),
        ("/load-json", load(callList=[]), "k2"),
        ("/load-json", load(), "k1"),
        ("/test-call", both, "k3"),
    ):
        answer = keyed(served, path, body, key)
        assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
        assert answer.json()["field"] == "Idempotency-Key"
    assert len(served.dialer.batches()) == 3


def test_a_repeated_load_changes_nothing_more_and_lifts_no_pause(served: Served) -> None:
    first = told(keyed(served, "/load-json", load()))
    assert served.post("/pause-batch", NAME).status_code == 200
    assert told(keyed(served, "/load-json", load())) == first
    assert first["x-dialer-accepted"] == "1"
    batch = served.dialer.find_batch("acme/agent-7/spring").batch_id
    assert served.dialer.status(batch).state == "paused"
    assert told(served.post("/load-json", load()))["x-dialer-already-known"] == "1"
    assert served.dialer.status(batch).state != "paused"


def test_what_cannot_be_read_takes_no_key(served: Served) -> None:
    for path, wrong, right in (
        ("/test-call", a_test(nbf="yesterday"), a_test()),
        ("/load-json", load(callLists=[]), load()),
    ):
        assert keyed(served, path, wrong, path).status_code == 400
        assert keyed(served, path, right, path).status_code == 200
    in_path = f"/k/{served.key.api_key}/test-call"
    again = served.post(in_path, a_test(), headers={"Idempotency-Key": "/test-call"})
    assert len(served.dialer.batches()) == 2
    assert again.status_code == 200


def test_a_load_that_was_refused_is_refused_again(served: Served) -> None:
    body = load(callList=[{"phone": "nonsense"}])
    answers_ = [keyed(served, "/load-json", body) for _ in range(2)]
    assert [each.status_code for each in answers_] == [400, 400]
    assert answers_[0].json() == answers_[1].json()
