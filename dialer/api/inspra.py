"""Inspra Outbound's dialect: load-json, test-call, and pause, terminate, resume of a batch; it answers without a body.

What there is to say, a receipt's counts above all, goes into headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from dialer.api.body import LARGE, document
from dialer.api.describing import takes
from dialer.api.entrance import Caller, caller, caller_by_path
from dialer.api.inspra_bodies import BATCH, LOAD, TEST, BatchNamed, LoadJson, TestCall
from dialer.api.problems import ANY_BODY, Dialect, Kind, Problem, camel, listed
from dialer.domain.client import Scope
from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt
from dialer.errors import FieldError

#: A header names so many of them; the counts are complete.
_SHOWN: Final = 20

Document = Mapping[str, Any]


class OneError(BaseModel):
    """One thing that is wrong."""

    code: str = Field(description="Stable.", examples=["PHONE_NOT_E164"])
    field: str = Field(description="Where; dots lead into lists and objects.", examples=["callList.0"])
    message: str = Field(description="What was expected.")


class InspraError(OneError):
    """What is wrong; `errors` has all of it, the rest is the first."""

    field: str | None = Field(description="Where; null where it is about no field.", examples=["cli"])  # type: ignore[assignment]
    errors: list[OneError]


def _body(problem: Problem, _: int) -> dict[str, Any]:
    where = None if problem.field is None else camel(problem.field)
    return {"code": problem.code, "field": where, "message": problem.message, "errors": listed(problem.errors)}


DIALECT: Final = Dialect(
    ("/load-json", "/test-call", "/pause-batch", "/resume-batch", "/terminate-batch", "/k"), _body, InspraError
)


def _load(who: Caller, body: Document) -> Response:
    receipt = who.workspace.load(body, resume="user" if who.may(Scope.CONTROL) else False)
    headers = _receipt(receipt)
    if receipt.rejected and not receipt.accepted + receipt.already_known:
        raise _all_rejected(receipt, headers)
    return Response(headers=headers)


def _controlled(who: Caller, body: Document, action: str) -> Response:
    return Response(headers=_standing(who.workspace.control(body, action)))


def _receipt(receipt: LoadReceipt) -> dict[str, str]:
    counts = ("accepted", "already_known", "duplicates", "suppressed", "rejected")
    headers = {_header(name): str(getattr(receipt, name)) for name in counts}
    told = [f"{one.row}={one.code}" for one in receipt.rejections[:_SHOWN]]
    return headers | _texts(
        batch_id=receipt.batch_id,
        changed=", ".join(receipt.changed),
        rejections=", ".join(told),
        warnings=_codes(receipt.warnings),
    )


def _reference(made: CallRef) -> dict[str, str]:
    return _texts(
        batch_id=made.batch_id,
        call_id=made.call_id,
        held="true" if made.held else "false",
        why=made.why or "",
        next_eligible_at=made.next_eligible_at.isoformat() if made.next_eligible_at else "",
    )


def _standing(receipt: ControlReceipt) -> dict[str, str]:
    return _texts(
        batch_id=receipt.batch_id,
        state=receipt.state,
        in_flight=str(receipt.in_flight),
        handed_over=str(receipt.handed_over),
        warnings=_codes(receipt.warnings),
    )


def _all_rejected(receipt: LoadReceipt, headers: dict[str, str]) -> Problem:
    errors = [FieldError(one.code, f"callList.{one.row - 1}", one.phone, one.message) for one in receipt.rejections]
    first = errors[0]
    return Problem(Kind.INVALID, first.code, first.message, field=first.field, errors=errors, headers=headers)


def _codes(warnings: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(text.partition(":")[0] for text in warnings))


def _texts(**values: str) -> dict[str, str]:
    """As headers can carry them: ASCII, one line; what is empty is left out."""
    return {
        _header(name): " ".join(value.encode("ascii", "replace").decode().split())
        for name, value in values.items()
        if value
    }


def _header(name: str) -> str:
    return "X-Dialer-" + name.replace("_", "-").title()


def _done(*names: str) -> dict[int | str, dict[str, Any]]:
    """The 200 of the OpenAPI document."""
    headers = {_header(name): {"schema": {"type": "string"}} for name in names}
    return {200: {"description": "Done. The body is empty.", "headers": headers}}


_COUNTS: Final = _done(
    "batch_id", "accepted", "already_known", "duplicates", "suppressed", "rejected", "rejections", "changed", "warnings"
)
_REFERENCE: Final = _done("batch_id", "call_id", "held", "why", "next_eligible_at")
_STANDING: Final = _done("batch_id", "state", "in_flight", "handed_over", "warnings")


def _routes(let_in: Callable[[Scope], Any], tag: str) -> APIRouter:
    """The same paths, whichever way the key comes."""
    router = APIRouter(tags=[tag], default_response_class=Response)
    enqueuer, controller = let_in(Scope.ENQUEUE), let_in(Scope.CONTROL)
    batch, call, name = document(LARGE), document(), document()
    problems = DIALECT.responses(*ANY_BODY, Kind.NOT_FOUND)

    @router.post("/load-json", responses=problems | _COUNTS, openapi_extra=takes(LoadJson, load_json=LOAD))
    def load_json(who: Caller = enqueuer, body: Document = batch) -> Response:
        """Load a batch, or add numbers to it.

        New numbers are added, known ones are left as they are. It resumes a batch that its user paused, as users of
        this API do it; a pause that the dialer set itself ends by resume-batch only. 400 when no number was taken.
        """
        return _load(who, body)

    @router.post("/test-call", responses=problems | _REFERENCE, openapi_extra=takes(TestCall, test_call=TEST))
    def test_call(who: Caller = enqueuer, body: Document = call) -> Response:
        """Place one call before all others.

        While one to the same batchRef and phone is open, that one is meant.
        """
        return Response(headers=_reference(who.workspace.test_call(body)))

    @router.post("/pause-batch", responses=problems | _STANDING, openapi_extra=takes(BatchNamed, batch=BATCH))
    def pause_batch(who: Caller = controller, body: Document = name) -> Response:
        """Start no new call of this batch until it is resumed."""
        return _controlled(who, body, "pause")

    @router.post("/resume-batch", responses=problems | _STANDING, openapi_extra=takes(BatchNamed, batch=BATCH))
    def resume_batch(who: Caller = controller, body: Document = name) -> Response:
        """Go on with this batch, whoever paused it."""
        return _controlled(who, body, "resume")

    @router.post("/terminate-batch", responses=problems | _STANDING, openapi_extra=takes(BatchNamed, batch=BATCH))
    def terminate_batch(who: Caller = controller, body: Document = name) -> Response:
        """End this batch for good: it can be neither resumed nor loaded again."""
        return _controlled(who, body, "terminate")

    return router


router: Final = APIRouter()
router.include_router(_routes(caller, "Inspra"))
router.include_router(_routes(caller_by_path, "Inspra, the key in the path"), prefix="/k/{api_key}")
