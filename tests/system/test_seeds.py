"""The seeds' own requests, pasted into a shell against `dialer serve`, do what their documents say.

Only host, key, placeholders such as "string" and dates that have passed are changed. What they say is read from their
texts, so that no field and no endpoint is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.client import NewKey
from dialer.domain.window import Hours
from dialer.ledger import migrate
from tests.system import seeds
from tests.system.seeds import Answer, changed, typed
from tests.system.site import ACCOUNTS, QUICK, Site

TEST_CALL = next(body for path, _, body in seeds.inspra_requests() if path == "//test-call")
WORKSPACE = TEST_CALL["workspaceId"]
BATCH_CALL = seeds.curl_lines("batch-call")[0]
#: One account that never has enough credits, one whose provider refuses its key.
FURTHER = """
[providers.poor]
kind = "outboundcalls"
base_url = "{url}/outboundcalls"
api_key = "oc_test"
minimum_balance = 1000000.0
deadline_seconds = 2.0

[providers.refused]
kind = "outboundcalls"
base_url = "{url}/outboundcalls"
api_key = "oc_wrong"
deadline_seconds = 2.0
"""
SCENARIO = {"defaults": QUICK, "accounts": {"outboundcalls": {"keys": ["oc_test"], "credits_per_call": 1.5}}}


class Client:
    """Somebody who pastes: a dialer at work, the address of its server, and a key."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.url = site.serve()
        self.key: NewKey = site.dialer.keys.create(WORKSPACE)

    def inspra(self, path: str, body: dict[str, Any]) -> Answer:
        """As the seed describes it: its base URL ends in a slash, it has no key header."""
        line = (
            f"curl --request POST --url '{self.url}/k/{self.key.api_key}{path}' "
            f"--header 'Content-Type: application/json' --data '{json.dumps(body)}'"
        )
        return typed(line)

    def batch_call(self, path: str, method: str = "GET", body: str | None = None) -> Answer:
        """With the headers of the seed's line."""
        sent = "" if body is None else f"--header 'Content-Type: application/json' --data '{body}'"
        return typed(
            f"curl --request {method} --url '{self.url}{path}' --header 'X-API-KEY: {self.key.api_key}' "
            f"--header 'X-API-SECRET: {self.key.api_secret}' {sent}"
        )

    def outbound(self, line: str, *changes: tuple[str, str]) -> Answer:
        """A line of the OutboundCalls seed."""
        return typed(changed(line, ("https://outboundcalls.ai", self.url), ("oc_live_...", self.key.api_key), *changes))

    def get(self, path: str) -> Answer:
        """The quick start's line with another path."""
        return self.outbound(seeds.curl_lines("outboundcalls")[0], ("/api/v1/me", f"'/api/v1{path}'"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("seeds")
    url = f"sqlite:///{home / 'ledger.db'}"
    migrate(url)
    with Site(home, url, SCENARIO, ACCOUNTS + FURTHER) as site:
        site.schedule()
        site.hire()
        yield Client(site)


def ahead(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_batch_call_line_is_answered_as_its_document_shows(client: Client) -> None:
    answer = typed(
        changed(
            BATCH_CALL,
            ("http://localhost:8080", client.url),
            ("X-API-KEY: <api-key>", f"X-API-KEY: {client.key.api_key}"),
            ("X-API-SECRET: <api-key>", f"X-API-SECRET: {client.key.api_secret}"),
        )
    )
    shown, told = seeds.example_answer("batch-call"), answer.json
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert list(told) == list(shown)
    assert {name: told[name] for name in told if name != "data"} == {
        name: shown[name] for name in shown if name != "data"
    }
    assert list(told["data"]) == list(shown["data"])
    assert {name: type(value) for name, value in told["data"].items()} == {
        name: type(value) for name, value in shown["data"].items()
    }
    assert list(told["data"]["access_info"]) == list(shown["data"]["access_info"])
    same = set(shown["data"]) - {
        "batch_call_id", "organization_id", "tasks_url", "created_timestamp", "access_info", "timezone"
    }  # fmt: skip
    assert {name: told["data"][name] for name in same} == {name: shown["data"][name] for name in same}
    assert told["data"]["batch_call_id"].startswith("batch_call_")
    # The document's example answers "UTC" to a request that said otherwise; ours tells what it keeps to.
    assert told["data"]["timezone"] == "America/New_York"
    assert client.site.placed(["+12137774445"]) == []  # a draft


def test_every_endpoint_around_a_batch_call_does_what_it_says(client: Client) -> None:
    body = BATCH_CALL.partition("--data '")[2].removesuffix("'").replace("+12137774445", "+12137774446")
    made = client.batch_call("/batch-call", "POST", body).json["data"]
    at = f"/batch-call/{made['batch_call_id']}"
    assert client.batch_call(at).json["data"] == made
    listed = client.batch_call("/batch-call/list?page=0&limit=1").json["data"]["batch_calls"]
    assert listed == [made]
    assert (
        client.batch_call("/batch-call/list", "POST", '{"page": 0, "limit": 1}').json["data"]["batch_calls"] == listed
    )
    assert client.batch_call("/batch-call?limit=1").json["data"]["batch_calls"] == listed
    renamed = client.batch_call(at, "PATCH", '{"name": "Q2 Sales Campaign"}')
    assert (renamed.status, renamed.json["data"]["name"]) == (200, "Q2 Sales Campaign")
    assert client.batch_call(f"{at}/execute", "POST").json["data"]["status"] == "sent"
    told = until(client, lambda: client.batch_call(at).json["data"], lambda data: data["status"] == "completed")
    assert (told["total"], told["sent"], told["picked_up"], told["completed"]) == (1, 1, 1, 1)
    assert isinstance(told["last_sent_timestamp"], int)
    [task] = client.batch_call(f"{at}/tasks").json["data"]
    assert (task["to_number"], task["status"], task["error_message"]) == ("+12137774446", "COMPLETED", None)
    assert len(client.site.placed(["+12137774446"])) == 1
    assert client.batch_call(at, "DELETE").status == 200
    assert client.batch_call(at).status == 404


def until(client: Client, ask: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    client.site.until(lambda: is_so(ask()), "what was asked for")
    return ask()


def test_inspra_s_requests_load_pause_and_terminate(client: Client) -> None:
    days = [f"{datetime.now(UTC) + timedelta(days=away):%a}|0900-1000" for away in (3, 4)]
    names = {"agentId": "sales", "workspaceId": WORKSPACE, "batchRef": "spring"}
    phones = ["+61278132040", "+61278132041"]
    filled = {
        **names,
        "cli": "+61387772586",
        "callList": [{"phone": phone, "variables": {"FIRST_NAME": "Kim"}} for phone in phones],
        "nbf": ahead(hours=2),
        "exp": ahead(days=20),
        "blockRules": days,
    }
    for path, content_type, body in seeds.inspra_requests():
        assert content_type == "application/json"
        assert path.startswith("//")
        if path == "//load-json":
            assert set(body) == set(filled)
        elif path != "//test-call":
            assert set(body) == set(names)
    loaded = client.inspra("//load-json", filled)
    assert (loaded.status, loaded.text) == (200, "")  # "No response body"
    assert loaded.headers["x-dialer-accepted"] == "2"
    assert state_of(client) == "scheduled"
    assert client.inspra("//pause-batch", names).text == ""
    assert state_of(client) == "paused"
    assert client.inspra("//load-json", {**filled, "nbf": ahead(seconds=0)}).status == 200  # resumes, as they do it
    client.site.until(lambda: len(client.site.placed(phones)) == 2, "both calls")
    assert client.inspra("//load-json", {**filled, "callList": []}).status == 200
    assert len(client.site.placed(phones)) == 2
    ended = client.inspra("//terminate-batch", names)
    assert (ended.status, ended.text) == (200, "")
    refused = client.inspra("//load-json", {**filled, "batchRef": "summer", "cli": "string"})
    assert (refused.status, refused.json["code"], refused.json["field"]) == (400, "CLI_NOT_E164", "cli")


def state_of(client: Client) -> str:
    return client.site.dialer.status(f"{WORKSPACE}/sales/spring").state


def test_inspra_s_test_call_is_dialed_before_all_others_unless_its_rules_block_it_now(client: Client) -> None:
    body = {**TEST_CALL, "nbf": ahead(seconds=-60), "exp": ahead(days=20)}
    hours, zones = Hours(block_rules=TEST_CALL["blockRules"]), ["Australia/Sydney"]
    was_open = hours.is_open(datetime.now(UTC), zones)
    answer = client.inspra("//test-call", body)
    assert (answer.status, answer.text) == (200, "")
    if was_open and hours.is_open(datetime.now(UTC), zones):
        client.site.until(lambda: len(client.site.placed([TEST_CALL["phone"]])) == 1, "the test call")
    elif not was_open:
        assert answer.headers["x-dialer-held"] == "true"
        assert "blocked" in answer.headers["x-dialer-why"]
    [call] = client.site.calls(answer.headers["x-dialer-batch-id"])
    assert (call.phone, call.variables, call.max_retries) == (TEST_CALL["phone"], TEST_CALL["variables"], 0)
    assert call.priority == "test"


def test_the_outboundcalls_lines_and_every_endpoint_it_lists(client: Client) -> None:
    me, contact, call = seeds.curl_lines("outboundcalls")
    tried = set()
    dialer = client.site.dialer
    dialer.agents.add(workspace_id=WORKSPACE, agent_id="clxXXX", provider="outboundcalls", name="Sales")
    spring = dialer.contacts.create_list(WORKSPACE, "spring")

    told = client.outbound(me).json
    assert told["user"]["id"] == WORKSPACE
    assert {"creditBalance", "subscription"} <= set(told)
    tried.add(("GET", "/me"))

    made = client.outbound(contact, ("clx...", spring.list_id))
    assert made.status == 201
    assert {"name": made.json["name"], "phone": made.json["phone"], "tags": made.json["tags"]} == {
        "name": "Jane Doe", "phone": "+14155551212", "tags": ["lead", "website"]
    }  # fmt: skip
    assert client.get("/contacts?contactListId=spring&limit=500").json["contacts"] == [made.json]
    tried |= {("POST", "/contacts"), ("GET", "/contacts")}

    placed = client.outbound(call)
    assert (placed.status, placed.json["agentId"], placed.json["toNumber"]) == (201, "clxXXX", "+14155551212")
    detail = until(
        client, lambda: client.get(f"/calls/{placed.json['id']}").json, lambda one: one["status"] == "completed"
    )
    for field in ("transcript", "summary", "recordingUrl", "sentiment", "extractedData", "creditsCharged"):
        assert detail[field] is not None, field
    assert detail["creditsCharged"] == 1.5
    assert client.get("/calls?status=completed&agentId=clxXXX&limit=200").json["calls"] == [detail]
    assert len(client.site.placed(["+14155551212"])) == 1
    tried |= {("POST", "/calls"), ("GET", "/calls"), ("GET", "/calls/{id}")}

    [agent] = client.get("/agents?status=deployed&limit=200").json["agents"]
    assert client.get(f"/agents/{agent['id']}").json == agent
    tried |= {("GET", "/agents"), ("GET", "/agents/{id}")}

    batch = client.site.dialer.load_batch(
        {"workspace_id": WORKSPACE, "agent_id": "clxXXX", "batch_ref": "campaign"}, calls=[{"phone": "+14155551213"}]
    ).batch_id
    progress = until(client, lambda: client.get(f"/campaigns/{batch}").json, lambda one: one["status"] == "completed")
    assert progress["callsCompleted"] == 1
    assert (progress["callsSuccessful"], progress["callsFailed"], progress["successRate"]) == (1, 0, 1.0)
    assert progress["creditsUsed"] == 1.5
    assert progress in client.get("/campaigns").json["campaigns"]
    assert [one["id"] for one in client.get(f"/calls?campaignId={batch}").json["calls"]] != []
    tried |= {("GET", "/campaigns"), ("GET", "/campaigns/{id}")}
    assert tried == set(seeds.endpoints())


def test_every_status_of_its_error_table_means_what_the_table_says(client: Client) -> None:
    me, _, call = seeds.curl_lines("outboundcalls")
    dialer = client.site.dialer
    for account in ("poor", "refused"):
        dialer.agents.add(workspace_id=WORKSPACE, agent_id=f"clx-{account}", provider=account)
        client.outbound(call, ("clxXXX", f"clx-{account}"))  # the first finds out
    client.site.until(lambda: all(stopped(client, account) for account in ("poor", "refused")), "both accounts' stop")
    revoked = dialer.keys.create(WORKSPACE)
    dialer.keys.revoke(revoked.key_id)
    strangers = client.site.dialer.keys.create("strangers")
    own = client.outbound(call).json["id"]
    read_own = changed(me, ("https://outboundcalls.ai", client.url), ("/me", f"/calls/{own}"))
    got = {
        400: [client.outbound(call, ("+14155551212", "4155551212")), client.outbound(call, ('"toNumber"', '"number"'))],
        401: [
            typed(changed(me, ("https://outboundcalls.ai", client.url), ("oc_live_...", key)))
            for key in ("", "oc_live_nobody", revoked.api_key)
        ],
        402: [client.outbound(call, ("clxXXX", "clx-poor"))],
        404: [
            client.get("/calls/01a205b3-d000-7000-8000-122b945534ea"),
            typed(changed(read_own, ("oc_live_...", strangers.api_key))),
        ],
        502: [client.outbound(call, ("clxXXX", "clx-refused"))],
    }
    assert set(got) == set(seeds.error_table())
    for status, answers in got.items():
        for answer in answers:
            assert answer.status == status, answer
            assert list(answer.json) == ["error", "code"]
    assert len(client.site.placed(["4155551212"])) == 0


def stopped(client: Client, account: str) -> bool:
    return next(one for one in client.site.dialer.accounts() if one.name == account).state == "stopped"


def test_a_machine_without_curl_would_be_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssertionError, match="curl is not on PATH: apt-get install"):
        typed("curl --version")
