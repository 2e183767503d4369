"""The provider of the benchmarks: answers any POST after as many milliseconds as its path begins with, and remembers
when each came. `python -m bench.stub` is its process, fast enough never to be what is measured.

    POST /50/load-json     answered after 50 ms; its number and the instant it came are kept
    POST /_forget          forgets what came
    GET  /_count           how many came
    GET  /_most            how many were under way at once, at most
    GET  /_arrivals        [[number, seconds of CLOCK_MONOTONIC], …]
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import Any, Self

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NUMBER = re.compile(rb'"phone": ?"(\+\d+)"')


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


_PLACED = _answer(b'{"ok":true}')


class Line(asyncio.Protocol):
    """One connection; requests may come in pieces, one after the other."""

    arrivals: list[tuple[bytes, float]] = []  # noqa: RUF012 - one process, one memory
    loop: asyncio.AbstractEventLoop
    under_way = most = 0

    def connection_made(self, transport: Any) -> None:
        self.transport, self.rest = transport, b""

    def data_received(self, piece: bytes) -> None:
        text = self.rest + piece
        while (end := text.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(text, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(text) < size:
                break
            self.asked(text[:size])
            text = text[size:]
        self.rest = text

    def asked(self, request: bytes) -> None:
        came = time.monotonic()
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/_"):
            self.transport.write(_answer(self.told(path)))
            return
        number = _NUMBER.search(request)
        self.arrivals.append((number[1] if number else b"", came))
        Line.under_way += 1
        Line.most = max(Line.most, Line.under_way)
        wait = int(path.split(b"/", 2)[1]) / 1000
        if wait:
            self.loop.call_later(wait, self.placed)
        else:
            self.placed()

    def placed(self) -> None:
        Line.under_way -= 1
        if not self.transport.is_closing():  # who asked may have been ended
            self.transport.write(_PLACED)

    def told(self, path: bytes) -> bytes:
        if path == b"/_forget":
            self.arrivals.clear()
            Line.most = Line.under_way
        elif path == b"/_most":
            return str(Line.most).encode()
        elif path == b"/_arrivals":
            return json.dumps([(number.decode(), came) for number, came in self.arrivals]).encode()
        return str(len(self.arrivals)).encode()


async def serve() -> None:
    Line.loop = asyncio.get_running_loop()
    server = await Line.loop.create_server(Line, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Stub:
    """The process, and what one may ask it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.stub"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def url(self, milliseconds: int) -> str:
        return f"http://127.0.0.1:{self.port}/{milliseconds}"

    def forget(self) -> None:
        self._ask("/_forget")

    def count(self) -> int:
        return int(self._ask("/_count"))

    def most(self) -> int:
        return int(self._ask("/_most"))

    def arrivals(self) -> list[tuple[str, float]]:
        return [(number, came) for number, came in json.loads(self._ask("/_arrivals"))]

    def _ask(self, path: str) -> bytes:
        line = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("GET", path)
            return line.getresponse().read()
        finally:
            line.close()


if __name__ == "__main__":
    uvloop.run(serve())
