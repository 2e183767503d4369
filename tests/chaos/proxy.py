"""A small TCP proxy before PostgreSQL that cuts connections in the middle of a commit: before it arrives, or after."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from random import Random
from typing import Self

#: How psycopg says it: a simple query.
COMMIT = b"COMMIT\x00"


class CuttingProxy:
    """Listens on a free port of 127.0.0.1, in a thread of its own. `share` of the commits are cut while it is armed."""

    def __init__(self, target: Callable[[], int], seed: str, share: float = 0.05) -> None:
        self.port = 0
        self.cut_before = self.cut_after = 0
        self.armed = False
        self._target = target
        self._random = Random(seed)
        self._share = share
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="proxy", daemon=True)
        self._listening: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._listening.result()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._listening.set_result(server.sockets[0].getsockname()[1])
        await self._ended.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        both = {writer, back_writer}
        self._writers |= both
        down = asyncio.ensure_future(self._down(back_reader, writer))
        try:
            await self._up(reader, back_writer)
        finally:
            down.cancel()
            for one in both:
                one.transport.abort()
            self._writers -= both

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the client. A cut before the commit arrives undoes it; a cut after hides that it was done."""
        while piece := await _read(reader):
            if self.armed and COMMIT in piece and self._random.random() < self._share:
                if self._random.random() < 0.5:
                    self.cut_before += 1
                    return
                self.cut_after += 1
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.05)  # it reads this before it sees the end
                return
            writer.write(piece)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await _read(reader):
            writer.write(piece)
            await writer.drain()
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except OSError:
        return b""
