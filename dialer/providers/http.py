"""Speaks HTTP to a provider: one request, at most once, under one total deadline, with a last look before it leaves.

It never retries, never follows a redirect, and takes nothing from the environment. What an answer means is `answers`'.
"""

from __future__ import annotations

import json as jsonlib
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote

from dialer.domain.placement import AnswerKind, Placement
from dialer.errors import ConfigInvalid
from dialer.failpoints import reached
from dialer.lean import without
from dialer.ports.voice import LastLook
from dialer.providers.answers import Failure, Reply, classify, http_date, retry_after
from dialer.providers.connection import Connection, Deadline, Origin
from dialer.providers.incoming import WireAnswer

with without("click", "pygments", "rich"):
    import httpx

#: Name lookup, TCP and TLS together, before the deadline of the request begins.
CONNECT_SECONDS = 5.0
#: So old a last look may be when the request leaves; and so often it is taken at most, on a machine that is no faster.
FRESH_SECONDS, LOOKS_AT_MOST = 0.025, 5
#: Shorter ones are no secrets, and would tear holes into texts.
_SECRET_LENGTH = 6
_STANDARD_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "dialer"}


def marks(placement: Placement) -> dict[str, str]:
    """The headers that every placement carries; both are derived from the attempt, never random."""
    return {"X-Attempt-Id": placement.reference, "Idempotency-Key": placement.reference}


class HttpClient:
    """The one way to a provider's API. `headers` go with every request and are secret; their values never show.

    Any number of threads may use it: each has a connection of its own.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        deadline_seconds: float,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise ConfigInvalid(f"what goes into the header {name} must be printable ASCII, without line breaks")
        self._headers = dict(headers)
        self._secrets = tuple(key for key in map(_key, headers.values()) if len(key) >= _SECRET_LENGTH)
        self._base = _base(base_url)
        self._seconds = (connect_seconds, deadline_seconds)
        self._tls = tls
        self._threads = threading.local()

    def post(
        self, path: str, json: Any, *, headers: Mapping[str, str] | None = None, last_look: LastLook | None = None
    ) -> Reply | Failure:
        """One POST. `last_look` is asked after connecting and before the first byte; what it raises is raised."""
        try:
            content = jsonlib.dumps(json, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError):
            return Failure(AnswerKind.REJECTED, "the request cannot be written as JSON")
        return self._ask("POST", path, {**(headers or {}), "Content-Type": "application/json"}, content, last_look)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Reply | Failure:
        asked = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in (query or {}).items())
        return self._ask("GET", f"{path}?{asked}" if asked else path, {})

    def _ask(
        self, method: str, path: str, headers: dict[str, str], content: bytes = b"", last_look: LastLook | None = None
    ) -> Reply | Failure:
        if self._base is None:
            return Failure(AnswerKind.NOT_SENT, "base_url is no address: expected http://… or https://…", is_fault=True)
        try:
            written = self._written(self._base, method, path, headers, content)
        except (httpx.InvalidURL, ValueError):
            return Failure(AnswerKind.REJECTED, "the request cannot be written")
        try:
            return self._reply(self._line(self._base).exchange(method, written, last_look))
        except _Withheld:
            return Failure(AnswerKind.WITHHELD, "held back by the last look")
        except _NeverLeft as error:
            return Failure(AnswerKind.NOT_SENT, str(error), is_fault=True)
        except _Lost as error:
            return Failure(AnswerKind.UNKNOWN, str(error), is_fault=True)

    def _written(self, base: httpx.URL, method: str, path: str, headers: dict[str, str], content: bytes) -> bytes:
        """Head and body in one piece, ready before the last look."""
        lines = [method.encode() + b" " + base.raw_path.partition(b"?")[0].rstrip(b"/") + _target(path) + b" HTTP/1.1"]
        lines.append(b"Host: " + base.netloc)
        given = {**_STANDARD_HEADERS, **self._headers, **headers}
        if content:
            given["Content-Length"] = str(len(content))
        lines += [f"{name}: {value}".encode("ascii") for name, value in given.items()]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise ValueError("a line break in a header")
        return b"\r\n".join(lines) + b"\r\n\r\n" + content

    def _line(self, base: httpx.URL) -> _Line:
        """This thread's own: one shared by threads would cost several times the CPU."""
        line: _Line | None = getattr(self._threads, "line", None)
        if line is None:
            line = self._threads.line = _Line(self._origin(base), *self._seconds)
        return line

    def _origin(self, base: httpx.URL) -> Origin:
        host = base.raw_host.decode("ascii")
        if base.scheme == "http":
            return Origin(host, base.port or 80)
        own = self._tls
        return Origin(host, base.port or 443, tls=(lambda: own) if own else default_tls)

    def _reply(self, answer: WireAnswer) -> Reply | Failure:
        kind = classify(answer.status)
        if answer.is_broken_off and kind in (AnswerKind.ACCEPTED, AnswerKind.UNKNOWN):
            return Failure(AnswerKind.UNKNOWN, f"the answer: {answer.unreadable}", True, answer.status)
        return Reply(answer.status, answer.body, answer.unreadable, _wait(answer), self._secrets)


class _Withheld(Exception):
    """The last look said no."""


class _NeverLeft(Exception):
    """Not a byte of the request was sent."""


class _Lost(Exception):
    """It was sent, or a piece of it, and no answer came that can be read."""


class _Line:
    """One thread's connection to one provider."""

    def __init__(self, origin: Origin, connect_seconds: float, deadline_seconds: float) -> None:
        self._origin = origin
        self._connect_seconds = connect_seconds
        self._deadline_seconds = deadline_seconds
        self._resting: Connection | None = None

    def exchange(self, method: str, written: bytes, last_look: LastLook | None) -> WireAnswer:
        connection = self._standing()
        try:
            self._look(connection, last_look)
            answer = self._exchange(connection, method, written)
        except BaseException:
            # Whatever is half done on it must not meet the next request.
            connection.close()
            raise
        self._put_away(connection, answer)
        return answer

    def _standing(self) -> Connection:
        resting, self._resting = self._resting, None
        if resting is not None:
            if resting.is_fit(time.monotonic()):
                return resting
            resting.close()
        try:
            return Connection.open(self._origin, Deadline(self._connect_seconds, time.monotonic))
        except TimeoutError:
            raise _NeverLeft(f"not connected within {self._connect_seconds:g} s") from None
        except (OSError, UnicodeError) as error:
            raise _NeverLeft(f"not connected: {_words(error)}") from None

    def _look(self, connection: Connection, last_look: LastLook | None) -> None:
        """A look that has aged while other threads had the processor is taken again: a pause may have come since."""
        connection.poise()
        for _ in range(LOOKS_AT_MOST):
            looked_at = time.monotonic()
            if last_look is not None and not last_look():
                raise _Withheld
            if connection.is_used and connection.has_spoken():
                raise _NeverLeft("the server closed the connection before anything was sent")
            if last_look is None or time.monotonic() - looked_at <= FRESH_SECONDS:
                return

    def _exchange(self, connection: Connection, method: str, written: bytes) -> WireAnswer:
        deadline = Deadline(self._deadline_seconds, time.monotonic)
        try:
            connection.send(written, deadline)
            reached("request.sent")
            return connection.receive(method, deadline)
        except TimeoutError:
            raise _Lost(f"no answer within {self._deadline_seconds:g} s") from None
        except Exception as error:  # noqa: BLE001 - whatever it was, the request may have arrived
            raise _Lost(f"no readable answer: {_words(error)}") from None

    def _put_away(self, connection: Connection, answer: WireAnswer) -> None:
        if answer.keeps_open:
            connection.rest(time.monotonic())
            self._resting = connection
        else:
            connection.close()


def _wait(answer: WireAnswer) -> timedelta | None:
    """Retry-After, seen from the server's own clock."""
    said = answer.headers.get("retry-after")
    if said is None:
        return None
    now = http_date(answer.headers.get("date")) or datetime.fromtimestamp(time.time(), UTC)
    return retry_after(said, now)


@lru_cache(maxsize=256)
def _target(path: str) -> bytes:
    """As httpx writes it, whatever is in it."""
    return httpx.URL(path).raw_path


def _base(base_url: str) -> httpx.URL | None:
    try:
        base = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError, ValueError):
        return None
    return base if base.scheme in ("http", "https") and base.raw_host else None


def _words(error: Exception) -> str:
    """What kind of error, never its text: that may quote what was sent or received."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _key(header: str) -> str:
    """The key in a header's value: "Bearer KEY" or "KEY"."""
    return header.rpartition(" ")[2]


@cache
def default_tls() -> ssl.SSLContext:
    """One for all: making it costs some 90 ms of CPU."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
