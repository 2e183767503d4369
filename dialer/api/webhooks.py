"""Incoming webhooks of providers: /webhooks/{account}/{secret}. Each is stored and answered; all else comes later."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Request
from pydantic import BaseModel, Field

from dialer.api.body import raw, read_object
from dialer.api.problems import PLAIN, Kind
from dialer.engine.inbox import BODY_LIMIT
from dialer.facade import Dialer

router: Final = APIRouter(tags=["Webhooks"])

#: Without a key: the path has a secret of its own.
_PROBLEMS: Final = (Kind.INVALID, Kind.NOT_FOUND, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.UNAVAILABLE)


class Received(BaseModel):
    """It is in the ledger."""

    status: Literal["stored", "known"] = Field(
        description="known: this event had come before, and is kept once.", examples=["stored"]
    )


def _responses() -> dict[int | str, dict[str, Any]]:
    """Those of any route, but for what only keys can do wrong."""
    described = PLAIN.responses(*_PROBLEMS)
    return {status: described[status] for status in (PLAIN.status(kind) for kind in _PROBLEMS)}


_TAKES: Final = {
    "requestBody": {
        "required": True,
        "description": f"Whatever the provider says: a JSON object of at most {BODY_LIMIT} bytes.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_BODY: Final = raw(BODY_LIMIT)


@router.post("/webhooks/{account}/{secret:path}", responses=_responses(), openapi_extra=_TAKES)
def receive(
    request: Request,
    account: Annotated[str, Path(description="A provider account of the configuration.", examples=["outboundcalls"])],
    secret: Annotated[str, Path(description="Its webhook_secret.", examples=["hush-hush"])],
    webhook_id: Annotated[
        str | None,
        Header(description="The event's own id, where the provider has one; else its body is it.", examples=["evt_1"]),
    ] = None,
    body: bytes = _BODY,
) -> Received:
    """Take a provider's webhook as a hint: what happened to the call the provider is asked, at once.

    A wrong secret and an unknown account are the same 404, and nothing is written.
    """
    read_object(body)
    dialer: Dialer = request.app.state.dialer
    is_new = dialer.webhooks.receive(account, secret, body, webhook_id)
    return Received(status="stored" if is_new else "known")
