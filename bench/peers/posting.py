"""The request that every peer sends, and where to: told by PEER_PROVIDER. It is as large as ours."""

from __future__ import annotations

import os
from typing import Any

HEADERS = {"X-Attempt-Id": "0b6c1d5e-4c1e-5a54-8a0c-3a4c61f0d7aa", "Idempotency-Key": "a key"}


def url() -> str:
    return os.environ["PEER_PROVIDER"] + "/load-json"


def body(phone: str) -> dict[str, Any]:
    return {
        "agentId": "agent-1",
        "workspaceId": "bench",
        "batchRef": "spring",
        "cli": "+61255509999",
        "callList": [{"phone": phone, "variables": {"name": "Ada"}}],
        "nbf": "2026-11-23T09:00:00.000Z",
        "exp": "2026-12-23T09:00:00.000Z",
        "blockRules": [],
    }
