"""The log tells what was sent and what became of it: the auditor's evidence."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.integration.simulator.clients import Client, a_batch, a_call, a_load, until
from tests.integration.simulator.conftest import Start

CALLS = "/outboundcalls/calls"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if "request" in line[:20]]


def test_a_request_is_logged_as_it_was_received(client: Client) -> None:
    client.post(CALLS + "?x=1", a_call(), X_Attempt_Id="r1", Idempotency_Key="k1")
    [request] = client.simulator.requests()
    assert request["seq"] == 1
    assert (request["method"], request["path"], request["dialect"]) == ("POST", CALLS + "?x=1", "outboundcalls")
    assert (request["headers"]["x-attempt-id"], request["headers"]["idempotency-key"]) == ("r1", "k1")
    assert (request["reference"], request["numbers"]) == ("r1", ["+14155551212"])
    assert request["body"] == a_call()
    assert (request["status"], request["fault"], request["delivered"]) == (201, None, True)
    assert request["placed"] == [client.simulator.placements()[0]["call_id"]]


def test_what_cannot_be_understood_is_logged_too(client: Client) -> None:
    client.get("/nowhere")
    client.post("/inspra/load-json", "kein Batch")
    client.get("/outboundcalls/me", Authorization="")
    requests = client.simulator.requests()
    assert [(one["dialect"], one["on"], one["status"]) for one in requests] == [
        (None, "unknown", 404),
        ("inspra", "place", 400),
        ("outboundcalls", "account", 401),
    ]
    assert requests[1]["body"] == "kein Batch"


def test_every_request_is_a_line_of_the_file_before_it_is_answered(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    client = start(log_path=path, rules=[{"phone": "*9", "fault": 502}])
    for at, phone in enumerate(["+14155551211", "+14155551219", "+14155551212"], 1):
        client.post(CALLS, a_call(phone))
        assert len(lines(path)) == at
    assert [(line["numbers"], line["fault"], len(line["placed"])) for line in lines(path)] == [
        (["+14155551211"], None, 1),
        (["+14155551219"], "http 502", 0),
        (["+14155551212"], None, 1),
    ]


def test_a_file_is_appended_to_and_says_when_the_memory_was_reset(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"event": "earlier"}\n')
    client = start(log_path=path)
    client.get("/outboundcalls/me")
    client.simulator.reset()
    client.get("/outboundcalls/me")
    events = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert events == ["earlier", "reset", "request", "reset", "request"]
    assert [request["seq"] for request in client.simulator.requests()] == [2]


def test_an_answer_that_found_nobody_is_not_called_delivered(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    client = start(log_path=path, defaults={"answer_after": 5})
    body = json.dumps(a_call()).encode()
    with socket.create_connection(("127.0.0.1", client.simulator.port)) as line:
        line.sendall(
            f"POST /calls HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        until(lambda: len(client.simulator.requests()) == 1)
    until(lambda: client.simulator.requests()[0]["delivered"] is False)
    assert len(client.simulator.placements()) == 1
    assert json.loads(path.read_text().splitlines()[-1])["delivered"] is False


def test_requests_are_served_in_pages(client: Client) -> None:
    for _ in range(5):
        client.get("/outboundcalls/me")
    first = client.get("/_simulator/requests?since=0&limit=3")[1]
    assert [one["seq"] for one in first["requests"]] == [1, 2, 3]
    second = client.get(f"/_simulator/requests?since={first['next']}&limit=3")[1]
    assert [one["seq"] for one in second["requests"]] == [4, 5]
    assert client.get(f"/_simulator/requests?since={second['next']}")[1] == {"requests": [], "next": 5}
    assert client.get("/_simulator/requests?since=x")[0] == 400
    assert len(client.simulator.requests()) == 5


def test_the_summary_counts_by_dialect_number_and_reference(client: Client) -> None:
    client.post("/inspra/load-json", a_load("+61278132035", "+61278132036"), X_Attempt_Id="a")
    client.post("/batch_call/batch-call", a_batch("+61278132035", name="b"))
    client.post(CALLS, a_call("+14155551212"), Idempotency_Key="c")
    summary = client.get("/_simulator/summary")[1]
    assert summary["requests"] == {"inspra": 1, "batch_call": 1, "outboundcalls": 1}
    assert summary["placements"] == {"inspra": 2, "batch_call": 1, "outboundcalls": 1}
    assert summary["per_number"] == {"+61278132035": 2, "+61278132036": 1, "+14155551212": 1}
    assert summary["placements_per_reference"] == {"a": 2, "b": 1, "c": 1}
    assert summary["numbers_by_placements"] == {"1": 2, "2": 1}
    assert summary["max_concurrent"] == {"inspra": 2, "batch_call": 1, "outboundcalls": 1}
    assert summary["max_placements_in_a_second"]["inspra"] == 2
    assert summary["doubled"] == {"references": {}, "overlapping_numbers": {"+61278132035": 1}}
    assert "per_number" not in client.get("/_simulator/summary?brief=1")[1]
    assert client.simulator.summary() == summary


def test_a_reference_that_placed_a_number_twice_is_doubled(start: Start) -> None:
    client = start(rules=[{"nth": 1, "fault": "close_without_answer"}])
    for _ in range(2):
        try:
            client.post(CALLS, a_call(), X_Attempt_Id="r1")
        except ConnectionError:
            client.close()
    summary = client.simulator.summary()
    assert summary["doubled"]["references"] == {"r1": 2}
    assert summary["repeated_references"] == {"r1": 2}


def test_a_refused_request_that_is_sent_again_is_repeated_but_not_doubled(start: Start) -> None:
    client = start(rules=[{"nth": 1, "fault": 429}])
    assert [client.post(CALLS, a_call(), X_Attempt_Id="r1")[0] for _ in range(2)] == [429, 201]
    summary = client.simulator.summary()
    assert summary["repeated_references"] == {"r1": 2}
    assert summary["doubled"] == {"references": {}, "overlapping_numbers": {}}


def test_the_scenario_is_replaced_while_running(client: Client) -> None:
    assert client.post("/_simulator/scenario", {"rules": [{"fault": 503}]}) == (200, {"status": "ok"})
    assert client.post(CALLS, a_call())[0] == 503
    status, said = client.post("/_simulator/scenario", {"rules": [{"falt": 503}]})
    assert status == 400
    assert "nearest is 'fault'" in said["error"]
    assert client.post(CALLS, a_call())[0] == 503
    client.simulator.play(None)
    assert client.post(CALLS, a_call())[0] == 201


def test_a_reset_forgets_calls_and_requests_but_not_the_scenario(start: Start) -> None:
    client = start(rules=[{"nth": 2, "fault": 503}], accounts={"outboundcalls": {"keys": ["k"]}})
    call_id = client.post(CALLS, a_call())[1]["id"]
    assert client.post("/_simulator/reset")[0] == 200
    assert client.simulator.placements() == []
    assert client.simulator.requests() == []
    assert client.get(f"{CALLS}/{call_id}")[0] == 404
    assert [client.post(CALLS, a_call())[0] for _ in range(2)] == [201, 503]


def test_health_tells_how_much_was_seen(client: Client) -> None:
    client.post(CALLS, a_call())
    status, said = client.get("/_simulator/health")
    assert (status, said["status"], said["requests"], said["calls"]) == (200, "ok", 1, 1)
    assert client.get("/_simulator/nothing")[0] == 404


def test_placements_are_served_by_number(client: Client) -> None:
    client.post("/inspra/load-json", a_load("+61278132035", "+61278132036"))
    served = client.get("/_simulator/placements?phone=%2B61278132036")[1]["placements"]
    assert [call["phone"] for call in served] == ["+61278132036"]
    assert [call["phone"] for call in client.simulator.placements("+61278132036")] == ["+61278132036"]
