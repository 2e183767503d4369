"""Requests out of bytes, however they are cut."""

from __future__ import annotations

import pytest

from dialer.simulator.wire import Answer, RequestReader, Unreadable

WHOLE = b"POST //load-json?a=1&b=%20 HTTP/1.1\r\nHost: x\r\nX-Attempt-Id: r1\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST /calls HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"


@pytest.mark.parametrize("message", [WHOLE, CHUNKED])
def test_a_request_is_whole_only_with_its_last_byte(message: bytes) -> None:
    reader = RequestReader()
    for at in range(len(message) - 1):
        reader.feed(message[at : at + 1])
        assert reader.take() is None
    reader.feed(message[-1:])
    request = reader.take()
    assert request
    assert request.body == b"body"
    assert reader.take() is None


def test_two_requests_in_one_piece_come_one_after_the_other() -> None:
    reader = RequestReader()
    reader.feed(WHOLE + CHUNKED)
    first, second = reader.take(), reader.take()
    assert first
    assert second
    assert first.segments() == ("load-json",)
    assert first.query() == {"a": "1", "b": " "}
    assert first.headers["x-attempt-id"] == "r1"
    assert second.target == "/calls"


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"x" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused(received: bytes, status: int) -> None:
    reader = RequestReader()
    reader.feed(received)
    with pytest.raises(Unreadable) as refused:
        reader.take()
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_as_the_client_asks(head: bytes, kept: bool) -> None:
    reader = RequestReader()
    reader.feed(head)
    request = reader.take()
    assert request
    assert request.keep_alive is kept


def test_an_empty_answer_says_so() -> None:
    assert Answer(200).encoded() == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
