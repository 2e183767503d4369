"""A dialer on SAQ, an asyncio queue: one function, one POST by aiohttp. `saq bench.peers.saq_dialer.settings`."""

from __future__ import annotations

import os
from typing import Any

import aiohttp
from saq import Queue

from bench.peers.posting import HEADERS, body, url

QUEUE = "peer-saq"
queue = Queue.from_url(os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"), name=QUEUE)


async def open_session(context: dict[str, Any]) -> None:
    context["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def close_session(context: dict[str, Any]) -> None:
    await context["session"].close()


async def dial(context: dict[str, Any], *, phone: str) -> None:
    async with context["session"].post(url(), json=body(phone), headers=HEADERS) as answer:
        answer.raise_for_status()
        await answer.read()


settings = {
    "queue": queue,
    "functions": [dial],
    "concurrency": int(os.environ.get("PEER_SLOTS", "64")),
    "startup": open_session,
    "shutdown": close_session,
}
