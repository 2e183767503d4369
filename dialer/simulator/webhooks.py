"""Posts full call data once a call has ended, where the account names an address; one try, like a careless provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from dialer.simulator.calls import PlacedCall
from dialer.simulator.clock import Instant

_PATIENCE = 10.0


class PostCallWebhooks:
    """Waits for each call's end and posts; a call scripted `never` is never told about."""

    def __init__(self, detail: Callable[[PlacedCall, Instant], dict[str, Any]], note: Callable[..., None]) -> None:
        self._detail = detail
        self._note = note
        self._pending: set[asyncio.Task[None]] = set()

    def expect(self, call: PlacedCall, url: str) -> None:
        if call.part.outcome == "never":
            return
        waiting = asyncio.get_running_loop().create_task(self._wait_and_post(call, url))
        self._pending.add(waiting)
        waiting.add_done_callback(self._pending.discard)

    def stop(self) -> None:
        for waiting in self._pending:
            waiting.cancel()

    async def _wait_and_post(self, call: PlacedCall, url: str) -> None:
        await asyncio.sleep(max(0.0, call.ends.mono - call.placed.mono))
        body = json.dumps({"event": "call.completed", "data": self._detail(call, call.ends)}).encode()
        try:
            async with asyncio.timeout(_PATIENCE):
                answered = await _post(url, body)
        except (OSError, TimeoutError) as error:
            answered = f"{type(error).__name__}: {error}"
        self._note("webhook", call_id=call.call_id, url=url, answered=answered)


async def _post(url: str, body: bytes) -> str:
    """The status line of the answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    try:
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        return (await reader.readline()).decode("latin-1").strip()
    finally:
        writer.close()
