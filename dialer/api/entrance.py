"""Lets requests in: whose key it is, what that may do, and how often; from here on all is bound to its workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from dialer.api.pace import Pace
from dialer.api.problems import Kind, Problem
from dialer.domain.client import ApiKey, Scope
from dialer.facade import Dialer
from dialer.facade.portfolio import Portfolio
from dialer.facade.workspace import Workspace

_BEARER = HTTPBearer(auto_error=False, scheme_name="bearer", description="The api_key.")
_KEY = APIKeyHeader(name="X-API-KEY", auto_error=False, scheme_name="key", description="The api_key.")
_SECRET = APIKeyHeader(name="X-API-SECRET", auto_error=False, scheme_name="secret", description="The api_secret.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    key: ApiKey
    #: beside these two only what is asked for with `workspace_id` may be used of it
    dialer: Dialer
    #: loads and controls, in documents that name things
    workspace: Workspace
    #: what it may see, and change by id
    portfolio: Portfolio

    @property
    def workspace_id(self) -> str:
        return self.key.workspace_id

    def may(self, scope: Scope) -> bool:
        return self.key.may(scope)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key as a request showed it."""

    api_key: str
    #: None = a style that shows none
    api_secret: str | None


def caller(scope: Scope) -> Any:
    """A dependency: the caller, whose key must have this scope."""

    def let_in(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        key: Annotated[str | None, Depends(_KEY)],
        secret: Annotated[str | None, Depends(_SECRET)],
    ) -> Caller:
        return _admitted(request, _shown(bearer, key, secret), scope)

    return Depends(let_in)


def caller_by_path(scope: Scope) -> Any:
    """A dependency: the caller whose key is in the path, for clients that can send no header."""

    def let_in(
        request: Request, api_key: Annotated[str, Path(description="The api_key.", examples=["oc_live_…"])]
    ) -> Caller:
        return _admitted(request, _Shown(api_key, None), scope)

    return Depends(let_in)


def _shown(bearer: HTTPAuthorizationCredentials | None, key: str | None, secret: str | None) -> _Shown:
    if bearer is not None:
        return _Shown(bearer.credentials, None)
    if key and secret:
        return _Shown(key, secret)
    expected = "expected Authorization: Bearer <api_key>, or X-API-KEY and X-API-SECRET"
    raise Problem(Kind.UNAUTHENTICATED, "KEY_MISSING", expected)


def _admitted(request: Request, shown: _Shown, scope: Scope) -> Caller:
    dialer: Dialer = request.app.state.dialer
    pace: Pace = request.app.state.pace
    key = dialer.keys.verified(shown.api_key, shown.api_secret)
    if key is None:
        raise Problem(Kind.UNAUTHENTICATED, "KEY_INVALID", "the key is unknown or revoked, or its secret another")
    request.state.key_id = key.key_id  # for the access log
    if wait := pace.wait(key.key_id):
        message = f"too many requests with this key, expected at most {pace.per_second:g} a second"
        raise Problem(Kind.THROTTLED, "TOO_MANY_REQUESTS", message, headers={"Retry-After": str(wait)})
    if not key.may(scope):
        raise Problem(Kind.FORBIDDEN, "SCOPE_MISSING", f"the key lacks the scope {scope.value}")
    return Caller(key, dialer, dialer.within(key.workspace_id), dialer.portfolio(key.workspace_id))
