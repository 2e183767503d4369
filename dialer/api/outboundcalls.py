"""OutboundCalls' dialect: account, agents, contacts, calls and campaigns under /api/v1, with its table of errors."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from dialer.api.problems import Dialect, Kind, Problem


class OutboundCallsError(BaseModel):
    """What is wrong."""

    error: str = Field(description="The first thing that is wrong, beginning with its field.")
    code: str = Field(description="Stable.", examples=["PHONE_NOT_E164"])


def _body(problem: Problem, _: int) -> dict[str, Any]:
    where = f"{problem.field}: " if problem.field else ""
    return {"error": where + problem.message, "code": problem.code}


#: Its table knows no 403: a key that may not is as good as none.
DIALECT: Final = Dialect(("/api/v1",), _body, OutboundCallsError, {Kind.FORBIDDEN: 401})
router: Final = APIRouter(prefix="/api/v1", tags=["OutboundCalls"])
