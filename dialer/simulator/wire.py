"""Reads HTTP/1.1 requests out of bytes and writes answers into them; what is answered is decided elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Unreadable(Exception):
    """The bytes are no HTTP/1.1 request; `.status` is what to answer before closing."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(slots=True)
class Request:
    """One request as received; header names in lower case, repeated headers joined by a comma."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    keep_alive: bool = True

    def segments(self) -> tuple[str, ...]:
        """The path's parts; doubled and closing slashes make no difference."""
        path = self.target.partition("?")[0]
        return tuple(unquote(part) for part in path.split("/") if part)

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(slots=True)
class Answer:
    """One answer: status, body and further headers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encoded(self, keep_alive: bool = True) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unlisted')}"]
        if self.body:
            lines.append(f"Content-Type: {self.content_type}")
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if not keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + self.body


def json_answer(status: int, value: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-").title(): held for name, held in headers.items()}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(status, text.encode("utf-8", "replace"), named)


class RequestReader:
    """Takes bytes as they come, gives whole requests one after the other."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._head: Request | None = None
        self.wants_continue = False

    def feed(self, received: bytes) -> None:
        self._held += received

    def take(self) -> Request | None:
        """The next whole request, or None while bytes are missing; raises Unreadable."""
        if self._head is None and not self._read_head():
            return None
        request = self._head
        if request is None or not self._read_body(request):
            return None
        self._head = None
        return request

    def _read_head(self) -> bool:
        while self._held.startswith(b"\r\n"):
            del self._held[:2]
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > HEAD_LIMIT:
                raise Unreadable(431, "the request head is longer than 64 KiB")
            return False
        self._head = _parsed_head(self._held[:end].decode("latin-1"))
        del self._held[: end + 4]
        self.wants_continue = "100-continue" in self._head.headers.get("expect", "").lower()
        return True

    def _read_body(self, request: Request) -> bool:
        if "chunked" in request.headers.get("transfer-encoding", "").lower():
            return self._read_chunks(request)
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Unreadable(400, f"Content-Length: expected a whole number, got {length!r:.40}")
        if int(length) > BODY_LIMIT:
            raise Unreadable(413, "the request body is longer than 64 MiB")
        if len(self._held) < int(length):
            return False
        request.body = bytes(self._held[: int(length)])
        del self._held[: int(length)]
        return True

    def _read_chunks(self, request: Request) -> bool:
        if len(self._held) > BODY_LIMIT:
            raise Unreadable(413, "the request body is longer than 64 MiB")
        body, at = bytearray(), 0
        while (line_end := self._held.find(b"\r\n", at)) >= 0:
            size = _chunk_size(self._held[at:line_end])
            at = line_end + 2 + size + 2
            if len(self._held) < at:
                return False
            if not size:
                request.body = bytes(body)
                del self._held[:at]
                return True
            body += self._held[line_end + 2 : at - 2]
        return False


def _parsed_head(text: str) -> Request:
    first, *lines = text.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Unreadable(400, f"expected METHOD TARGET HTTP/1.1, got {first!r:.80}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Unreadable(400, f"expected Name: value, got {line!r:.80}")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = "keep-alive" in connection if words[2] == "HTTP/1.0" else "close" not in connection
    return Request(words[0], words[1], headers, keep_alive=keep_alive)


def _chunk_size(line: bytearray) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise Unreadable(400, "a chunk does not begin with its size") from None
