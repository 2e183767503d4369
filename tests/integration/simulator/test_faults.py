"""Each fault as a raw socket sees it, and what it hides."""

from __future__ import annotations

import gzip
import json
import socket
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from dialer.simulator import Simulator
from tests.integration.simulator.clients import Client, a_batch, a_call, a_load, until
from tests.integration.simulator.conftest import Start

CALLS = "/outboundcalls/calls"


def raw_post(simulator: Simulator, path: str = CALLS, body: Any = None) -> socket.socket:
    """A socket on which a whole placement was sent."""
    encoded = json.dumps(a_call() if body is None else body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: {len(encoded)}\r\n\r\n"
    line = socket.create_connection(("127.0.0.1", simulator.port), timeout=5)
    line.sendall(head.encode() + encoded)
    return line


def received(line: socket.socket) -> bytes:
    """Everything until the other side has closed."""
    got = b""
    while piece := line.recv(65536):
        got += piece
    return got


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("placed", [True, False])
def test_any_status_may_hide_a_placed_call_or_none(start: Start, status: int, placed: bool) -> None:
    client = start(rules=[{"phone": "*", "fault": {"status": status, "placed": placed}}])
    assert client.post(CALLS, a_call())[0] == status
    assert client.post("/batch_call/batch-call", a_batch())[0] == status
    assert client.post("/inspra/load-json", a_load())[0] == status
    assert len(client.simulator.placements()) == (3 if placed else 0)


def test_a_refusal_speaks_the_dialect_and_the_scenarios_words(start: Start) -> None:
    client = start(rules=[{"fault": {"status": 422, "message": "number is on fire"}}])
    assert client.post("/batch_call/batch-call", a_batch())[1] == {
        "message": "number is on fire",
        "status": "error",
        "error": "number is on fire",
        "data": None,
    }
    assert client.post(CALLS, a_call())[1] == {"error": "number is on fire"}


@pytest.mark.parametrize("said", [7, 0, "-1", "1e9", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999"])
def test_retry_after_is_sent_as_it_stands(start: Start, said: Any) -> None:
    client = start(rules=[{"fault": {"status": 429, "retry_after": said}}])
    assert client.post(CALLS, a_call())[0] == 429
    assert client.got_headers["retry-after"] == str(said)


def test_retry_after_may_be_a_date_ahead(start: Start) -> None:
    client = start(rules=[{"fault": {"status": 429, "retry_after": "date+30"}}])
    client.post(CALLS, a_call())
    ahead = parsedate_to_datetime(client.got_headers["retry-after"]).timestamp() - time.time()
    assert 25 < ahead < 31


def test_a_redirect_names_its_location(start: Start) -> None:
    client = start(rules=[{"fault": {"kind": "redirect", "location": "http://127.0.0.1:1/calls"}}])
    assert client.post(CALLS, a_call())[0] == 301
    assert client.got_headers["location"] == "http://127.0.0.1:1/calls"


@pytest.mark.parametrize(("kind", "placed"), [("reset", 1), ("reset_before", 0)])
def test_a_reset_is_a_reset_and_not_a_close(start: Start, kind: str, placed: int) -> None:
    client = start(rules=[{"fault": kind}])
    with raw_post(client.simulator) as line, pytest.raises(ConnectionResetError):
        received(line)
    assert len(client.simulator.placements()) == placed


def test_closing_without_an_answer_sends_nothing(start: Start) -> None:
    client = start(rules=[{"fault": "close_without_answer"}])
    with raw_post(client.simulator) as line:
        assert received(line) == b""
    assert len(client.simulator.placements()) == 1


def test_a_half_closed_answer_ends_in_its_middle(start: Start) -> None:
    client = start(rules=[{"fault": "half_close"}])
    with raw_post(client.simulator) as line:
        got = received(line)
        line.sendall(b" ")  # the other direction still stands
    assert got.startswith(b"HTTP/1.1 201")
    head, _, body = got.partition(b"\r\n\r\n")
    assert len(body) < int(head.lower().partition(b"content-length: ")[2].split()[0])


def test_a_timeout_holds_the_connection_and_says_nothing(start: Start) -> None:
    client = start(rules=[{"fault": "timeout"}])
    with raw_post(client.simulator) as line:
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
        [held] = client.simulator.requests()
        assert (held["fault"], held["status"], held["delivered"]) == ("timeout", None, None)
    until(lambda: client.simulator.requests()[0]["delivered"] is False)
    assert len(client.simulator.placements()) == 1


def test_a_drip_is_a_valid_answer_a_byte_at_a_time(start: Start) -> None:
    client = start(rules=[{"fault": {"kind": "drip", "seconds_per_byte": 0.002}}])
    began = time.monotonic()
    assert client.post("/inspra/load-json", a_load()) == (200, b"")
    assert time.monotonic() - began > 0.002 * len("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") * 0.9
    assert client.post("/inspra/load-json", a_load())[0] == 200


def test_a_drip_outlasts_any_read_timeout(start: Start) -> None:
    client = start(rules=[{"fault": "drip"}])
    with raw_post(client.simulator) as line:
        line.settimeout(2)
        assert line.recv(100) == b"H"
        assert line.recv(100) == b"T"


def test_garbage_is_no_http(start: Start) -> None:
    client = start(rules=[{"fault": "garbage"}])
    with raw_post(client.simulator) as line:
        assert not received(line).startswith(b"HTTP/")
    assert len(client.simulator.placements()) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [("empty200", b""), ("no_id", {"message": "accepted", "status": "success"})],
)
def test_a_200_without_an_id_hides_a_placed_call(start: Start, kind: str, body: Any) -> None:
    client = start(rules=[{"fault": kind}])
    assert client.post(CALLS, a_call()) == (200, body)
    assert len(client.simulator.placements()) == 1


def test_a_200_may_be_a_login_page(start: Start) -> None:
    client = start(rules=[{"fault": "html200"}])
    status, page = client.post(CALLS, a_call())
    assert (status, page[:15]) == (200, b"<!doctype html>")
    assert client.got_headers["content-type"].startswith("text/html")


def test_a_big_answer_is_ten_megabytes_of_json(start: Start) -> None:
    client = start(rules=[{"fault": "big"}])
    status, said = client.post(CALLS, a_call())
    assert status == 200
    assert len(said["padding"]) > 10 * 1024 * 1024 - 20


def test_a_gzip_bomb_is_small_on_the_wire_and_large_when_unpacked(start: Start) -> None:
    client = start(rules=[{"fault": {"kind": "gzip_bomb", "size": 20 * 1024 * 1024}}])
    with raw_post(client.simulator) as line:
        line.shutdown(socket.SHUT_WR)
        head, _, packed = received(line).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert len(packed) < 100 * 1024
    assert len(gzip.decompress(packed)) == 20 * 1024 * 1024


def test_a_status_below_300_keeps_the_true_answer(start: Start) -> None:
    client = start(rules=[{"fault": {"status": 202, "placed": True}}])
    status, said = client.post(CALLS, a_call())
    assert status == 202
    assert said["id"] == client.simulator.placements()[0]["call_id"]


def test_an_answer_comes_after_its_latency_and_the_call_is_placed_before(start: Start) -> None:
    client = start(defaults={"answer_after": 0.3})
    with raw_post(client.simulator) as line:
        until(lambda: len(client.simulator.placements()) == 1)
        assert client.simulator.requests()[0]["answered_mono"] is None
        assert line.recv(100).startswith(b"HTTP/1.1 201")
    [request] = client.simulator.requests()
    assert request["delivered"] is True
    assert 0.3 <= request["answered_mono"] - request["arrived_mono"] < 2


def test_faults_strike_other_requests_only_where_the_rule_says(start: Start) -> None:
    rules = [{"on": "account", "fault": 500}, {"on": "control", "times": 1, "fault": 503}, {"on": "list", "fault": 504}]
    client = start(rules=rules)
    names = {"agentId": "a", "workspaceId": "w", "batchRef": "b"}
    assert client.get("/outboundcalls/me")[0] == 500
    assert client.get(CALLS)[0] == 504
    assert client.get("/batch_call/batch-call/list")[0] == 504
    assert [client.post("/inspra/pause-batch", names)[0] for _ in range(2)] == [503, 200]
    assert client.post(CALLS, a_call())[0] == 201


def test_a_fault_strikes_the_outcome_of_the_numbers_it_names(start: Start) -> None:
    client = start(rules=[{"on": "outcome", "phone": "*2", "nth": 1, "fault": 500}])
    ids = [client.post(CALLS, a_call(phone))[1]["id"] for phone in ("+14155551211", "+14155551212")]
    assert [client.get(f"{CALLS}/{call_id}")[0] for call_id in ids] == [200, 500]
    assert client.get(f"{CALLS}/{ids[1]}")[0] == 200


def test_too_many_requests_in_a_second_are_refused_and_not_placed(start: Start) -> None:
    client = start(accounts={"outboundcalls": {"rate_limit": 3}})
    statuses = [client.post(CALLS, a_call())[0] for _ in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
    assert client.got_headers["retry-after"] == "1"
    assert client.post("/inspra/load-json", a_load())[0] == 200
    assert len(client.simulator.placements()) == 4


def test_calls_over_the_concurrency_are_refused_until_one_is_over(start: Start) -> None:
    client = start(
        defaults={"ring_seconds": 0.1, "talk_seconds": 0.2}, accounts={"outboundcalls": {"max_concurrent": 2}}
    )
    assert [client.post(CALLS, a_call())[0] for _ in range(3)] == [201, 201, 429]
    until(lambda: client.post(CALLS, a_call())[0] == 201)


def test_idempotency_keys_are_honoured_only_where_the_account_says(start: Start) -> None:
    client = start()
    for _ in range(2):
        client.post(CALLS, a_call(), Idempotency_Key="r1")
    assert len(client.simulator.placements()) == 2


def test_a_repeated_key_gets_the_first_answer_even_if_a_fault_ate_it(start: Start) -> None:
    client = start(
        accounts={"outboundcalls": {"idempotent": True}}, rules=[{"nth": 1, "fault": {"status": 502, "placed": True}}]
    )
    assert client.post(CALLS, a_call(), Idempotency_Key="r1")[0] == 502
    status, said = client.post(CALLS, a_call(), Idempotency_Key="r1")
    assert (status, client.got_headers["idempotent-replayed"]) == (201, "true")
    [call] = client.simulator.placements()
    assert said["id"] == call["call_id"]
    assert client.post(CALLS, a_call("+14155551299"), Idempotency_Key="r1")[0] == 409
    assert [request["replayed"] for request in client.simulator.requests()] == [False, True, False]


def test_a_key_whose_request_placed_nothing_may_be_used_again(start: Start) -> None:
    client = start(accounts={"outboundcalls": {"idempotent": True}}, rules=[{"nth": 1, "fault": 502}])
    assert [client.post(CALLS, a_call(), Idempotency_Key="r1")[0] for _ in range(2)] == [502, 201]
    assert len(client.simulator.placements()) == 1


def test_requests_of_one_connection_are_answered_in_order(start: Start) -> None:
    client = start(rules=[{"phone": "*1", "answer_after": 0.1}])
    bodies = [json.dumps(a_call(phone)).encode() for phone in ("+14155551211", "+14155551212")]
    head = "POST /calls HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: {}\r\n"
    first, second = head.format(len(bodies[0])) + "\r\n", head.format(len(bodies[1])) + "Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=5) as line:
        line.sendall(first.encode() + bodies[0] + second.encode() + bodies[1])
        got = received(line)
    assert got.index(b"+14155551211") < got.index(b"+14155551212")


def test_a_client_that_asks_first_is_told_to_continue(client: Client) -> None:
    body = json.dumps(a_call()).encode()
    head = "POST /calls HTTP/1.1\r\nAuthorization: Bearer k\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=5) as line:
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(body)
        assert line.recv(100).startswith(b"HTTP/1.1 201")


def test_what_is_no_http_is_refused_and_closed(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=5) as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert received(line).startswith(b"HTTP/1.1 400 ")
