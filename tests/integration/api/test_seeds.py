"""The seeds' own requests, pasted: only host, key, placeholder values and dates that have passed are changed."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.integration.api.conftest import Served

BATCH_CALL = """\
curl --request POST \\
--url http://localhost:8080/batch-call \\
--header 'Content-Type: application/json' \\
--header 'X-API-KEY: <api-key>' \\
--header 'X-API-SECRET: <api-key>' \\
--data '
{
"from_number": "+14157774444",
"tasks": [
{
"to_number": "+12137774445",
"dynamic_variables": {
"first_name": "John",
"last_name": "Doe",
"company": "Acme Corp"
},
"max_retries": 3
}
],
"name": "Q1 Sales Campaign",
"trigger_timestamp": 1735718400000,
"agent_id": "agent_7ff47846-c8a0-4304-ae13-88cfc31c1a03",
"timezone": "America/New_York",
"status": "draft",
"send_now": false
}
'"""
ME = """\
curl -s https://outboundcalls.ai/api/v1/me \\
  -H "Authorization: Bearer oc_live_..."
"""
CONTACT = """\
curl -s https://outboundcalls.ai/api/v1/contacts \\
  -H "Authorization: Bearer oc_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{
    "contactListId": "clx...",
    "phone": "+14155551212",
    "name": "Jane Doe",
    "tags": ["lead","website"]
  }'
"""
CALL = """\
curl -s https://outboundcalls.ai/api/v1/calls \\
  -H "Authorization: Bearer oc_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{ "agentId":"clxXXX", "toNumber":"+14155551212" }'
"""


def typed(line: str, *changes: tuple[str, str]) -> Any:
    """What curl printed for a line with these changes; each must change something."""
    for old, new in changes:
        assert old in line, old
        line = line.replace(old, new, 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_the_batch_call_seed(served: Served) -> None:
    told = typed(
        BATCH_CALL,
        ("http://localhost:8080", served.url),
        ("X-API-KEY: <api-key>", f"X-API-KEY: {served.key.api_key}"),
        ("X-API-SECRET: <api-key>", f"X-API-SECRET: {served.key.api_secret}"),
    )
    data = told["data"]
    assert told["message"] == "Batch call created successfully"
    assert (data["name"], data["status"], data["total_task_count"], data["sent"]) == (
        "Q1 Sales Campaign",
        "draft",
        1,
        0,
    )
    assert (data["scheduled_timestamp"], data["from_number"]) == (1735718400000, "+14157774444")
    [call] = served.dialer.calls(phone="+12137774445")
    assert (call.max_retries, call.variables) == (
        3, {"first_name": "John", "last_name": "Doe", "company": "Acme Corp"},
    )  # fmt: skip


def test_the_outboundcalls_seed(served: Served) -> None:
    at = ("https://outboundcalls.ai", served.url)
    key = ("oc_live_...", served.key.api_key)
    assert typed(ME, at, key)["user"]["id"] == "acme"
    spring = served.dialer.contacts.create_list("acme", "spring")
    contact = typed(CONTACT, at, key, ("clx...", spring.list_id))
    assert (contact["name"], contact["tags"]) == ("Jane Doe", ["lead", "website"])
    call = typed(CALL, at, key)
    assert (call["agentId"], call["toNumber"], call["status"]) == ("clxXXX", "+14155551212", "queued")
    [placed] = served.dialer.calls(phone="+14155551212")
    assert placed.call_id == call["id"]
