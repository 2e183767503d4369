"""What went wrong with a request, and how each dialect says it: one place turns errors into statuses and bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from dialer.domain.fields import snake
from dialer.errors import (
    AccountShort,
    BatchBegun,
    BatchTerminated,
    DialerError,
    FieldError,
    InvalidInput,
    LedgerUnreachable,
    LoadRefused,
    ProviderFails,
    RedisUnreachable,
    SchemaOutdated,
    Unknown,
)

#: Nobody reads more of them, and each repeats a part of the request.
_MOST_ERRORS: Final = 100
_RETRY_SECONDS: Final = 5


class Kind(Enum):
    """What the sender has to do about it; the value is the usual status."""

    INVALID = 400
    UNAUTHENTICATED = 401
    NO_CREDIT = 402
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD = 405
    TOO_SLOW = 408
    CONFLICT = 409
    TOO_LARGE = 413
    MEDIA_TYPE = 415
    THROTTLED = 429
    INTERNAL = 500
    UPSTREAM = 502
    UNAVAILABLE = 503


class Problem(Exception):
    """A request that is not done. Dialects and the rooms around them raise it, or let a DialerError through."""

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        *,
        field: str | None = None,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.code, self.message, self.field = kind, code, message, field
        self.errors = errors or [FieldError(code, field or "", None, message)]
        self.headers = dict(headers or {})
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True)
class Dialect:
    """How one API says that something went wrong."""

    #: paths that speak it
    prefixes: tuple[str, ...]
    body: Callable[[Problem, int], dict[str, Any]]
    #: of `body`, for the OpenAPI document
    model: type[BaseModel]
    #: where its own table of errors differs from the usual status
    statuses: Mapping[Kind, int] = field(default_factory=dict)

    def status(self, kind: Kind) -> int:
        return self.statuses.get(kind, kind.value)

    def responses(self, *kinds: Kind) -> dict[int | str, dict[str, Any]]:
        """FastAPI's `responses` of a route: these, and what can happen to any request with a key."""
        can_happen: dict[int, Kind] = {}
        for kind in (*kinds, *ANY_REQUEST):
            can_happen.setdefault(self.status(kind), kind)
        return {
            status: {"model": self.model, "description": _MEANINGS[kind]} for status, kind in sorted(can_happen.items())
        }


_MEANINGS: Final = {
    Kind.INVALID: "Something is wrong with a field: which, and what was expected.",
    Kind.UNAUTHENTICATED: "The key is missing, unknown or revoked.",
    Kind.NO_CREDIT: "The account's balance is below its minimum; nothing was placed.",
    Kind.FORBIDDEN: "The key lacks the scope.",
    Kind.NOT_FOUND: "There is no such thing in the key's workspace.",
    Kind.METHOD: "The path knows other methods.",
    Kind.TOO_SLOW: "The body did not arrive in time.",
    Kind.CONFLICT: "The Idempotency-Key was used with another body.",
    Kind.TOO_LARGE: "The body is too large.",
    Kind.MEDIA_TYPE: "The body is no plain JSON in UTF-8: its content type, charset or encoding is another.",
    Kind.THROTTLED: "Too many requests with this key; Retry-After tells when to come again.",
    Kind.INTERNAL: "Unforeseen; the log has it.",
    Kind.UPSTREAM: "The provider of the call could not be reached or failed.",
    Kind.UNAVAILABLE: "The ledger cannot be reached. What was sent may have been written: repeat it, which is safe.",
}
#: What can happen to any request that needs a key.
ANY_REQUEST: Final = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.THROTTLED, Kind.UNAVAILABLE)
#: What can happen to any request with a body as well.
ANY_BODY: Final = (Kind.INVALID, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Every error by its kind; what nobody foresaw is INTERNAL and tells nothing."""
    match error:
        case Problem():
            return error
        case LoadRefused():
            # With the first code, so that who reads one code reads a useful one.
            first = error.errors[0]
            return Problem(Kind.INVALID, first.code, first.message, field=first.field, errors=error.errors)
        # 400, not 409: to a client such as our own adapters 409 means that a call may have been placed.
        case InvalidInput() | BatchTerminated() | BatchBegun():
            return Problem(Kind.INVALID, error.code, error.message)
        case AccountShort():
            return Problem(Kind.NO_CREDIT, error.code, error.message)
        case ProviderFails():
            return Problem(Kind.UPSTREAM, error.code, error.message)
        case Unknown():
            return Problem(Kind.NOT_FOUND, error.code, error.message)
        case LedgerUnreachable() | RedisUnreachable() | SchemaOutdated():
            return Problem(Kind.UNAVAILABLE, error.code, _outage(error), headers={"Retry-After": str(_RETRY_SECONDS)})
        case RequestValidationError():
            return _invalid_parameters(error)
        case HTTPException():
            return _of_the_framework(error)
        case _:
            return Problem(Kind.INTERNAL, "INTERNAL", "something nobody foresaw went wrong; the log has it")


def _outage(error: DialerError) -> str:
    """Without addresses of our own machines, which are nobody's business outside."""
    room = "Redis" if isinstance(error, RedisUnreachable) else "the ledger"
    outdated = isinstance(error, SchemaOutdated)
    return f"{room} has another schema than this version needs" if outdated else f"{room} cannot be reached"


def _invalid_parameters(error: RequestValidationError) -> Problem:
    wrong = [
        FieldError("FIELD_MISSING" if one["type"] == "missing" else "FIELD_TYPE", str(one["loc"][-1]), None, one["msg"])
        for one in error.errors()
    ]
    return problem_of(LoadRefused(wrong))


def _of_the_framework(error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return Problem(Kind.NOT_FOUND, "ROUTE_UNKNOWN", "no such path; /docs lists what there is", headers=headers)
        case 405:
            allowed = headers.get("Allow", "")
            message = f"expected one of {allowed}" if allowed else "not with this method"
            return Problem(Kind.METHOD, "METHOD_NOT_ALLOWED", message, headers=headers)
        case _:
            return Problem(Kind.INVALID, "REQUEST_INVALID", str(error.detail), headers=headers)


class Complaint(BaseModel):
    """Of paths that speak no dialect."""

    code: str = Field(description="Stable.", examples=["ROUTE_UNKNOWN"])
    message: str = Field(description="What was expected.", examples=["no such path; /docs lists what there is"])


PLAIN: Final = Dialect(("/",), lambda problem, _: {"code": problem.code, "message": problem.message}, Complaint)


def dialect_of(path: str, dialects: tuple[Dialect, ...]) -> Dialect:
    """The one with the longest prefix that fits."""
    fitting = [(len(prefix), one) for one in dialects for prefix in one.prefixes if _begins(path, prefix)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else PLAIN


def _begins(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def listed(errors: list[FieldError]) -> list[dict[str, Any]]:
    """As dialects render several: the value only where it is plain, as everything in an answer must be JSON."""
    return [{"code": one.code, "field": camel(one.field), "message": one.message} for one in errors[:_MOST_ERRORS]]


def camel(name: str) -> str:
    """block_rules.0 -> blockRules.0, as the seeds write it."""
    head, *rest = snake(name).split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def answer(request: Request, error: Exception, dialects: tuple[Dialect, ...]) -> Response:
    is_method = isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    if is_method and (methods := _methods(request)):
        error = HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(methods)})
    problem, dialect = problem_of(error), dialect_of(request.scope["path"], dialects)
    status = dialect.status(problem.kind)
    headers = dict(problem.headers)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(dialect.body(problem, status), status, headers=headers)


def _methods(request: Request) -> list[str]:
    """What this path knows, by the document: the framework tells those of the first route only that fits it."""
    documented: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    fitting = (known for path, known in documented.items() if compile_path(path)[0].match(request.scope["path"]))
    return sorted(method.upper() for method in next(fitting, ()))


def answer_problems(app: FastAPI, dialects: tuple[Dialect, ...]) -> None:
    """Every way in which a request can go wrong ends here."""

    # Async: of plain functions Starlette would take a thread for each.
    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, error, dialects)

    for kind in (Problem, DialerError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, handle)
