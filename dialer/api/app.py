"""Puts the application together: every dialect's routes and errors, and the paths as clients write them."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from dialer.api import batch_call, health, inspra, outboundcalls, webhooks
from dialer.api.describing import describe
from dialer.api.metrics import Metrics
from dialer.api.pace import Pace
from dialer.api.paths import Paths
from dialer.api.problems import answer_problems
from dialer.api.viewer import show
from dialer.facade import Dialer

#: Each has a `router`, a `DIALECT`, and a file of its own.
DIALECTS = (inspra, batch_call, outboundcalls)


def create_app(dialer: Dialer, *, requests_per_second: float = 0.0) -> FastAPI:
    """The application over an open Dialer, which stays the caller's to close. `requests_per_second`: of each key."""
    app = FastAPI(title="dialer", version=version("dialer"), docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.dialer = dialer
    app.state.pace = Pace(requests_per_second, dialer.throttle if requests_per_second else None)
    app.state.metrics = Metrics(dialer)
    for dialect in DIALECTS:
        app.include_router(dialect.router)
    app.include_router(webhooks.router)
    app.include_router(health.router)
    answer_problems(app, tuple(dialect.DIALECT for dialect in DIALECTS))
    app.add_middleware(Paths)
    describe(app)
    show(app)
    return app
