"""How the dialer is: alive, ready, and its figures; without a key, for whoever watches it from the inside."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from dialer.api.metrics import Metrics
from dialer.facade import Dialer

router: Final = APIRouter(tags=["Health"])


class Alive(BaseModel):
    """This process answers."""

    status: Literal["alive"] = Field(description="Always this.", examples=["alive"])


class Ready(BaseModel):
    """What a request needs, and what dialing needs, one word each: ok, or what is wrong."""

    status: Literal["ready", "not ready"] = Field(description="ready: all three are ok.", examples=["ready"])
    ledger: str = Field(description="ok, or unreachable.", examples=["ok"])
    schema_: str = Field(alias="schema", description="ok, outdated, or unknown.", examples=["ok"])
    redis: str = Field(description="ok, unreachable, or waits for a scheduler.", examples=["ok"])


@router.get("/healthz")
async def healthz() -> Alive:
    """Whether this process answers; it asks nobody else."""
    return Alive(status="alive")


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "Something is missing."}})
def readyz(request: Request) -> Response:
    """Whether ledger, schema and Redis are there.

    Without Redis requests are taken all the same, and committed: nobody is dialed until it is back.
    """
    dialer: Dialer = request.app.state.dialer
    told = dialer.readiness()
    is_ready = all(word == "ok" for word in told.values())
    body: dict[str, Any] = {"status": "ready" if is_ready else "not ready", **told}
    return JSONResponse(body, 200 if is_ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "For Prometheus."}},
)
def metrics(request: Request) -> Response:
    """Figures of all processes, from the ledger and Redis: no number, batch or workspace is in them."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
