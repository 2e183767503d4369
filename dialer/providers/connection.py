"""One HTTP/1.1 connection: opened under one limit, one request in one piece, one answer under one deadline.

What is asked and when is `http`'s; where an answer ends is `incoming`'s, what it means `answers`'.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dialer.providers.incoming import Incoming, WireAnswer

#: Servers commonly close after 5 s; to be sooner keeps a request from meeting a connection that is just being closed.
IDLE_SECONDS = 3.0

#: As `socket.getaddrinfo` tells them.
Address = tuple[Any, ...]


class Deadline:
    """A total: whatever is waited for inside it shares what is left."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now = now
        self._ends = now() + seconds

    def left(self) -> float:
        """Seconds left, more than none; raises TimeoutError when it is over."""
        left = self._ends - self._now()
        if left <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads."""

    host: str
    port: int
    #: None = plain HTTP
    tls: Callable[[], ssl.SSLContext] | None = None


class Connection:
    """A connection that stands. After any exception it must be closed, not used again."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._process = os.getpid()
        self._idle_since: float | None = None
        self._watch = select.poll()
        self._watch.register(line, select.POLLIN)

    @classmethod
    def open(cls, origin: Origin, limit: Deadline, addresses: Sequence[Address] | None = None) -> Connection:
        """Name lookup, TCP and TLS within `limit`; raises OSError (TimeoutError, SSLError too) or UnicodeError.

        `addresses`: looked up before; no other is connected to.
        """
        line = _connected(addresses_of(origin, limit) if addresses is None else addresses, limit)
        try:
            return cls(_encrypted(line, origin, limit) if origin.tls else line)
        except BaseException:
            line.close()
            raise

    def __del__(self) -> None:
        # A thread that ended took its connection with it; without this the socket warns that nobody closed it.
        self.close()

    @property
    def is_used(self) -> bool:
        return self._idle_since is not None

    def is_fit(self, now: float) -> bool:
        """May carry another request: idle for a moment only, silent, and not another process' (after a fork)."""
        fresh = self._idle_since is not None and now - self._idle_since <= IDLE_SECONDS
        return fresh and self._process == os.getpid() and not self.has_spoken()

    def has_spoken(self) -> bool:
        """The server closed it, or sent what nobody asked for: either way it is of no more use."""
        return bool(self._watch.poll(0))

    def poise(self) -> None:
        """What `send` will send then leaves at once: to set a time limit, and to wait for room, each gives the
        processor to other threads first."""
        self._line.settimeout(0)

    def send(self, request: bytes, deadline: Deadline) -> None:
        rest = memoryview(request)
        if self._line.gettimeout() == 0:
            with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                rest = rest[self._line.send(rest) :]
        while rest:
            self._line.settimeout(deadline.left())
            rest = rest[self._line.send(rest) :]

    def receive(self, method: str, deadline: Deadline) -> WireAnswer:
        """Raises OSError or Unreadable until the headers are there; after that a WireAnswer tells what broke."""

        def some(most: int) -> bytes:
            # Every single read ends with the deadline, so that drops of bytes cannot stretch it.
            self._line.settimeout(deadline.left())
            return self._line.recv(most)

        return Incoming(some).answer(method)

    def rest(self, now: float) -> None:
        self._idle_since = now

    def close(self) -> None:
        self._line.close()


def addresses_of(origin: Origin, limit: Deadline) -> list[Address]:
    try:
        return socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return _looked_up(origin, limit)


def _looked_up(origin: Origin, limit: Deadline) -> list[Address]:
    """In a thread of its own: a name lookup takes no timeout, and may take half a minute."""
    told: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            told.put(list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            told.put(error)

    threading.Thread(target=look_up, name="name-lookup", daemon=True).start()
    try:
        found = told.get(timeout=limit.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _connected(addresses: Sequence[Address], limit: Deadline) -> socket.socket:
    """The first address that takes us; each gets its share of the time, so that a dead one leaves some for the next."""
    failed: OSError = OSError("the name has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        line = socket.socket(family, kind, protocol)
        try:
            line.settimeout(limit.left() / (len(addresses) - tried))
            line.connect(address)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            line.close()
            failed = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise failed


def _encrypted(line: socket.socket, origin: Origin, limit: Deadline) -> ssl.SSLSocket:
    assert origin.tls is not None  # noqa: S101 - asked by the caller
    encrypted = origin.tls().wrap_socket(line, server_hostname=origin.host, do_handshake_on_connect=False)
    try:
        encrypted.settimeout(limit.left())
        encrypted.do_handshake()
    except BaseException:
        encrypted.close()
        raise
    return encrypted
