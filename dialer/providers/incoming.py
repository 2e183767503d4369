"""Reads one HTTP/1.1 answer from a connection, under a deadline that no drip of bytes outlasts, and no byte too many.

Only what tells where the answer ends is understood here. It takes a fifth of the time that http.client's reader takes,
which makes an e-mail of every answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: A body may be this long, no more is read.
BODY_LIMIT = 1024 * 1024
#: Status line and headers together; so long a line of sizes or trailers, too.
HEAD_LIMIT = 64 * 1024
HEADERS_LIMIT = 100
_PIECE = 64 * 1024

_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"HTTP/1\.([0-9]+) +([1-9][0-9]{2})(?: |\r?$)", re.ASCII)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_WITHOUT_BODY = frozenset({204, 304})


class Unreadable(Exception):
    """What came before the body is no answer."""


class _BrokenOff(Exception):
    """The body ended in its middle."""


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer whose status line and headers came whole."""

    status: int
    #: by their names in lower case; of several the first
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    #: why there is no body to read, though the server may have sent one
    unreadable: str = ""
    #: the connection ended, or the deadline did, inside the body
    is_broken_off: bool = False
    keeps_open: bool = False


class Incoming:
    """One answer. `receive` gives the next bytes, none at the connection's end, or raises TimeoutError or OSError."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._held = b""

    def answer(self, method: str) -> WireAnswer:
        """Raises Unreadable or OSError until the headers are there; after that a WireAnswer tells what broke."""
        minor, status, headers = self._head()
        while status == 100:
            minor, status, headers = self._head()
        if encoding := _encoding(headers):
            return WireAnswer(status, headers, unreadable=f"content-encoding {encoding}")
        is_chunked = headers.get("transfer-encoding", "").strip().lower() == "chunked"
        length = None if is_chunked else _length(headers)
        if status in _WITHOUT_BODY or 100 <= status < 200 or method == "HEAD":
            is_chunked, length = False, 0
        try:
            body = self._chunks() if is_chunked else self._body(length)
        except TimeoutError:
            return _broken_off(status, headers, "deadline")
        except (OSError, _BrokenOff):
            return _broken_off(status, headers, "connection")
        if len(body) > BODY_LIMIT:
            return WireAnswer(status, headers, unreadable="longer than 1 MiB")
        # An interim answer (103) is taken for the answer; the real one, still to come, must not meet the next request.
        # Nor must what came beyond the answer's end.
        ends_itself = (is_chunked or length is not None) and status >= 200 and not self._held
        return WireAnswer(status, headers, body, keeps_open=ends_itself and _stays_open(minor, headers))

    def _head(self) -> tuple[int, int, dict[str, str]]:
        while (end := _HEAD_ENDS.search(self._held)) is None:
            if len(self._held) > HEAD_LIMIT or not self._more():
                raise Unreadable
        first, *lines = self._held[: end.start()].decode("latin-1").split("\n")
        self._held = self._held[end.end() :]
        found = _STATUS.match(first)
        if found is None or len(lines) > HEADERS_LIMIT or end.start() > HEAD_LIMIT:
            raise Unreadable
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if colon and name and not name[0].isspace():
                headers.setdefault(name.lower(), value.strip())
        return int(found[1]), int(found[2]), headers

    def _body(self, length: int | None) -> bytes:
        """So many bytes; None = until the connection ends, which leaves open whether all of it came."""
        if length is None:
            while len(self._held) <= BODY_LIMIT and self._more():
                pass
            if self._held and len(self._held) <= BODY_LIMIT:
                raise _BrokenOff
            return self._taken(len(self._held))
        return self._exactly(min(length, BODY_LIMIT + 1))

    def _chunks(self) -> bytes:
        pieces, total = [], 0
        while size := self._size():
            pieces.append(self._exactly(min(size, BODY_LIMIT + 1 - total)))
            total += len(pieces[-1])
            if total > BODY_LIMIT:
                return b"".join(pieces)
            self._line()
        while self._line().strip():
            pass  # trailers
        return b"".join(pieces)

    def _size(self) -> int:
        found = _SIZE.match(self._line())
        if found is None:
            raise _BrokenOff
        return int(found[0], 16)

    def _line(self) -> bytes:
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > HEAD_LIMIT or not self._more():
                raise _BrokenOff
        return self._taken(end + 1)

    def _exactly(self, count: int) -> bytes:
        missing = count - len(self._held)
        if missing <= 0:
            return self._taken(count)
        pieces = [self._held]
        self._held = b""
        while missing > 0:
            piece = self._receive(min(missing, _PIECE))
            if not piece:
                raise _BrokenOff
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _more(self) -> bool:
        piece = self._receive(_PIECE)
        self._held += piece
        return bool(piece)

    def _taken(self, count: int) -> bytes:
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def _length(headers: Mapping[str, str]) -> int | None:
    said = headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None


def _stays_open(minor: int, headers: Mapping[str, str]) -> bool:
    said = headers.get("connection", "").lower()
    return "close" not in said if minor else "keep-alive" in said


def _encoding(headers: Mapping[str, str]) -> str:
    """The encoding that nobody asked for, "" for none."""
    said = headers.get("content-encoding", "").strip().lower()
    return "" if said in ("", "identity") else said[:40]


def _broken_off(status: int, headers: Mapping[str, str], what: str) -> WireAnswer:
    return WireAnswer(status, headers, unreadable=f"the {what} ended in its middle", is_broken_off=True)
