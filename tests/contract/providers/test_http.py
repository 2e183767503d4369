"""One request, at most once, under one deadline: against sockets that misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.domain.placement import AnswerKind
from dialer.errors import ConfigInvalid
from dialer.providers.answers import Failure, Reply
from dialer.providers.connection import IDLE_SECONDS, Connection
from dialer.providers.http import FRESH_SECONDS, LOOKS_AT_MOST, HttpClient
from dialer.testing import fault_server
from dialer.testing.fault_server import FaultServer, drip, raw, said, silence, written
from dialer.testing.provider_contract import GRACE_SECONDS, SHORT_SECONDS, within

LOOPBACK_KEY = Path(__file__).with_name("loopback.pem")


def client(url: str, deadline_seconds: float = 10.0, **options: object) -> HttpClient:
    headers = {"Authorization": "Bearer a-secret-key"}
    return HttpClient(url, headers, deadline_seconds, **options)  # type: ignore[arg-type]


def test_a_request_goes_out_in_one_piece_with_the_account_headers() -> None:
    with FaultServer(said(200, {"id": "a"})) as server:
        reply = client(f"{server.url}/v1/").post("/calls", {"toNumber": "+1"}, headers={"X-Attempt-Id": "r"})
    (request,) = server.heard
    assert (request.method, request.target, request.json()) == ("POST", "/v1/calls", {"toNumber": "+1"})
    assert request.headers["authorization"] == "Bearer a-secret-key"
    assert request.headers["x-attempt-id"] == "r"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["host"] == server.url.removeprefix("http://")
    assert isinstance(reply, Reply)
    assert (reply.status, reply.json()) == (200, {"id": "a"})


def test_a_question_is_encoded() -> None:
    with FaultServer(said(200, {})) as server:
        client(server.url).get("/calls", {"agentId": "a b&c=ü", "limit": 200})
    assert server.heard[0].target == "/calls?agentId=a%20b%26c%3D%C3%BC&limit=200"


def test_variables_of_any_script_and_half_surrogates_can_be_sent() -> None:
    with FaultServer() as server:
        client(server.url).post("/calls", {"name": "Zoë 李 \ud800"})
    assert server.heard[0].json() == {"name": "Zoë 李 \ud800"}


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": object()}, {"a": {1, 2}}])
def test_what_is_no_json_is_rejected_before_anything_is_sent(body: object) -> None:
    with FaultServer() as server:
        failure = client(server.url).post("/calls", body)
    assert failure == Failure(AnswerKind.REJECTED, "the request cannot be written as JSON")
    assert server.connections == 0


def test_a_connection_is_used_again() -> None:
    with FaultServer(said(200, {})) as server:
        speaker = client(server.url)
        for _ in range(5):
            speaker.post("/calls", {})
    assert (len(server.heard), server.connections) == (5, 1)


def test_each_thread_has_a_connection_of_its_own() -> None:
    meeting = threading.Barrier(3, timeout=GRACE_SECONDS)

    def look() -> bool:
        meeting.wait()
        return True

    with FaultServer(said(200, {})) as server, ThreadPoolExecutor(3) as pool:
        speaker = client(server.url)
        replies = list(pool.map(lambda _: speaker.post("/calls", {}, last_look=look), range(3)))
    assert [type(reply) for reply in replies] == [Reply] * 3
    assert server.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + written(200, {"id": "of the request before"}),
        written(200, {}, {"Connection": "close"}),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_connection_that_may_hold_more_is_not_used_again(answer: bytes) -> None:
    with FaultServer(raw(answer, then_close=False), said(200, {"id": "b"})) as server:
        speaker = client(server.url)
        speaker.post("/calls", {})
        second = speaker.post("/calls", {})
    assert isinstance(second, Reply)
    assert second.json() == {"id": "b"}
    assert server.connections == 2


def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    unasked = written(200, {}) + written(200, {"id": "unasked"})
    with FaultServer(raw(unasked, then_close=False), said(200, {"id": "asked"})) as server:
        speaker = client(server.url)
        speaker.post("/calls", {})
        second = speaker.post("/calls", {})
    assert isinstance(second, Reply)
    assert second.json() == {"id": "asked"}


def test_a_connection_that_breaks_while_it_is_looked_at_was_not_sent_on() -> None:
    with FaultServer(said(200, {})) as server:
        speaker = client(server.url)
        speaker.post("/calls", {})

        def look() -> bool:
            server.__exit__(None, None, None)
            return True

        failure = speaker.post("/calls", {}, last_look=look)
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.NOT_SENT
    assert len(server.heard) == 1


def test_a_used_connection_that_breaks_after_the_request_is_unknown_and_not_asked_again() -> None:
    with FaultServer(said(200, {}), fault_server.close) as server:
        speaker = client(server.url)
        speaker.post("/calls", {})
        failure = speaker.post("/calls", {})
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.UNKNOWN
    assert (len(server.heard), server.connections) == (2, 1)


@pytest.fixture
def both_ends() -> Iterator[tuple[Connection, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield Connection(near), far


def test_an_idle_connection_is_fit_for_three_seconds(both_ends: tuple[Connection, socket.socket]) -> None:
    connection, _ = both_ends
    assert not connection.is_fit(100.0)
    connection.rest(100.0)
    assert connection.is_fit(100.0 + IDLE_SECONDS)
    assert not connection.is_fit(100.1 + IDLE_SECONDS)


@pytest.mark.parametrize("speak", [lambda far: far.close(), lambda far: far.send(b"x")])
def test_a_connection_on_which_the_server_spoke_is_not_fit(
    both_ends: tuple[Connection, socket.socket], speak: object
) -> None:
    connection, far = both_ends
    connection.rest(100.0)
    speak(far)  # type: ignore[operator]
    assert not connection.is_fit(100.0)


@pytest.mark.parametrize(
    "base_url",
    ["", "not an address", "ftp://127.0.0.1/", "http://", "http://[::1", "http://127.0.0.1:notaport", "/calls"],
)
def test_an_address_that_is_none_is_not_sent_to(base_url: str) -> None:
    failure = client(base_url).post("/calls", {})
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.is_fault) == (AnswerKind.NOT_SENT, True)


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid", "xn--.invalid"])
def test_a_name_that_nobody_has_is_not_sent_to(host: str) -> None:
    failure = client(f"http://{host}", connect_seconds=2.0).post("/calls", {})
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.NOT_SENT
    assert host not in failure.detail


def test_a_host_that_takes_nobody_ends_with_the_limit_for_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        speaker = client(f"http://{address[0]}:{address[1]}", connect_seconds=SHORT_SECONDS)
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: speaker.post("/calls", {}))
        for one in waiting:
            one.close()
    assert failure == Failure(AnswerKind.NOT_SENT, "not connected within 0.3 s", is_fault=True)


def test_the_deadline_begins_after_the_last_look() -> None:
    ended = threading.Event()

    def look() -> bool:
        return not ended.wait(SHORT_SECONDS * 2)

    with FaultServer(said(200, {})) as server:
        assert isinstance(client(server.url, SHORT_SECONDS).post("/calls", {}, last_look=look), Reply)


def test_a_server_that_does_not_read_cannot_outlast_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        host, port = deaf.getsockname()
        speaker = client(f"http://{host}:{port}", SHORT_SECONDS)
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: speaker.post("/calls", {"a": "x" * 30_000_000}))
    assert failure == Failure(AnswerKind.UNKNOWN, "no answer within 0.3 s", is_fault=True)


def test_endless_interim_answers_cannot_outlast_the_deadline() -> None:
    def interim(line: fault_server.Line) -> bool:
        while not line.ended.is_set():
            line.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    with FaultServer(interim) as server:
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: client(server.url, SHORT_SECONDS).post("/calls", {}))
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.UNKNOWN


@pytest.mark.parametrize(("status", "kind"), [(402, Reply), (429, Reply), (200, Failure), (503, Failure)])
def test_a_refusal_whose_body_breaks_off_is_still_a_refusal(status: int, kind: type) -> None:
    with FaultServer(raw(f"HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n{{".encode())) as server:
        assert isinstance(client(server.url).post("/calls", {}), kind)


def test_a_wait_until_a_date_is_seen_from_the_servers_own_clock() -> None:
    dates = {"Date": "Mon, 23 Nov 2026 09:00:00 GMT", "Retry-After": "Mon, 23 Nov 2026 09:00:40 GMT"}
    with FaultServer(said(429, headers=dates)) as server:
        reply = client(server.url).post("/calls", {})
    assert isinstance(reply, Reply)
    assert reply.retry_after == timedelta(seconds=40)


def test_cookies_are_not_kept() -> None:
    with FaultServer(said(200, {}, headers={"Set-Cookie": "a=b"})) as server:
        speaker = client(server.url)
        speaker.post("/calls", {})
        speaker.post("/calls", {})
    assert "cookie" not in server.heard[1].headers


@pytest.mark.parametrize("key", ["a\nX-Other: b", "a\r", "clé", "\x00"])
def test_a_key_that_is_no_header_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigInvalid, match="X-API-KEY") as refused:
        HttpClient("http://127.0.0.1", {"X-API-KEY": key}, 1.0)
    assert key not in str(refused.value)


def test_neither_key_nor_address_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with FaultServer(said(401, {})) as server:
        client(f"{server.url}/k/oc_live_in_the_path").post("/load-json", {"phone": "+61278132035"})
    assert not [word for word in ("oc_live", "a-secret-key", "278132035") if word in caplog.text]


@pytest.fixture
def encrypted() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOOPBACK_KEY)
    return context


def test_an_encrypted_answer_is_read_under_the_same_deadline(encrypted: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=LOOPBACK_KEY)
    with FaultServer(said(200, {"id": "a"}), drip(written(200)), tls=encrypted) as server:
        speaker = client(server.url, SHORT_SECONDS, tls=trusting)
        reply = speaker.post("/calls", {})
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: speaker.post("/calls", {}))
    assert isinstance(reply, Reply)
    assert reply.json() == {"id": "a"}
    assert failure == Failure(AnswerKind.UNKNOWN, "no answer within 0.3 s", is_fault=True)


def test_an_encrypted_connection_is_used_again(encrypted: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=LOOPBACK_KEY)
    with FaultServer(said(200, {}), tls=encrypted) as server:
        speaker = client(server.url, tls=trusting)
        for _ in range(3):
            speaker.post("/calls", {"a": "x" * 100_000})
    assert (len(server.heard), server.connections) == (3, 1)


def test_a_certificate_that_nobody_vouches_for_is_not_sent_to(encrypted: ssl.SSLContext) -> None:
    with FaultServer(tls=encrypted) as server:
        failure = client(server.url).post("/calls", {})
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.NOT_SENT
    assert "certificate refused" in failure.detail
    assert not server.heard


def test_a_server_without_tls_is_not_sent_to() -> None:
    with FaultServer(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        speaker = client(server.url.replace("http", "https"), connect_seconds=SHORT_SECONDS)
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: speaker.post("/calls", {}))
    assert isinstance(failure, Failure)
    assert failure.kind is AnswerKind.NOT_SENT
    assert not server.heard


def test_silence_ends_with_the_deadline() -> None:
    with FaultServer(silence) as server:
        failure = within(SHORT_SECONDS + GRACE_SECONDS, lambda: client(server.url, SHORT_SECONDS).get("/me"))
    assert failure == Failure(AnswerKind.UNKNOWN, "no answer within 0.3 s", is_fault=True)


def test_a_look_that_has_aged_is_taken_again_before_anything_is_sent() -> None:
    """Other threads had the processor in between, and a pause may have come."""
    looks: list[int] = []

    def look() -> bool:
        looks.append(server.bytes_heard)
        if len(looks) == 1:
            time.sleep(2 * FRESH_SECONDS)
        return len(looks) < 3

    with FaultServer(said(200)) as server:
        assert isinstance(client(server.url).post("/calls", {}, last_look=look), Reply)
        assert looks == [0, 0]


def test_a_pause_that_came_while_the_look_aged_holds_the_request_back() -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        time.sleep(2 * FRESH_SECONDS)
        return len(looks) < 2

    with FaultServer(said(200)) as server:
        failure = client(server.url).post("/calls", {}, last_look=look)
        assert isinstance(failure, Failure)
        assert failure.kind is AnswerKind.WITHHELD
        assert server.bytes_heard == 0


def test_a_machine_on_which_every_look_ages_sends_all_the_same() -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        time.sleep(2 * FRESH_SECONDS)
        return True

    with FaultServer(said(200)) as server:
        assert isinstance(client(server.url).post("/calls", {}, last_look=look), Reply)
    assert len(looks) == LOOKS_AT_MOST
