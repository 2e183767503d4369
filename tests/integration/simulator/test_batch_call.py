"""The batch-call dialect over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.simulator.clients import QUICK, Client, a_batch, until
from tests.integration.simulator.conftest import Start


def created(client: Client, *phones: str, **changes: Any) -> str:
    status, said = client.post("/batch_call/batch-call", a_batch(*phones, **changes))
    assert status == 200
    return str(said["data"]["batch_call_id"])


def batch(client: Client, batch_id: str) -> dict[str, Any]:
    return dict(client.get(f"/batch_call/batch-call/{batch_id}")[1]["data"])


def counters(client: Client, batch_id: str) -> tuple[int, int, int]:
    held = batch(client, batch_id)
    return held["sent"], held["picked_up"], held["completed"]


def test_a_batch_is_answered_in_the_seeds_envelope(client: Client) -> None:
    status, said = client.post("/batch_call/batch-call", a_batch())
    assert status == 200
    assert (said["status"], said["error"]) == ("success", None)
    assert said["data"].keys() == {
        *("batch_call_id", "name", "from_number", "scheduled_timestamp", "total_task_count", "total", "sent"),
        *("picked_up", "completed", "agent_id", "organization_id", "status", "timezone", "last_sent_timestamp"),
        *("tasks_url", "created_timestamp", "access_info"),
    }
    assert said["data"]["status"] == "sent"


def test_a_bare_answer_has_no_envelope(start: Start) -> None:
    client = start(defaults={"bare": True})
    assert client.post("/batch_call/batch-call", a_batch())[1]["name"] == "r1"
    assert [one["name"] for one in client.get("/batch_call/batch-call/list?page=0&limit=100")[1]] == ["r1"]


def test_counters_move_as_the_call_does(start: Start) -> None:
    client = start(defaults={"ring_seconds": 0.15, "talk_seconds": 0.15})
    batch_id = created(client)
    assert counters(client, batch_id) == (1, 0, 0)
    until(lambda: counters(client, batch_id) == (1, 1, 0))
    until(lambda: counters(client, batch_id) == (1, 1, 1))
    assert batch(client, batch_id)["status"] == "completed"


@pytest.mark.parametrize(
    ("outcome", "counted", "state", "words"),
    [
        ("answered", (1, 1, 1), "COMPLETED", None),
        ("no_answer", (1, 0, 1), "FAILED", "no answer"),
        ("busy", (1, 0, 1), "FAILED", "busy"),
        ("voicemail", (1, 0, 1), "FAILED", "voicemail"),
        ("declined", (1, 0, 1), "FAILED", "declined"),
        ("failed", (1, 0, 1), "FAILED", "SIP 503 service unavailable"),
    ],
)
def test_every_outcome_shows_in_counters_and_tasks(
    start: Start, outcome: str, counted: tuple[int, int, int], state: str, words: str | None
) -> None:
    client = start(defaults={**QUICK, "outcome": outcome})
    batch_id = created(client)
    [under_way] = client.get(f"/batch_call/batch-call/{batch_id}/tasks")[1]["data"]
    assert under_way["status"] == "CALLING"
    until(lambda: counters(client, batch_id)[2] == 1)
    assert counters(client, batch_id) == counted
    [over] = client.get(f"/batch_call/batch-call/{batch_id}/tasks")[1]["data"]
    assert (over["to_number"], over["status"], over["error_message"]) == ("+12137774445", state, words)


def test_of_a_call_scripted_never_there_is_no_news(start: Start) -> None:
    client = start(defaults={"outcome": "never", "ring_seconds": 0, "talk_seconds": 0})
    batch_id = created(client)
    assert counters(client, batch_id) == (1, 0, 0)
    assert client.get(f"/batch_call/batch-call/{batch_id}/tasks")[1]["data"][0]["status"] == "CALLING"


def test_many_numbers_of_one_batch_have_outcomes_of_their_own(start: Start) -> None:
    client = start(defaults=QUICK, rules=[{"phone": "*2", "outcome": "busy"}])
    batch_id = created(client, "+12137774441", "+12137774442", "+12137774443")
    until(lambda: counters(client, batch_id) == (3, 2, 3))


def test_a_draft_dials_nobody_until_it_is_executed(start: Start) -> None:
    client = start(defaults={"draft": True})
    batch_id = created(client)
    assert batch(client, batch_id)["status"] == "draft"
    assert client.simulator.placements() == []
    status, said = client.post(f"/batch_call/batch-call/{batch_id}/execute")
    assert (status, said["data"]["status"]) == (200, "sent")
    assert [call["reference"] for call in client.simulator.placements()] == ["r1"]
    assert client.post(f"/batch_call/batch-call/{batch_id}/execute")[0] == 400
    assert len(client.simulator.placements()) == 1


def test_a_scheduled_batch_waits_for_its_time(client: Client) -> None:
    batch_id = created(client, send_now=False, trigger_timestamp=4_000_000_000_000)
    assert batch(client, batch_id)["status"] == "scheduled"
    assert counters(client, batch_id) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"from_number": "4157774444"}, "from_number"),
        ({"tasks": []}, "tasks"),
        ({"tasks": [{"to_number": "+12137774445"}] * 1001}, "tasks"),
        ({"tasks": [{"to_number": "x"}]}, "tasks[0]: to_number"),
        ({"tasks": [{"to_number": "+14157774444"}]}, "tasks[0]: to_number"),
        ({"tasks": [{"to_number": "+12137774445", "dynamic_variables": {"x": "y" * 6000}}]}, "tasks[0]: dynamic"),
        ({"trigger_timestamp": 1735718400}, "trigger_timestamp"),
        ({"trigger_timestamp": "1735718400000"}, "trigger_timestamp"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"agent_id": ""}, "agent_id"),
        ({"name": "x" * 256}, "name"),
        ({"status": "gone"}, "status"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_placed(client: Client, changes: dict[str, Any], named: str) -> None:
    status, said = client.post("/batch_call/batch-call", a_batch(**changes))
    assert (status, said["status"], said["data"]) == (400, "error", None)
    assert said["error"].startswith(named)
    assert client.simulator.placements() == []


def test_the_list_is_newest_first_in_pages_from_zero(client: Client) -> None:
    for name in ("r1", "r2", "r3"):
        created(client, name=name)

    def names(query: str) -> list[str]:
        return [one["name"] for one in client.get(f"/batch_call/batch-call/list{query}")[1]["data"]["batch_calls"]]

    assert names("?page=0&limit=2") == ["r3", "r2"]
    assert names("?page=1&limit=2") == ["r1"]
    assert names("") == ["r3", "r2", "r1"]
    assert names("?name=r2") == ["r2"]
    assert client.get("/batch_call/batch-call/list?page=0&limit=101")[0] == 400


def test_a_batch_shows_in_the_list_only_after_its_delay(start: Start) -> None:
    client = start(defaults={"list_delay": 0.2})
    batch_id = created(client)
    listed = "/batch_call/batch-call/list?page=0&limit=100"
    assert client.get(listed)[1]["data"]["batch_calls"] == []
    assert batch(client, batch_id)["name"] == "r1"
    until(lambda: len(client.get(listed)[1]["data"]["batch_calls"]) == 1)


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": "k"}, {"X-API-SECRET": "s"}])
def test_both_credentials_are_needed(client: Client, headers: dict[str, str]) -> None:
    client.headers = headers
    assert client.post("/batch_call/batch-call", a_batch())[0] == 401
    assert client.simulator.placements() == []


def test_unknown_batches_agents_and_keys_are_refused(start: Start) -> None:
    client = start(accounts={"batch_call": {"agents": ["agent_known"], "keys": ["k"], "serve_tasks": False}})
    assert client.get("/batch_call/batch-call/none")[0] == 404
    assert client.post("/batch_call/batch-call", a_batch())[0] == 404
    batch_id = created(client, agent_id="agent_known")
    assert client.get(f"/batch_call/batch-call/{batch_id}/tasks")[0] == 404
    client.headers["X-API-KEY"] = "revoked"
    assert client.get(f"/batch_call/batch-call/{batch_id}")[0] == 401


@pytest.mark.parametrize("path", ["/batch-call", "/batch-call-api/batch-call", "//batch-call"])
def test_the_seeds_paths_work_at_the_root(client: Client, path: str) -> None:
    assert client.post(path, a_batch())[0] == 200
