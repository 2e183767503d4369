"""The OutboundCalls dialect over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.integration.simulator.clients import QUICK, Client, a_call, until
from tests.integration.simulator.conftest import Start

CALLS = "/outboundcalls/calls"


def placed(client: Client, *args: Any, **changes: Any) -> str:
    status, said = client.post(CALLS, a_call(*args, **changes))
    assert status == 201
    return str(said["id"])


def call(client: Client, call_id: str) -> dict[str, Any]:
    return dict(client.get(f"{CALLS}/{call_id}")[1])


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("answered", "completed"),
        ("voicemail", "voicemail"),
        ("no_answer", "no_answer"),
        ("busy", "busy"),
        ("declined", "declined"),
        ("failed", "failed"),
    ],
)
def test_a_call_ends_with_the_scripted_word(start: Start, outcome: str, word: str) -> None:
    client = start(defaults={**QUICK, "outcome": outcome})
    call_id = placed(client)
    assert call(client, call_id)["status"] == "ringing"
    until(lambda: call(client, call_id)["status"] == word)
    assert call(client, call_id)["endedAt"]


def test_an_answered_call_passes_through_every_status(start: Start) -> None:
    client = start(
        defaults={"ring_seconds": 0.15, "talk_seconds": 0.15}, accounts={"outboundcalls": {"credits_per_call": 2}}
    )
    call_id = placed(client, contactId="c1", phoneNumberId="p1")
    ringing = call(client, call_id)
    assert (ringing["status"], ringing["startedAt"], ringing["endedAt"], ringing["transcript"]) == (
        "ringing",
        None,
        None,
        None,
    )
    until(lambda: call(client, call_id)["status"] == "in_progress")
    until(lambda: call(client, call_id)["status"] == "completed")
    over = call(client, call_id)
    assert (over["toNumber"], over["agentId"], over["contactId"]) == ("+14155551212", "clxAgent", "c1")
    assert (over["duration"], over["creditsCharged"]) == (0.15, 2)
    assert all(over[name] is not None for name in ("startedAt", "transcript", "summary", "recordingUrl", "sentiment"))


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ("id", lambda said: said["id"]),
        ("callId", lambda said: said["callId"]),
        ("call", lambda said: said["call"]["id"]),
        ("data", lambda said: said["data"]["id"]),
    ],
)
def test_the_id_comes_in_any_shape(start: Start, shape: str, read: Any) -> None:
    client = start(defaults={"id_shape": shape})
    call_id = read(client.post(CALLS, a_call())[1])
    assert client.simulator.placements()[0]["call_id"] == call_id
    assert read(client.get(f"{CALLS}/{call_id}")[1]) == call_id


def test_the_balance_falls_with_every_call_that_is_over_and_ends_in_402(start: Start) -> None:
    account = {"balance": 26, "credits_per_call": 1}
    client = start(defaults=QUICK, accounts={"outboundcalls": account}, rules=[{"phone": "*9", "outcome": "busy"}])

    def balance() -> float:
        return float(client.get("/outboundcalls/me")[1]["creditBalance"])

    placed(client)
    placed(client, "+14155551219")
    assert balance() == 26
    until(lambda: balance() == 25)
    placed(client)
    until(lambda: balance() == 24)
    assert client.post(CALLS, a_call())[0] == 402
    assert len(client.simulator.placements()) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"toNumber": "+14155551212"}),
        (400, {"agentId": "clxAgent", "toNumber": "4155551212"}),
        (400, {"agentId": "clxAgent", "toNumber": 14155551212}),
        (400, {"agentId": "", "toNumber": "+14155551212"}),
        (400, {"agentId": "clxAgent", "toNumber": "+14155551212", "contactId": ["c"]}),
        (400, "not an object"),
        (404, {"agentId": "clxOther", "toNumber": "+14155551212"}),
        (404, {"agentId": "clxAgent", "toNumber": "+14155551212", "phoneNumberId": "clxOther"}),
    ],
)
def test_what_cannot_be_dispatched_is_refused(start: Start, status: int, body: Any) -> None:
    client = start(accounts={"outboundcalls": {"agents": ["clxAgent"], "phone_number_ids": ["clxNumber"]}})
    assert client.post(CALLS, body)[0] == status
    assert client.simulator.placements() == []


@pytest.mark.parametrize("bearer", ["", "Bearer ", "Basic k", "Bearer revoked"])
def test_a_key_is_needed_everywhere(start: Start, bearer: str) -> None:
    client = start(accounts={"outboundcalls": {"keys": ["k"]}})
    client.headers = {"Authorization": bearer}
    for method, path in (("GET", "/me"), ("GET", "/calls"), ("POST", "/calls"), ("GET", "/campaigns")):
        assert client.send(method, f"/outboundcalls{path}", a_call())[0] == 401
    assert client.simulator.placements() == []


def test_the_list_is_newest_first_and_filtered(start: Start) -> None:
    client = start(defaults=QUICK, rules=[{"phone": "*2", "outcome": "busy"}])
    first, second = placed(client, "+14155551211"), placed(client, "+14155551212", agentId="clxOther")

    def listed(query: str) -> list[str]:
        return [one["id"] for one in client.get(CALLS + query)[1]["calls"]]

    assert listed("?limit=200") == [second, first]
    assert listed("?limit=1") == [second]
    assert listed("?agentId=clxAgent&limit=200") == [first]
    until(lambda: listed("?status=completed") == [first] and listed("?status=busy") == [second])
    assert client.get(f"{CALLS}?limit=many")[0] == 400


def test_a_call_shows_in_the_list_only_after_its_delay(start: Start) -> None:
    client = start(defaults={"list_delay": 0.2})
    call_id = placed(client)
    assert client.get(CALLS)[1]["calls"] == []
    assert call(client, call_id)["id"] == call_id
    until(lambda: len(client.get(CALLS)[1]["calls"]) == 1)


def test_contacts_are_kept_by_list(client: Client) -> None:
    contact = {"contactListId": "l1", "phone": "+14155551212", "name": "Jane", "customFields": {"PLAN": "gold"}}
    status, said = client.post("/outboundcalls/contacts", contact)
    assert status == 201
    assert client.get("/outboundcalls/contacts?contactListId=l1")[1]["contacts"] == [said]
    assert client.get("/outboundcalls/contacts?contactListId=l2")[1]["contacts"] == []
    assert client.post("/outboundcalls/contacts", {"contactListId": "l1"})[0] == 400
    assert client.simulator.placements() == []


def test_agents_and_campaigns_are_served(start: Start) -> None:
    client = start(defaults=QUICK)
    call_id = placed(client)
    assert client.get("/outboundcalls/agents")[1]["agents"][0]["id"] == "clxAgent"
    assert client.get("/outboundcalls/agents/clxAgent")[1]["status"] == "deployed"
    until(lambda: call(client, call_id)["status"] == "completed")
    [progress] = client.get("/outboundcalls/campaigns")[1]["campaigns"]
    assert client.get(f"/outboundcalls/campaigns/{progress['id']}")[1] == progress
    assert (progress["callsCompleted"], progress["successRate"]) == (1, 1.0)
    assert client.get("/outboundcalls/campaigns/none")[0] == 404


@pytest.mark.parametrize("prefix", ["", "/api/v1", "/outboundcalls/api/v1", "//outboundcalls/"])
def test_the_seeds_paths_work_under_every_prefix(client: Client, prefix: str) -> None:
    assert client.get(f"{prefix}/me")[0] == 200


class Listener(BaseHTTPRequestHandler):
    """Keeps the bodies it is sent, on its server."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        server.heard = []  # type: ignore[attr-defined]
        listening = threading.Thread(target=server.serve_forever, args=(0.01,))
        listening.start()
        yield server
        server.shutdown()
        listening.join()


def test_a_webhook_tells_full_detail_once_the_call_is_over(start: Start, listener: HTTPServer) -> None:
    heard: list[Any] = listener.heard  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{listener.server_port}/hooks?x=1"
    client = start(
        defaults=QUICK,
        accounts={"outboundcalls": {"webhook_url": url}},
        rules=[{"phone": "*9", "outcome": "never"}],
    )
    placed(client, "+14155551219")
    call_id = placed(client)
    assert heard == []
    until(lambda: len(heard) == 1)
    assert (heard[0]["data"]["id"], heard[0]["data"]["status"]) == (call_id, "completed")
