"""Inspra Outbound's dialect: load-json, test-call, and pause, terminate, resume of a batch; it answers without a body.

What there is to say, a receipt's counts above all, goes into headers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from dialer.api import inspra_view as render
from dialer.api.body import LARGE, document
from dialer.api.describing import takes
from dialer.api.entrance import Caller, caller, caller_by_path
from dialer.api.inspra_bodies import BATCH, LOAD, TEST, BatchNamed, LoadJson, TestCall
from dialer.api.inspra_view import RECEIPT, REFERENCE, STANDING
from dialer.api.once import IdempotencyKey, once
from dialer.api.problems import ANY_BODY, Dialect, Kind, Problem, camel, listed
from dialer.domain.client import Scope

Document = Mapping[str, Any]


class OneError(BaseModel):
    """One thing that is wrong."""

    code: str = Field(description="Stable.", examples=["PHONE_NOT_E164"])
    field: str = Field(description="Where; dots lead into lists and objects.", examples=["callList.0"])
    message: str = Field(
        description="What was expected.", examples=["'nobody' cannot be read as E.164: expected + and digits"]
    )


class InspraError(OneError):
    """What is wrong; `errors` has all of it, the rest is the first."""

    field: str | None = Field(description="Where; null where it is about no field.", examples=["cli"])  # type: ignore[assignment]
    errors: list[OneError] = Field(
        description="All that is wrong, at most 100 of it.",
        examples=[[{"code": "CLI_NOT_E164", "field": "cli", "message": "expected E.164"}]],
    )


def _body(problem: Problem, _: int) -> dict[str, Any]:
    where = None if problem.field is None else camel(problem.field)
    return {"code": problem.code, "field": where, "message": problem.message, "errors": listed(problem.errors)}


DIALECT: Final = Dialect(
    ("/load-json", "/test-call", "/pause-batch", "/resume-batch", "/terminate-batch", "/k"), _body, InspraError
)


def _load(who: Caller, body: Document, key: str | None) -> Response:
    who.workspace.spec(body)  # what cannot be read at all is refused before its key is taken

    def make(_: str) -> str:
        made = who.workspace.load(body, resume="user" if who.may(Scope.CONTROL) else False)
        return json.dumps(render.receipt(made))

    return once(who.portfolio, key, ("/load-json", body), make, _empty)


def _test(who: Caller, body: Document, key: str | None) -> Response:
    who.workspace.test_spec(body)

    def make(ref: str) -> str:
        made = who.workspace.test_call(body, batch_id=ref if key else None)
        return json.dumps(render.reference(made))

    return once(who.portfolio, key, ("/test-call", body), make, _empty)


def _empty(kept: str, _: int) -> Response:
    """An answer without a body; what was kept of it are its headers."""
    return Response(headers=json.loads(kept))


def _controlled(who: Caller, body: Document, action: str) -> Response:
    return Response(headers=render.standing(who.workspace.control(body, action)))


def _routes(let_in: Callable[[Scope], Any], tag: str) -> APIRouter:
    """The same paths, whichever way the key comes."""
    router = APIRouter(tags=[tag], default_response_class=Response)
    enqueuer, controller = let_in(Scope.ENQUEUE), let_in(Scope.CONTROL)
    batch, call, name = document(LARGE), document(), document()
    problems = DIALECT.responses(*ANY_BODY, Kind.NOT_FOUND)
    taking = DIALECT.responses(*ANY_BODY, Kind.NOT_FOUND, Kind.CONFLICT)

    @router.post("/load-json", responses=taking | RECEIPT, openapi_extra=takes(LoadJson, seed=LOAD))
    def load_json(key: IdempotencyKey = None, who: Caller = enqueuer, body: Document = batch) -> Response:
        """Load a batch, or add numbers to it.

        New numbers are added, known ones are left as they are. It resumes a batch that its user paused, as users of
        this API do it; a pause that the dialer set itself ends by resume-batch only. 400 when no number was taken. A
        repeat with the same Idempotency-Key changes nothing more, and resumes nothing.
        """
        return _load(who, body, key)

    @router.post("/test-call", responses=taking | REFERENCE, openapi_extra=takes(TestCall, seed=TEST))
    def test_call(key: IdempotencyKey = None, who: Caller = enqueuer, body: Document = call) -> Response:
        """Place one call before all others.

        While one to the same batchRef and phone is open, that one is meant. Otherwise each request is a new call,
        unless its Idempotency-Key repeats.
        """
        return _test(who, body, key)

    @router.post("/pause-batch", responses=problems | STANDING, openapi_extra=takes(BatchNamed, seed=BATCH))
    def pause_batch(who: Caller = controller, body: Document = name) -> Response:
        """Start no new call of this batch until it is resumed."""
        return _controlled(who, body, "pause")

    @router.post("/resume-batch", responses=problems | STANDING, openapi_extra=takes(BatchNamed, seed=BATCH))
    def resume_batch(who: Caller = controller, body: Document = name) -> Response:
        """Go on with this batch, whoever paused it."""
        return _controlled(who, body, "resume")

    @router.post("/terminate-batch", responses=problems | STANDING, openapi_extra=takes(BatchNamed, seed=BATCH))
    def terminate_batch(who: Caller = controller, body: Document = name) -> Response:
        """End this batch for good: it can be neither resumed nor loaded again."""
        return _controlled(who, body, "terminate")

    return router


router: Final = APIRouter()
router.include_router(_routes(caller, "Inspra"))
router.include_router(_routes(caller_by_path, "Inspra, the key in the path"), prefix="/k/{api_key}")
