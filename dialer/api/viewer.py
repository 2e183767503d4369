"""The page at /docs: Swagger UI from files that are installed with us, so that a closed network shows it too."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import Response

#: Where its files are, below the page: relative to it, so that any prefix a proxy puts before it does.
_PARTS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
#: Whatever the page holds, a browser that shows it speaks to nobody but us.
_OURS_ALONE: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
_A_DAY: Final = "public, max-age=86400"


def show(app: FastAPI) -> None:
    """Adds the page and its files; the app itself must have no `docs_url`."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _OURS_ALONE
    app.add_api_route("/docs", lambda: page, include_in_schema=False)
    for name, kind in _PARTS.items():
        _add(app, name, kind)


def _add(app: FastAPI, name: str, kind: str) -> None:
    found = files("fastapi_offline") / "static" / name
    kept: list[Response] = []

    def part() -> Response:
        if not kept:  # read when somebody looks for the first time: most servers are never looked at
            kept.append(Response(found.read_bytes(), media_type=kind, headers={"Cache-Control": _A_DAY}))
        return kept[0]

    app.add_api_route(f"/docs/{name}", part, include_in_schema=False)
