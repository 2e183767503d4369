"""The batch-call dialect: batches of one to a thousand tasks, in the seed's envelope."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from dialer.api.problems import Dialect, Problem


class BatchCallError(BaseModel):
    """What is wrong."""

    message: str = Field(description="The first thing that is wrong, beginning with its field.")
    status: Literal["error"]
    error: str = Field(description="Its code, which is stable.", examples=["PHONE_NOT_E164"])


def _body(problem: Problem, _: int) -> dict[str, Any]:
    where = f"{problem.field}: " if problem.field else ""
    return {"message": where + problem.message, "status": "error", "error": problem.code}


DIALECT: Final = Dialect(("/batch-call",), _body, BatchCallError)
router: Final = APIRouter(tags=["batch-call"])
