"""A server on a raw socket that answers as badly as it is told, and remembers every byte that reached it.

with FaultServer(said(503), drip(said(200))) as server:
    …  # server.url, server.heard
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_MEGABYTE = 1024 * 1024
#: How often a waiting thread looks whether the server is to stop.
_PATIENCE = 0.01
_HANDSHAKE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One request that came whole; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Line:
    """The server's end of one connection."""

    socket: socket.socket
    #: set when the server is to stop: what waits, waits on it
    ended: threading.Event


#: What is done with the connection once a request has come; False = it is over.
Act = Callable[[Line], bool]


def said(status: int, body: Any = b"", *, headers: dict[str, str] | None = None) -> Act:
    """A proper answer; what is not bytes is sent as JSON."""
    encoded = written(status, body, headers)

    def act(line: Line) -> bool:
        line.socket.sendall(encoded)
        return True

    return act


def written(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> bytes:
    """The bytes of a proper answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def raw(answer: bytes, *, then_close: bool = True) -> Act:
    """These bytes, whatever they are."""

    def act(line: Line) -> bool:
        line.socket.sendall(answer)
        return not then_close

    return act


def drip(answer: bytes, seconds_per_byte: float = 0.05) -> Act:
    """One byte at a time, never silent for long."""

    def act(line: Line) -> bool:
        for byte in answer:
            if line.ended.wait(seconds_per_byte):
                break
            line.socket.sendall(bytes([byte]))
        return False

    return act


def silence(line: Line) -> bool:
    """Takes the request and says nothing, until the client goes."""
    while not line.ended.is_set():
        try:
            if not line.socket.recv(65536):
                break
        except TimeoutError:
            continue
    return False


def close(line: Line) -> bool:
    """Takes the request and hangs up."""
    return False


def reset(line: Line) -> bool:
    """Takes the request and resets the connection."""
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def half_close(line: Line) -> bool:
    """Says half of its head, ends its direction and keeps listening."""
    line.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    line.socket.shutdown(socket.SHUT_WR)
    return silence(line)


def answer_then_close(status: int, body: Any = b"") -> Act:
    """A proper answer that promises to stay open, and a closed connection."""
    return raw(written(status, body))


def big(size: int = 10 * _MEGABYTE) -> Act:
    """A proper JSON answer, far too long."""
    return said(200, b'{"id":"call-1","padding":"' + b"x" * size + b'"}')


def gzip_bomb(size: int = 64 * _MEGABYTE) -> Act:
    """A short answer that would unpack to a long one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    body = b"".join(packer.compress(bytes(_MEGABYTE)) for _ in range(size // _MEGABYTE)) + packer.flush()
    return said(200, body, headers={"Content-Encoding": "gzip"})


class FaultServer:
    """Listens on a loopback port; plays its acts in turn, one for each request, the last one for good."""

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.acts = acts or (said(200),)
        self.heard: list[Heard] = []
        #: bytes of requests, whole or not
        self.bytes_heard = 0
        self.connections = 0
        self.connected = threading.Event()
        #: set whenever a connection was closed from here
        self.hung_up = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listening.settimeout(_PATIENCE)
        host, port = self._listening.getsockname()
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in list(self._threads):
            thread.join()
        self._listening.close()

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self.connected.set()
            self._start(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(_HANDSHAKE_SECONDS)
        try:
            with self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
                connection.settimeout(_PATIENCE)
                while (request := self._next_request(connection)) and self._act(request)(Line(connection, self._ended)):
                    pass
        except OSError:
            plain.close()  # the client hung up in the middle, as it may
        self.hung_up.set()

    def _act(self, request: Heard) -> Act:
        with self._lock:
            self.heard.append(request)
            return self.acts[min(len(self.heard), len(self.acts)) - 1]

    def _next_request(self, connection: socket.socket) -> Heard | None:
        held = b""
        while not (request := _parsed(held)):
            received = self._received(connection)
            if not received:
                return None
            self.bytes_heard += len(received)
            held += received
        return request

    def _received(self, connection: socket.socket) -> bytes:
        while not self._ended.is_set():
            try:
                return connection.recv(65536)
            except TimeoutError:
                continue
        return b""


def _parsed(held: bytes) -> Heard | None:
    head, blank, body = held.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not blank or len(body) < int(headers.get("content-length", "0")):
        return None
    method, target, _ = first.split(" ")
    return Heard(method, target, headers, body)
