"""How the server itself is: alive, ready, and its figures; without a key, for whoever watches it from the inside."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

router: Final = APIRouter(tags=["Health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether this process answers; it asks nobody else."""
    return {"status": "alive"}
