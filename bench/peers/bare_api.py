"""The same framework with nothing behind it: `python -m bench.peers.bare_api` answers a test call with an empty 200."""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()


@app.post("/test-call")
def test_call(body: dict[str, Any]) -> Response:
    """In the thread pool, as ours."""
    return Response()


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"listening on http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none")).run(sockets=[listening])


if __name__ == "__main__":
    main()
