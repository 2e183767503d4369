"""Where an answer ends: in drops, in chunks, too long, broken off, and what is no answer at all."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.providers.incoming import BODY_LIMIT, HEAD_LIMIT, HEADERS_LIMIT, Incoming, Unreadable, WireAnswer

OK = b"HTTP/1.1 200 OK\r\n"
#: Who ends a list of pieces with this hears nothing more before the deadline; with RESET the connection breaks.
SILENCE, RESET = TimeoutError(), ConnectionResetError()


class Wire:
    """Gives what it was given, in these pieces, and counts what was asked for beyond them."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.given = 0

    def receive(self, most: int) -> bytes:
        if not self._pieces:
            return b""
        first = self._pieces.pop(0)
        if isinstance(first, Exception):
            raise first
        if len(first) > most:
            self._pieces.insert(0, first[most:])
        self.given += len(first[:most])
        return first[:most]


def answer(*pieces: bytes | Exception, method: str = "POST") -> WireAnswer:
    return Incoming(Wire(*pieces).receive).answer(method)


def drops(whole: bytes) -> list[bytes]:
    return [whole[at : at + 1] for at in range(len(whole))]


def chunked(*chunks: bytes, trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x;note=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return OK + b"Transfer-Encoding: Chunked\r\n\r\n" + body + b"0\r\n" + trailers + b"\r\n"


def test_an_answer_of_a_known_length_leaves_the_connection_open() -> None:
    came = answer(OK + b'Content-Length: 8\r\nX-Two: a\r\nx-two: b\r\n\r\n{"a": 1}')
    assert (came.status, came.body, came.keeps_open, came.headers["x-two"]) == (200, b'{"a": 1}', True, "a")


@pytest.mark.parametrize("whole", [OK + b"Content-Length: 4\r\n\r\nbody", chunked(b"bo", b"dy", trailers=b"X: 1\r\n")])
def test_an_answer_that_comes_in_drops_is_the_same_answer(whole: bytes) -> None:
    came = answer(*drops(whole))
    assert (came.body, came.keeps_open) == (b"body", True)


def test_nothing_is_read_beyond_a_known_length() -> None:
    """What the server says next belongs to nobody: the connection is not used again."""
    assert not answer(OK + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n").keeps_open


@pytest.mark.parametrize(
    ("head", "open_after"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", False),  # the real one is still to come
        (b"HTTP/1.1 200 OK\r\n\r\n", False),  # it ends where the connection does
    ],
)
def test_a_connection_stays_open_only_where_the_server_says_so(head: bytes, open_after: bool) -> None:
    came = answer(head)
    assert (came.body, came.keeps_open, came.is_broken_off) == (b"", open_after, False)


def test_an_interim_answer_is_passed_over() -> None:
    came = answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n7")
    assert (came.status, came.body) == (200, b"7")


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"HTTP/1.1 200 O"],
        [OK],
        [OK + b"Content-Length: 2\r\n"],
        [b"\x16\x03\x01\x00\xff\x00HTP/9.9 \xc3\x28 none of this is HTTP\r\n\x00\xfe\r\n\r\n"],
        [b"HTTP/2 200\r\n\r\n"],
        [b"HTTP/1.1 099 No\r\n\r\n"],
        [b"HTTP/1.1 2000 No\r\n\r\n"],
        [b"<!doctype html>\r\n\r\n"],
        [OK + b"X: " + b"x" * HEAD_LIMIT + b"\r\n\r\n"],
        [OK + b"".join(b"X-%d: 1\r\n" % at for at in range(HEADERS_LIMIT + 1)) + b"\r\n"],
    ],
)
def test_what_came_before_a_body_and_is_no_answer_is_unreadable(pieces: list[bytes]) -> None:
    with pytest.raises(Unreadable):
        answer(*pieces)


@pytest.mark.parametrize("broken", [SILENCE, RESET])
def test_a_connection_that_breaks_before_the_headers_says_so_itself(broken: Exception) -> None:
    with pytest.raises(type(broken)):
        answer(OK, broken)


def test_endless_headers_are_not_read_to_their_end() -> None:
    wire = Wire(*[b"X: 1\r\n" * 1000] * 100)
    with pytest.raises(Unreadable):
        Incoming(wire.receive).answer("POST")
    assert wire.given <= 2 * HEAD_LIMIT + 6000


@pytest.mark.parametrize(
    ("pieces", "what"),
    [
        ([OK + b"Content-Length: 8\r\n\r\n1234"], "connection"),
        ([OK + b"Content-Length: 8\r\n\r\n1234", RESET], "connection"),
        ([OK + b"Content-Length: 8\r\n\r\n1234", SILENCE], "deadline"),
        ([OK + b"\r\nuntil it is over"], "connection"),  # whether all of it came, nobody knows
        ([chunked(b"abcd")[:-5]], "connection"),
        ([chunked(b"abcd")[:-9], SILENCE], "deadline"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n"], "connection"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n-4\r\nabcd\r\n0\r\n\r\n"], "connection"),
    ],
)
def test_a_body_that_broke_off_is_told_from_a_whole_one(pieces: list[bytes | Exception], what: str) -> None:
    came = answer(*pieces)
    assert came.is_broken_off
    assert (came.status, came.body, came.keeps_open) == (200, b"", False)
    assert came.unreadable == f"the {what} ended in its middle"


@pytest.mark.parametrize(
    "framed",
    [
        lambda body: OK + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        lambda body: chunked(*(body[at : at + 100_000] for at in range(0, len(body), 100_000))),
        lambda body: OK + b"\r\n" + body,
    ],
    ids=["length", "chunks", "until it closes"],
)
def test_ten_megabytes_are_read_to_the_limit_and_no_further(framed: Callable[[bytes], bytes]) -> None:
    wire = Wire(framed(b"x" * 10 * BODY_LIMIT))
    came = Incoming(wire.receive).answer("POST")
    assert (came.unreadable, came.body, came.keeps_open) == ("longer than 1 MiB", b"", False)
    assert wire.given < BODY_LIMIT + 3 * 65536


def test_a_body_of_just_the_limit_is_read() -> None:
    assert len(answer(OK + b"Content-Length: %d\r\n\r\n" % BODY_LIMIT + b"x" * BODY_LIMIT).body) == BODY_LIMIT


def test_a_packed_answer_is_never_unpacked() -> None:
    bomb = gzip.compress(bytes(8 * BODY_LIMIT))
    wire = Wire(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb)
    came = Incoming(wire.receive).answer("POST")
    assert (came.status, came.unreadable, came.body, came.keeps_open) == (200, "content-encoding gzip", b"", False)
    assert wire.given < 200, "its body was read all the same"


def test_an_encoding_that_changes_nothing_is_none() -> None:
    assert answer(OK + b"Content-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}").body == b"{}"


FIELDS = st.sampled_from(
    [
        *(b"Content-Length: %d" % length for length in (0, 1, 5, 9)),
        *(b"Content-Length: -1", b"Content-Length: x", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
        *(b"Connection: close", b"Connection: keep-alive", b"X-Other: 1", b"X-Empty:"),
    ]
)
BODIES = st.sampled_from(
    [b"", b"a", b"hello", b"hello you", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhel", b"0\r\n\r\n", b"zz\r\n"]
)


@given(
    minor=st.sampled_from([0, 1]),
    status=st.sampled_from([200, 201, 204, 304, 400, 503]),
    fields=st.lists(FIELDS, max_size=3),
    body=BODIES,
    cuts=st.lists(st.integers(0, 200), max_size=4),
)
def test_it_ends_where_the_standard_librarys_reader_ends_it(
    minor: int, status: int, fields: list[bytes], body: bytes, cuts: list[int]
) -> None:
    head = b"".join(field + b"\r\n" for field in fields)
    whole = b"HTTP/1.%d %d Said\r\n" % (minor, status) + head + b"\r\n" + body
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    ours = answer(*(whole[start:end] for start, end in pairwise(places)))
    # These have no body, whatever they say of one; it reads one in chunks all the same.
    theirs = b"" if status in (204, 304) else standard(whole)
    assert (ours.status, ours.is_broken_off) == (status, theirs is None)
    if theirs is not None:
        assert ours.body == theirs


def standard(whole: bytes) -> bytes | None:
    """The body as http.client reads it; None where it broke off, or may have."""

    class Line:
        def makefile(self, *_: Any) -> io.BytesIO:
            return io.BytesIO(whole)

    response = HTTPResponse(Line(), method="POST")  # type: ignore[arg-type]
    response.begin()
    try:
        body = response.read(BODY_LIMIT + 1)
    except (HTTPException, ValueError):
        return None
    return body if response.isclosed() and not response.length else None
