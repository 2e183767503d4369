"""The batch-call dialect: the seed's envelope and counters, drafts and schedules, lists, and what it refuses."""

from __future__ import annotations

import time
from typing import Any

import httpx

from dialer.api.batch_call_bodies import SEED
from dialer.domain.client import Scope
from dialer.domain.states import BatchState
from tests.integration.api.conftest import Served

ENVELOPE = ["message", "status", "error", "data"]
#: Every field of the seed's example, in its order.
FIELDS = [
    "batch_call_id", "name", "from_number", "scheduled_timestamp", "total_task_count", "total", "sent", "picked_up",
    "completed", "agent_id", "organization_id", "status", "timezone", "last_sent_timestamp", "tasks_url",
    "created_timestamp", "access_info",
]  # fmt: skip
DAY = 86_400_000
TASK = {"to_number": "+12137774445"}


def now() -> int:
    return int(time.time() * 1000)


def body(**fields: Any) -> dict[str, Any]:
    made = {**SEED, "send_now": False, **fields}
    return {name: value for name, value in made.items() if value is not None}


def made(served: Served, **fields: Any) -> dict[str, Any]:
    answer = served.post("/batch-call", body(**fields))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def ask(served: Served, method: str, path: str, **options: Any) -> httpx.Response:
    options.setdefault("headers", served.bearer)
    return served.client.request(method, served.url + path, **options)


def refused(answer: httpx.Response, status: int = 400) -> tuple[str, str]:
    """The code and the message of an error in the dialect's own form."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert list(told) == ["message", "status", "error"]
    assert told["status"] == "error"
    return told["error"], told["message"]


def test_the_seed_s_request_is_answered_with_every_field_of_its_example(served: Served) -> None:
    answer = served.post(
        "/batch-call",
        SEED,
        headers={"X-API-KEY": served.key.api_key, "X-API-SECRET": served.key.api_secret},
    )
    assert answer.status_code == 200
    told = answer.json()
    assert list(told) == ENVELOPE
    assert (told["message"], told["status"], told["error"]) == ("Batch call created successfully", "success", None)
    data = told["data"]
    assert list(data) == FIELDS
    assert data["batch_call_id"].startswith("batch_call_")
    assert data["name"] == "Q1 Sales Campaign"
    assert data["from_number"] == "+14157774444"
    assert data["scheduled_timestamp"] == 1735718400000
    assert data["agent_id"] == SEED["agent_id"]
    assert data["organization_id"] == "acme"
    assert (data["status"], data["timezone"]) == ("draft", "America/New_York")
    assert (data["total_task_count"], data["total"]) == (1, 1)
    assert (data["sent"], data["picked_up"], data["completed"], data["last_sent_timestamp"]) == (0, 0, 0, None)
    assert abs(data["created_timestamp"] - now()) < 60_000
    assert set(data["access_info"]) == {"user_id", "session_id"}
    tasks = served.client.get(data["tasks_url"], headers=served.bearer).json()
    [task] = tasks["data"]
    assert (task["to_number"], task["status"], task["call_id"]) == ("+12137774445", "PENDING", None)


def test_what_a_task_says_is_what_its_call_gets(served: Served) -> None:
    batch = made(served)
    [call] = served.dialer.calls(uuid_of(batch))
    assert (call.phone, call.max_retries) == ("+12137774445", 3)
    assert call.variables == {"first_name": "John", "last_name": "Doe", "company": "Acme Corp"}


def uuid_of(batch: dict[str, Any]) -> str:
    return str(batch["batch_call_id"]).removeprefix("batch_call_")


BEGINNINGS: list[tuple[dict[str, Any], str]] = [
    ({"status": "draft"}, "draft"),
    ({"status": "draft", "send_now": True}, "sent"),
    ({"status": "scheduled", "trigger_timestamp": "ahead"}, "scheduled"),
    ({"status": "scheduled", "trigger_timestamp": 1735718400000}, "sent"),  # past: due now
    ({"status": "scheduled", "trigger_timestamp": None}, "sent"),
    ({"status": "sent", "trigger_timestamp": "ahead"}, "sent"),
    ({"status": None, "trigger_timestamp": "ahead"}, "scheduled"),
    ({"status": None, "trigger_timestamp": None}, "sent"),
    ({"status": None, "trigger_timestamp": "ahead", "send_now": True}, "sent"),
]


def test_a_batch_is_a_draft_scheduled_or_sent_as_asked(served: Served) -> None:
    ahead = now() + DAY
    for given, status in BEGINNINGS:
        asked = {name: ahead if value == "ahead" else value for name, value in given.items()}
        batch = made(served, **asked)
        assert batch["status"] == status, given
        trigger = asked.get("trigger_timestamp")
        begins = trigger if status == "scheduled" or trigger == SEED["trigger_timestamp"] else now()
        assert status == "draft" or abs(batch["scheduled_timestamp"] - begins) < 60_000, given
        kept = served.dialer.find_batch(uuid_of(batch))
        assert kept.state is (BatchState.DRAFT if status == "draft" else BatchState.ACTIVE)


def test_seconds_instead_of_milliseconds_are_refused_and_the_answer_says_so(served: Served) -> None:
    code, message = refused(served.post("/batch-call", body(trigger_timestamp=1735718400)))
    assert code == "TIMESTAMP_INVALID"
    assert "trigger_timestamp: expected a Unix timestamp in milliseconds, got 1735718400" in message
    assert "looks like seconds: did you mean 1735718400000?" in message
    assert served.dialer.batches() == []


def test_a_draft_is_executed_and_then_no_more(served: Served) -> None:
    batch = made(served)
    path = f"/batch-call/{batch['batch_call_id']}"
    executed = ask(served, "POST", f"{path}/execute")
    assert executed.status_code == 200
    assert executed.json()["data"]["status"] == "sent"
    code, message = refused(ask(served, "POST", f"{path}/execute"))
    assert (code, message) == ("BATCH_BEGUN", "the batch is sent: only draft or scheduled ones can be executed")


def test_counters_are_the_ledger_s(served: Served) -> None:
    batch = made(served, tasks=[{"to_number": f"+1213777444{digit}"} for digit in (5, 6, 7, 5)], status="sent")
    assert batch["total"] == batch["total_task_count"] == 3  # the same number twice is one call
    served.dialer.terminate_batch("acme", batch["agent_id"], batch["access_info"]["session_id"])
    told = served.get(f"/batch-call/{batch['batch_call_id']}").json()["data"]
    assert (told["status"], told["total"], told["completed"], told["picked_up"]) == ("failed", 3, 3, 0)
    tasks = served.get(f"/batch-call/{batch['batch_call_id']}/tasks").json()["data"]
    assert {(task["status"], task["error_message"]) for task in tasks} == {
        ("FAILED", "terminated: terminated by an operator")
    }


def test_duplicates_are_told(served: Served) -> None:
    answer = served.post("/batch-call", body(tasks=[TASK, TASK]))
    assert answer.json()["message"] == "Batch call created successfully; 1 duplicate numbers left out"


def test_batches_are_listed_newest_first_by_either_method(served: Served) -> None:
    ids = [made(served, name=f"N{number}", agent_id=f"a{number % 2}")["batch_call_id"] for number in range(5)]
    for path in ("/batch-call", "/batch-call/list"):
        told = served.get(path, params={"page": 1, "limit": 2}).json()["data"]
        assert [each["batch_call_id"] for each in told["batch_calls"]] == [ids[2], ids[1]]
        assert (told["total"], told["page"], told["limit"]) == (5, 1, 2)
    listed = served.post("/batch-call/list", {"page": 1, "limit": 2}).json()["data"]
    assert listed == told
    found = served.get("/batch-call/list").json()["data"]["batch_calls"]
    assert [each["batch_call_id"] for each in found] == ids[::-1]
    oldest = served.get("/batch-call/list", params={"sort_order": "asc", "limit": 1}).json()["data"]["batch_calls"]
    assert [each["batch_call_id"] for each in oldest] == ids[:1]
    for wanted, names in (
        ({"name": "N3"}, ["N3"]),
        ({"agent_id": "a1"}, ["N3", "N1"]),
        ({"status": "draft", "agent_id": "a0"}, ["N4", "N2", "N0"]),
        ({"status": "sent"}, []),
    ):
        for answer in (served.get("/batch-call/list", params=wanted), served.post("/batch-call/list", wanted)):
            assert [each["name"] for each in answer.json()["data"]["batch_calls"]] == names, wanted


def test_tasks_are_read_page_by_page(served: Served) -> None:
    batch = made(served, tasks=[{"to_number": f"+1213777444{digit}"} for digit in range(5)])
    path = f"/batch-call/{batch['batch_call_id']}/tasks"
    first = served.get(path, params={"limit": 2}).json()["data"]
    rest = served.get(path, params={"after": first[-1]["task_id"]}).json()["data"]
    assert [task["to_number"][-1] for task in first + rest] == ["0", "1", "2", "3", "4"]
    assert served.get(path, params={"after": "nobody"}).json()["data"] == []


def test_a_batch_that_has_not_begun_is_changed(served: Served) -> None:
    batch = made(served)
    path, ahead = f"/batch-call/{batch['batch_call_id']}", now() + DAY
    edited = ask(served, "PATCH", path, json={"name": "Q2", "trigger_timestamp": ahead, "status": "scheduled"})
    assert edited.status_code == 200, edited.text
    told = edited.json()["data"]
    assert (told["name"], told["scheduled_timestamp"], told["status"]) == ("Q2", ahead, "scheduled")
    assert ask(served, "PATCH", path, json={"status": "draft"}).json()["data"]["status"] == "draft"
    assert ask(served, "PATCH", path, json={"timezone": "America/New_York"}).status_code == 200
    assert ask(served, "PATCH", path, json={"timezone": "Europe/Paris"}).json()["data"]["timezone"] == "Europe/Paris"
    assert ask(served, "PATCH", path, json={"status": "sent"}).json()["data"]["status"] == "sent"
    code, message = refused(ask(served, "PATCH", path, json={"timezone": "Europe/Rome"}))
    assert code == "FIELD_FIXED"
    assert message.startswith("timezone: is Europe/Paris, and cannot change: the batch has begun")
    assert refused(ask(served, "PATCH", path, json={"status": "draft"}))[0] == "BATCH_BEGUN"
    assert ask(served, "PATCH", path, json={}).json()["data"]["name"] == "Q2"


def test_a_draft_is_deleted_and_what_can_dial_is_not(served: Served) -> None:
    draft, sent = made(served), made(served, status="sent")
    path = f"/batch-call/{draft['batch_call_id']}"
    deleted = ask(served, "DELETE", path)
    assert deleted.status_code == 200
    assert deleted.json()["data"]["batch_call_id"] == draft["batch_call_id"]
    for method, suffix in (("GET", ""), ("GET", "/tasks"), ("POST", "/execute"), ("DELETE", "")):
        assert refused(ask(served, method, path + suffix), 404)[0] == "BATCH_UNKNOWN"
    assert served.dialer.find_batch(uuid_of(draft)).state is BatchState.TERMINATED
    assert refused(ask(served, "DELETE", f"/batch-call/{sent['batch_call_id']}"))[0] == "BATCH_BEGUN"


def test_batches_of_another_workspace_are_not_there(served: Served) -> None:
    batch = made(served)
    other = served.dialer.keys.create("other")
    theirs = {"Authorization": f"Bearer {other.api_key}"}
    path = f"/batch-call/{batch['batch_call_id']}"
    for method, suffix, given in (
        ("GET", "", None), ("GET", "/tasks", None), ("POST", "/execute", None), ("DELETE", "", None),
        ("PATCH", "", {"name": "mine"}),
    ):  # fmt: skip
        mine = refused(ask(served, method, path + suffix, json=given, headers=theirs), 404)
        nobodys = f"/batch-call/batch_call_{'0' * 32}{suffix}"
        assert mine[0] == refused(ask(served, method, nobodys, json=given, headers=theirs), 404)[0]
    assert served.get("/batch-call/list", headers=theirs).json()["data"]["total"] == 0
    assert served.get(path).json()["data"]["status"] == "draft"


def test_a_repeat_with_the_same_key_is_the_same_batch(served: Served) -> None:
    headers = served.bearer | {"Idempotency-Key": "k1"}
    first = served.post("/batch-call", body(), headers=headers)
    again = served.post("/batch-call", body(), headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(served.dialer.batches()) == 1
    assert refused(served.post("/batch-call", body(name="Q2"), headers=headers), 409)[0] == "IDEMPOTENCY_KEY_REUSED"
    assert served.post("/batch-call", body(), headers=served.bearer | {"Idempotency-Key": "k2"}).status_code == 200
    assert len(served.dialer.batches()) == 2


def test_a_key_may_only_do_what_its_scopes_say(served: Served) -> None:
    batch = made(served)
    path = f"/batch-call/{batch['batch_call_id']}"
    reader = {"Authorization": f"Bearer {served.dialer.keys.create('acme', [Scope.READ]).api_key}"}
    assert ask(served, "GET", path, headers=reader).status_code == 200
    for method, at, given in (
        ("POST", "/batch-call", body()), ("POST", f"{path}/execute", None), ("PATCH", path, {}), ("DELETE", path, None),
    ):  # fmt: skip
        assert refused(ask(served, method, at, json=given, headers=reader), 401)[0] == "SCOPE_MISSING"
    assert refused(served.get("/batch-call/list", headers={}), 401)[0] == "KEY_MISSING"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"tasks": []}, "FIELD_TOO_LONG", "tasks: expected 1 to 1000 elements, got 0"),
    ({"tasks": [TASK] * 1001}, "FIELD_TOO_LONG", "tasks: expected 1 to 1000 elements, got 1001"),
    ({"tasks": {}}, "FIELD_TYPE", "tasks: expected a list"),
    ({"tasks": None}, "FIELD_MISSING", "tasks: expected a value"),
    ({"tasks": [7]}, "FIELD_TYPE", "tasks[0]: expected a JSON object"),
    (
        {"tasks": [TASK, {"to_number": "nobody"}]},
        "PHONE_NOT_E164",
        "tasks[1].to_number: 'nobody' cannot",
    ),
    ({"tasks": [{}]}, "FIELD_MISSING", "tasks[0].to_number: expected a value"),
    ({"tasks": [{"to_number": 12137774445}]}, "PHONE_NOT_E164", "tasks[0].to_number"),
    ({"tasks": [{**TASK, "max_retries": 21}]}, "MAX_RETRIES_INVALID", "tasks[0].max_retries"),
    ({"tasks": [{**TASK, "dynamic_variables": []}]}, "VARIABLES_NOT_OBJECT", "tasks[0].dynamic_variables"),
    ({"tasks": [{**TASK, "dynamic_variables": {"a": "x" * 6000}}]}, "VARIABLES_TOO_LARGE", "5120 bytes"),
    ({"tasks": [{**TASK, "max_retry": 1}]}, "UNKNOWN_FIELD", "did you mean 'max_retries'?"),
    ({"tasks": [{"to_number": "+1 (415) 777-4444"}]}, "PHONE_NOT_POSSIBLE", "another number than from_number"),
    ({"name": "x" * 256}, "FIELD_TOO_LONG", "name: expected at most 255 characters, got 256"),
    ({"name": ""}, "FIELD_MISSING", "name"),
    ({"agent_id": None}, "FIELD_MISSING", "agent_id"),
    ({"from_number": "4157774444"}, "CLI_NOT_E164", "from_number"),
    ({"timezone": "Mars/Olympus"}, "TIMEZONE_INVALID", "timezone"),
    ({"status": "completed"}, "FIELD_TYPE", "status: expected one of draft, scheduled, sent"),
    ({"send_now": "yes"}, "FIELD_TYPE", "send_now: expected true or false"),
    ({"trigger_timestamp": "2027-01-01"}, "TIMESTAMP_INVALID", "trigger_timestamp"),
    ({"trigger_timestamp": True}, "TIMESTAMP_INVALID", "trigger_timestamp"),
    ({"trigger_timestamp": 1e12}, "TIMESTAMP_INVALID", "trigger_timestamp"),
    ({"trigger_timestamp": 10**17}, "TIMESTAMP_INVALID", "before the year 3000"),
    ({"trigger_timestamp": -1}, "TIMESTAMP_INVALID", "trigger_timestamp"),
    ({"retry_config": {}}, "UNKNOWN_FIELD", "retry_config"),
]


def test_bad_input_gets_one_clear_error_and_nothing_is_written(served: Served) -> None:
    for given, code, says in WRONG:
        wrong = {name: value for name, value in {**SEED, **given}.items() if value is not None}
        told = refused(served.post("/batch-call", wrong))
        assert told[0] == code, (given, told)
        assert says in told[1], (given, told)
    assert served.dialer.batches() == []


def test_every_mistake_is_named_at_once(served: Served) -> None:
    wrong = {"tasks": [{"to_number": "x"}, {"to_number": "y"}], "agent_id": "a1", "name": "n", "from_number": "z"}
    assert "from_number" in refused(served.post("/batch-call", wrong))[1]
    wrong["from_number"] = "+14157774444"
    message = refused(served.post("/batch-call", wrong))[1]
    assert "tasks[0].to_number" in message
    assert "tasks[1].to_number" in message


def test_a_list_is_asked_for_in_its_own_words_only(served: Served) -> None:
    for wanted in (
        {"page": -1}, {"limit": 0}, {"limit": 101}, {"status": "running"}, {"sort_by": "name"}, {"sort_order": "up"},
        {"agent_id": ""}, {"name": "x" * 256}, {"agent_id": "\0"}, {"nonsense": 1}, {"page": 10**30},
    ):  # fmt: skip
        refused(served.get("/batch-call/list", params=wanted))
        refused(served.post("/batch-call/list", wanted))


def test_what_is_no_id_is_not_there(served: Served) -> None:
    for item in ("nobody", "batch_call_", "%00", "..%2f..", "batch_call_" + "f" * 31):
        for method, suffix in (("GET", ""), ("GET", "/tasks"), ("POST", "/execute"), ("DELETE", "")):
            answer = ask(served, method, f"/batch-call/{item}{suffix}")
            assert answer.status_code == 404, item
            assert answer.json()["status"] == "error"


def test_a_caller_id_may_come_from_the_agent_or_the_account_and_without_any_it_is_refused(served: Served) -> None:
    served.dialer.agents.add(workspace_id="acme", agent_id="sales", caller_id="+12025550111")
    assert made(served, from_number=None, agent_id="sales")["from_number"] == "+12025550111"
    assert made(served, from_number=None)["from_number"] is None  # the account's own


def test_a_wrong_method_is_told_all_that_the_path_knows(served: Served) -> None:
    batch = made(served)
    for path, allowed in (
        ("/batch-call", "GET, POST"),
        ("/batch-call/list", "GET, POST"),
        (f"/batch-call/{batch['batch_call_id']}", "DELETE, GET, PATCH"),
        (f"/batch-call/{batch['batch_call_id']}/execute", "POST"),
    ):
        answer = ask(served, "PUT", path)
        assert refused(answer, 405) == ("METHOD_NOT_ALLOWED", f"expected one of {allowed}")
        assert answer.headers["allow"] == allowed
