"""Puts right how clients write paths: the seed's base URLs end in a slash, and its paths begin with one."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send


class Paths:
    """ASGI: //load-json is /load-json. Nothing else is touched; a path that climbs (..) stays unknown."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": straight(scope["path"])}
        await self._app(scope, receive, send)


def straight(path: str) -> str:
    """Also behind the key of /k/{api_key}/, where it is a base URL's last part."""
    path = re.sub(r"^/{2,}", "/", path)
    return re.sub(r"^(/k/[^/]+)/{2,}", r"\1/", path)
