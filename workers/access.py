"""A line for each request that was answered: what it asked for, what it got, how long that took; no key is in it."""

from __future__ import annotations

import re
from typing import Any

from dialer.clock import SystemClock
from workers.logs import log

#: Asked every few seconds by whoever watches.
_QUIET = ("/healthz", "/readyz", "/metrics")
_KEY = re.compile(r"^(/*k/+)[^/]+")
_SECRET = re.compile(r"^(/*webhooks/+[^/]+/+).+", re.DOTALL)

#: ASGI's own types are the framework's, which only `dialer.api` knows.
Ground = dict[str, Any]


class Access:
    """ASGI, outermost: sees paths as they came."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._clock = SystemClock()

    async def __call__(self, scope: Ground, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = self._clock.boottime(), {"status": 500}

        async def noted(message: Ground) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._tell(scope, answered["status"], self._clock.boottime() - began)

    def _tell(self, scope: Ground, status: int, seconds: float) -> None:
        path = without_secrets(scope["path"])
        say = log().debug if path in _QUIET else log().info
        client = scope.get("client") or ("",)
        key_id = scope.get("state", {}).get("key_id")
        say(
            "http.answered",
            method=scope["method"],
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            client=client[0],
            **({"key_id": key_id} if key_id else {}),
        )


def without_secrets(path: str) -> str:
    """The path without the key of /k/{api_key}/… and the secret of /webhooks/{account}/{secret}."""
    return _SECRET.sub(r"\1***", _KEY.sub(r"\1***", path))
