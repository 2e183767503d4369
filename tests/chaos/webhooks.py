"""The way of a provider's webhooks, made as bad as can be: doubled, delayed, out of order, forged ones besides."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SECRET = "hush-hush"
_PATIENCE_SECONDS = 10.0
#: Most of them only wait, and a provider keeps no queue of its own.
_AT_ONCE = 64


class Mischief:
    """Stands where the provider thinks the dialer is, and passes its webhooks on; `answers` counts what came back.

    Each is passed on up to three times, each time after a wait of its own, so that they overtake each other; beside it
    go forged ones: without the secret, of calls that nobody knows, and of calls that are not over, said to be.
    """

    def __init__(self, seed: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.sent: list[bytes] = []
        #: where `dialer serve` listens; nobody knows before it does
        self.target = ""
        self._under_way = 0
        self._random = Random(seed)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mischief")
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="mischief", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def is_quiet(self) -> bool:
        """Everything that was to be passed on has been."""
        with self._lock:
            return self._under_way == 0

    def forge(self, call_ids: list[str]) -> None:
        """Somebody who read the secret somewhere says that these calls are over, whether they are or not."""
        for call_id in call_ids:
            said = {"event": "call.completed", "data": {"id": call_id, "status": "completed", "forged": True}}
            self._later("forged", json.dumps(said).encode(), SECRET)

    def _take(self, body: bytes) -> None:
        with self._lock:
            self.sent.append(body)
            times = self._random.choice([1, 2, 3])
        for _ in range(times):
            self._later("passed on", body, SECRET)
        self._later("guessed", body, "guessed")
        stranger = {"event": "call.completed", "data": {"id": f"call-of-a-stranger-{len(self.sent)}"}}
        self._later("strange", json.dumps(stranger).encode(), SECRET)

    def _later(self, kind: str, body: bytes, secret: str) -> None:
        with self._lock:
            wait = self._random.choice([0.0, 0.0, 0.05, 0.3, 1.5])
            self._under_way += 1
        self._pool.submit(self._pass_on, kind, body, secret, wait)

    def _pass_on(self, kind: str, body: bytes, secret: str, wait: float) -> None:
        time.sleep(wait)
        url = f"{self.target}/webhooks/outboundcalls/{secret}"
        request = Request(url, body, {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
                status = answer.status
        except HTTPError as refused:
            status = refused.code
        except OSError:
            status = 0  # the server was just killed; a careless provider does not repeat itself
        with self._lock:
            self.answers[kind, status] += 1
            self._under_way -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take: Callable[[bytes], None] = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler
