"""Incoming webhooks of providers: /webhooks/{account}/{secret}."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

router: Final = APIRouter(tags=["Webhooks"])
