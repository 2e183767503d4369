"""An agent owner's server: takes webhooks over a socket, verifies them with the library, and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_SECONDS = 20.0
#: Writes the answer itself; what it raises ends the connection.
Script = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Received:
    """One request, its signature verified."""

    message_id: str
    path: str
    headers: dict[str, str] = field(repr=False)
    said: Any = field(repr=False)


class Receiver:
    """Listens on a free port of 127.0.0.1 while it is entered; a thread for each request."""

    def __init__(self, secret: str = SECRET) -> None:
        self.received: list[Received] = []
        self.unverified: list[str] = []
        self._webhook = Webhook(secret)
        self._scripts: deque[int | Script] = deque()
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/calls"

    def answers(self, *scripts: int | Script) -> None:
        """The next requests are answered so, in turn; the rest with 200."""
        self._scripts.extend(scripts)

    def ids(self) -> list[str]:
        return [one.message_id for one in self.received]

    def until(self, count: int) -> list[Received]:
        """Waits until so many were received."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        with self._came:
            while len(self.received) < count:
                left = give_up_at - time.monotonic()
                assert left > 0, f"{len(self.received)} of {count} came, and {self.unverified} unverified"
                self._came.wait(left)
            return list(self.received)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="receiver", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            said = self._webhook.verify(body, headers)
        except Exception as error:  # noqa: BLE001 - the library lets several kinds through
            self.unverified.append(repr(error))
            said = json.loads(body)
        with self._came:
            self.received.append(Received(headers["webhook-id"], request.path, headers, said))
            self._came.notify_all()
        script = self._scripts.popleft() if self._scripts else 200
        if isinstance(script, int):
            request.send_response(script)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            script(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler
