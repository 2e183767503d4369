"""As many requests as the provider stub takes: raw bytes over many connections. `python -m bench.peers.hammer SECONDS`.

Prints requests per second: the ceiling of everything that is measured against the stub.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import urlsplit

import uvloop

from bench.peers.posting import body, url

CONNECTIONS = 64


async def main(seconds: float) -> None:
    where = urlsplit(url())
    content = json.dumps(body("+61390000000")).encode()
    head = f"POST {where.path} HTTP/1.1\r\nHost: stub\r\nContent-Length: {len(content)}\r\n\r\n"
    request, answered = head.encode() + content, 0

    async def ask() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while True:
            writer.write(request)
            await reader.readuntil(b"}")
            answered += 1

    asking = [asyncio.create_task(ask()) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.5)
    before = answered
    await asyncio.sleep(seconds)
    print((answered - before) / seconds)
    for task in asking:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
