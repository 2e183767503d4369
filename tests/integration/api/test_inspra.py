"""Inspra's dialect: the seed's requests, what their answers carry, and what they refuse."""

from __future__ import annotations

from typing import Any

from dialer.api.inspra_bodies import LOAD
from tests.integration.api.conftest import Served

NAME = {"workspaceId": "acme", "agentId": "agent-7", "batchRef": "spring"}


def load(**fields: Any) -> dict[str, Any]:
    return {**LOAD, **fields}


def test_load_json_loads_and_says_nothing_but_in_headers(served: Served) -> None:
    phones = ["+61278132035", "+61278132035", "+61278132036", "nonsense"]
    answer = served.post("/load-json", load(callList=[{"phone": phone} for phone in phones]))
    assert (answer.status_code, answer.content) == (200, b"")
    told = {name.removeprefix("x-dialer-"): text for name, text in answer.headers.items() if name.startswith("x-d")}
    batch = served.dialer.find_batch("acme/agent-7/spring")
    assert told["batch-id"] == batch.batch_id
    counts = ("accepted", "already-known", "duplicates", "suppressed", "rejected")
    assert [told[name] for name in counts] == ["2", "0", "1", "0", "1"]
    assert told["rejections"] == "4=PHONE_NOT_E164"
    assert "NIGHTS_OPEN" in told["warnings"]


def test_a_doubled_leading_slash_is_one(served: Served) -> None:
    assert served.post("//load-json", load()).status_code == 200
    assert served.post(f"/k/{served.key.api_key}//pause-batch", NAME, headers={}).status_code == 200
    assert served.dialer.status(served.dialer.find_batch("acme/agent-7/spring").batch_id).state == "paused"
