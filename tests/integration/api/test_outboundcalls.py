"""The OutboundCalls dialect: calls, agents, contacts and campaigns, its limits, and its table of errors."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from dialer.api.outboundcalls_bodies import SEED_CALL, SEED_CONTACT
from dialer.domain.client import Scope
from dialer.domain.states import StopKind
from dialer.domain.view import CallStatus
from dialer.ledger.client_tables import answers
from dialer.ledger.tables import attempts, calls
from tests.integration.api.conftest import Served

API = "/api/v1"
PHONE = "+14155551212"
DETAIL = {
    "id", "status", "agentId", "toNumber", "fromNumber", "phoneNumberId", "contactId", "campaignId", "createdAt",
    "startedAt", "answeredAt", "endedAt", "duration", "transcript", "summary", "recordingUrl", "sentiment",
    "extractedData", "creditsCharged", "attempts", "reason",
}  # fmt: skip


def refused(answer: httpx.Response, status: int) -> tuple[str, str]:
    """The code and the words of an error in the dialect's own form."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert list(told) == ["error", "code"]
    return told["code"], told["error"]


def placed(served: Served, key: str | None = None, **fields: Any) -> dict[str, Any]:
    headers = served.bearer | ({"Idempotency-Key": key} if key else {})
    answer = served.post(f"{API}/calls", {**SEED_CALL, **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def loaded(served: Served, ref: str = "spring", count: int = 2, workspace: str = "acme") -> str:
    spec = {"workspace_id": workspace, "agent_id": "sales", "batch_ref": ref}
    return served.dialer.load_batch(spec, calls=[{"phone": f"+1415555121{digit}"} for digit in range(count)]).batch_id


def somebody_else(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.dialer.keys.create('other').api_key}"}


def test_the_seed_s_call_is_a_call_of_its_own(served: Served) -> None:
    told = placed(served)
    assert set(told) == DETAIL
    assert (told["agentId"], told["toNumber"], told["status"]) == ("clxXXX", PHONE, "queued")
    assert (told["campaignId"], told["contactId"], told["creditsCharged"]) == (None, None, None)
    assert served.get(f"{API}/calls/{told['id']}").json() == told
    assert placed(served)["id"] != told["id"]


def test_a_repeat_with_the_same_key_is_the_same_call_and_another_body_is_409(served: Served) -> None:
    first, again = placed(served, "k1"), placed(served, "k1")
    assert again == first
    headers = served.bearer | {"Idempotency-Key": "k1"}
    other = served.post(f"{API}/calls", {**SEED_CALL, "toNumber": "+14155551213"}, headers=headers)
    assert refused(other, 409)[0] == "IDEMPOTENCY_KEY_REUSED"
    assert placed(served, "k2")["id"] != first["id"]
    assert len(served.dialer.batches()) == 2


def test_keys_of_two_workspaces_do_not_meet(served: Served) -> None:
    ours = placed(served, "k1")
    theirs = served.post(f"{API}/calls", SEED_CALL, headers=somebody_else(served) | {"Idempotency-Key": "k1"})
    assert theirs.status_code == 201
    assert theirs.json()["id"] != ours["id"]


def test_a_request_that_broke_off_half_way_makes_nothing_twice_when_it_repeats(served: Served) -> None:
    """Its call was loaded, and the process died before anybody kept the answer."""
    told = placed(served, "k1")
    transactions = served.dialer._desk.ledger.answers._transactions  # type: ignore[attr-defined]
    with transactions.write() as connection:
        connection.execute(answers.update().values(status=None, body=None))
    assert placed(served, "k1") == told
    assert len(served.dialer.batches()) == 1


def test_requests_with_one_key_at_the_same_moment_are_one_call(served: Served) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: placed(served, "k1"), range(8)))
    assert len({each["id"] for each in made}) == 1
    assert len(served.dialer.batches()) == 1


def test_a_key_that_cannot_be_one_is_refused(served: Served) -> None:
    for key in ("", "x" * 256, "with blank"):
        answer = served.post(f"{API}/calls", SEED_CALL, headers=served.bearer | {"Idempotency-Key": key})
        refused(answer, 400)
    assert served.dialer.batches() == []


def test_a_refused_request_keeps_no_answer(served: Served) -> None:
    headers = served.bearer | {"Idempotency-Key": "k1"}
    contact = str(uuid.uuid4())
    body = {**SEED_CALL, "contactId": contact}
    assert refused(served.post(f"{API}/calls", body, headers=headers), 404)[0] == "CONTACT_UNKNOWN"
    assert refused(served.post(f"{API}/calls", body, headers=headers), 404)[0] == "CONTACT_UNKNOWN"


def test_me_relays_the_account_s_balance_or_null(served: Served) -> None:
    told = served.get(f"{API}/me").json()
    assert told == {"user": {"id": "acme", "name": "acme"}, "creditBalance": None, "subscription": None}
    served.dialer._desk.ledger.accounts.ensure("main", 25.0, "keys")
    served.dialer._desk.ledger.accounts.set_balance("main", 42.5)
    assert served.get(f"{API}/me").json()["creditBalance"] == 42.5


def test_an_account_without_credits_is_402_and_one_whose_keys_are_refused_502(served: Served) -> None:
    accounts = served.dialer._desk.ledger.accounts
    accounts.ensure("main", 25.0, "keys")
    accounts.set_balance("main", 3.0)
    assert refused(served.post(f"{API}/calls", SEED_CALL), 402)[0] == "ACCOUNT_SHORT"
    accounts.set_balance("main", 30.0)
    accounts.stop("main", StopKind.AUTH, "HTTP 401", timedelta(hours=1))
    assert refused(served.post(f"{API}/calls", SEED_CALL), 502)[0] == "PROVIDER_FAILS"
    assert served.dialer.batches() == []


def test_agents_are_those_that_were_registered(served: Served) -> None:
    add = served.dialer.agents.add
    for name in ("b", "a", "c"):
        add(workspace_id="acme", agent_id=name, provider_agent_id=f"their-{name}", name=name.upper())
    add(workspace_id="other", agent_id="theirs", webhook_url="https://example.com")
    told = served.get(f"{API}/agents").json()["agents"]
    assert [each["id"] for each in told] == ["a", "b", "c"]
    assert set(told[0]) == {
        "id", "name", "status", "account", "providerAgentId", "callerId", "webhookUrl", "createdAt",
    }  # fmt: skip
    assert len(served.get(f"{API}/agents", params={"limit": 2}).json()["agents"]) == 2
    assert served.get(f"{API}/agents", params={"status": "undeployed"}).json()["agents"] == []
    assert len(served.get(f"{API}/agents", params={"status": "deployed"}).json()["agents"]) == 3
    one = served.get(f"{API}/agents/a").json()
    assert (one["name"], one["providerAgentId"], one["status"]) == ("A", "their-a", "deployed")
    for agent in ("theirs", "nobody", "%00"):
        assert refused(served.get(f"{API}/agents/{agent}"), 404)[0] == "AGENT_UNKNOWN"


def test_the_seed_s_contact_is_kept_and_travels_with_a_call(served: Served) -> None:
    spring = served.dialer.contacts.create_list("acme", "spring")
    answer = served.post(f"{API}/contacts", {**SEED_CONTACT, "contactListId": spring.list_id})
    assert answer.status_code == 201
    contact = answer.json()
    assert set(contact) == {
        "id", "contactListId", "phone", "name", "email", "company", "tags", "customFields", "createdAt",
    }  # fmt: skip
    assert (contact["name"], contact["tags"]) == ("Jane Doe", ["lead", "website"])
    again = {"contactListId": "spring", "phone": PHONE, "customFields": {"plan": "gold"}}
    assert served.post(f"{API}/contacts", again).json()["id"] == contact["id"]
    call = placed(served, contactId=contact["id"])
    assert call["contactId"] == contact["id"]
    [record] = served.dialer.calls(phone=PHONE)
    assert record.variables == {"name": "Jane Doe", "plan": "gold"}


def test_contacts_are_listed_newest_first_of_one_list_or_all(served: Served) -> None:
    for name in ("spring", "summer"):
        served.dialer.contacts.create_list("acme", name)
        for digit in range(3):
            body = {"contactListId": name, "phone": f"+1415555121{digit}"}
            assert served.post(f"{API}/contacts", body).status_code == 201
    everyone = served.get(f"{API}/contacts").json()["contacts"]
    assert len(everyone) == 6
    some = served.get(f"{API}/contacts", params={"contactListId": "spring", "limit": 2}).json()["contacts"]
    assert [each["phone"][-1] for each in some] == ["2", "1"]
    assert refused(served.get(f"{API}/contacts", params={"contactListId": "autumn"}), 404)[0] == "CONTACT_LIST_UNKNOWN"
    other = served.get(f"{API}/contacts", headers=somebody_else(served))
    assert other.json()["contacts"] == []


def test_calls_are_listed_newest_first_and_filtered(served: Served) -> None:
    batch_id = loaded(served)
    single = placed(served)
    everyone = served.get(f"{API}/calls").json()["calls"]
    assert everyone[0]["id"] == single["id"]
    assert [each["campaignId"] for each in everyone] == [None, batch_id, batch_id]
    for wanted, count in (
        ({"agentId": "sales"}, 2), ({"agentId": "nobody"}, 0), ({"campaignId": batch_id}, 2), ({"campaignId": "x"}, 0),
        ({"status": "queued"}, 3), ({"status": "completed"}, 0), ({"limit": 1}, 1),
    ):  # fmt: skip
        assert len(served.get(f"{API}/calls", params=wanted).json()["calls"]) == count, wanted


def test_a_call_tells_all_that_its_provider_told(served: Served) -> None:
    told = placed(served)
    raw = {"data": {"sentiment": "positive", "extractedData": {"callback": "9am"}}}
    reached = {"state": "closed", "close_reason": "reached", "outcome": "answered", "due_at": None}
    transactions = served.dialer._desk.ledger.views._transactions  # type: ignore[attr-defined]
    record = next(served.dialer.calls(phone=PHONE))
    now = served.dialer._desk.ledger.now()
    with transactions.write() as connection:
        connection.execute(calls.update().where(calls.c.call_id == told["id"]).values(**reached, attempts_spent=1))
        connection.execute(
            attempts.insert().values(
                call_id=record.call_id, number=1, batch_id=record.batch_id, reference=str(uuid.uuid4()), account="main",
                claim_id=str(uuid.uuid4()), worker="w", boot_id="b", state="ended", outcome="answered", claimed_at=now,
                left_by=now, deadline_at=now, started_at=now, answered_at=now, ended_at=now, duration_seconds=12.5,
                credits_charged=1.5, transcript="Hello", summary="Short", recording_url="https://r.example/1.mp3",
                raw=json.dumps(raw),
            )
        )  # fmt: skip
    told = served.get(f"{API}/calls/{told['id']}").json()
    assert (told["status"], told["reason"], told["attempts"]) == ("completed", "reached", 1)
    assert (told["transcript"], told["summary"], told["recordingUrl"]) == ("Hello", "Short", "https://r.example/1.mp3")
    assert (told["sentiment"], told["extractedData"]) == ("positive", {"callback": "9am"})
    assert (told["duration"], told["creditsCharged"]) == (12.5, 1.5)
    assert None not in (told["startedAt"], told["answeredAt"], told["endedAt"])
    [listed] = served.get(f"{API}/calls", params={"status": "completed"}).json()["calls"]
    assert listed == told


def test_campaigns_are_the_batches_with_their_progress(served: Served) -> None:
    first, second = loaded(served), loaded(served, "summer", count=3)
    placed(served)
    told = served.get(f"{API}/campaigns").json()["campaigns"]
    assert [each["id"] for each in told] == [second, first]
    assert told[0] == served.get(f"{API}/campaigns/{second}").json()
    assert {name: told[0][name] for name in told[0] if name not in ("createdAt", "id")} == {
        "name": "summer", "status": "running", "agentId": "sales", "callsTotal": 3, "callsCompleted": 0,
        "callsSuccessful": 0, "callsFailed": 0, "creditsUsed": None, "successRate": 0.0,
    }  # fmt: skip
    served.dialer.terminate_batch("acme", "sales", "summer")
    over = served.get(f"{API}/campaigns/{second}").json()
    assert (over["status"], over["callsCompleted"], over["callsFailed"]) == ("terminated", 3, 3)
    assert len(served.get(f"{API}/campaigns", params={"limit": 1}).json()["campaigns"]) == 1


def test_another_workspace_s_things_are_404_like_what_never_was(served: Served) -> None:
    call, campaign = placed(served), loaded(served)
    theirs = somebody_else(served)
    for path in (f"calls/{call['id']}", f"campaigns/{campaign}"):
        mine = served.get(f"{API}/{path}", headers=theirs)
        never = served.get(f"{API}/{path.split('/')[0]}/{uuid.uuid4()}", headers=theirs)
        assert refused(mine, 404)[0] == refused(never, 404)[0]
    spring = served.dialer.contacts.create_list("acme", "spring")
    body = {"contactListId": spring.list_id, "phone": PHONE}
    contact = served.post(f"{API}/contacts", body).json()
    assert refused(served.post(f"{API}/contacts", body, headers=theirs), 404)[0] == "CONTACT_LIST_UNKNOWN"
    stolen = served.post(f"{API}/calls", {**SEED_CALL, "contactId": contact["id"]}, headers=theirs)
    assert refused(stolen, 404)[0] == "CONTACT_UNKNOWN"
    for path in ("calls", "campaigns", "contacts", "agents"):
        assert served.get(f"{API}/{path}", headers=theirs).json()[path] == []


def test_limits_are_the_documented_ones(served: Served) -> None:
    for path, most in (("agents", 200), ("contacts", 500), ("calls", 200), ("campaigns", 200)):
        assert served.get(f"{API}/{path}", params={"limit": most}).status_code == 200
        for limit in (0, most + 1, -1, "many"):
            assert "limit" in refused(served.get(f"{API}/{path}", params={"limit": limit}), 400)[1]


def test_bad_input_gets_one_clear_error_and_nothing_is_written(served: Served) -> None:
    served.dialer.contacts.create_list("acme", "spring")
    listed = {"contactListId": "spring", "phone": PHONE}
    for path, body, status, code, says in (
        ("calls", {"toNumber": PHONE}, 400, "FIELD_MISSING", "agentId: expected a value"),
        ("calls", {"agentId": "a"}, 400, "FIELD_MISSING", "toNumber: expected a value"),
        ("calls", {**SEED_CALL, "toNumber": "4155551212"}, 400, "PHONE_NOT_E164", "toNumber: "),
        ("calls", {**SEED_CALL, "toNumber": 14155551212}, 400, "PHONE_NOT_E164", "toNumber: "),
        ("calls", {**SEED_CALL, "agentId": "a\0"}, 400, "FIELD_TYPE", "agentId: "),
        ("calls", {**SEED_CALL, "phone": "x"}, 400, "UNKNOWN_FIELD", "phone: unknown field"),
        ("calls", {**SEED_CALL, "phoneNumberId": "clx9"}, 404, "PHONE_NUMBER_UNKNOWN", "no phone number"),
        ("calls", {**SEED_CALL, "phoneNumberId": "+1415"}, 400, "CLI_NOT_E164", "phoneNumberId: "),
        ("calls", {**SEED_CALL, "contactId": "clx..."}, 404, "CONTACT_UNKNOWN", "no contact"),
        ("contacts", {"phone": PHONE}, 400, "FIELD_MISSING", "contactListId: "),
        ("contacts", SEED_CONTACT, 404, "CONTACT_LIST_UNKNOWN", "no contact list"),
        ("contacts", {"contactListId": "spring"}, 400, "FIELD_MISSING", "phone: "),
        ("contacts", {"contactListId": "spring", "phone": "x"}, 400, "PHONE_NOT_E164", "phone: "),
        ("contacts", {**listed, "tags": "x"}, 400, "FIELD_TYPE", "tags: "),
        ("contacts", {**listed, "customFields": []}, 400, "VARIABLES_NOT_OBJECT", "customFields: "),
    ):
        told = refused(served.post(f"{API}/{path}", body), status)
        assert told[0] == code, (body, told)
        assert says in told[1], (body, told)
    assert served.dialer.batches() == []
    assert list(served.dialer.contacts.entries("acme")) == []


def test_what_no_query_can_be_about_is_refused(served: Served) -> None:
    for path, wanted in (
        ("calls", {"status": "ringing"}), ("calls", {"agentId": ""}), ("calls", {"agentId": "\0"}),
        ("calls", {"agentId": "x" * 256}), ("contacts", {"contactListId": "\0"}), ("agents", {"status": "x"}),
    ):  # fmt: skip
        refused(served.get(f"{API}/{path}", params=wanted), 400)
    for status in CallStatus:
        assert served.get(f"{API}/calls", params={"status": status.value}).status_code == 200


def test_a_key_may_only_do_what_its_scopes_say(served: Served) -> None:
    reader = {"Authorization": f"Bearer {served.dialer.keys.create('acme', [Scope.READ]).api_key}"}
    writer = {"Authorization": f"Bearer {served.dialer.keys.create('acme', [Scope.ENQUEUE]).api_key}"}
    assert refused(served.post(f"{API}/calls", SEED_CALL, headers=reader), 401)[0] == "SCOPE_MISSING"
    assert refused(served.post(f"{API}/contacts", SEED_CONTACT, headers=reader), 401)[0] == "SCOPE_MISSING"
    for path in ("me", "agents", "contacts", "calls", "campaigns"):
        assert refused(served.get(f"{API}/{path}", headers=writer), 401)[0] == "SCOPE_MISSING"
        assert refused(served.get(f"{API}/{path}", headers={}), 401)[0] == "KEY_MISSING"
        assert served.get(f"{API}/{path}", headers=reader).status_code == 200


def test_an_agent_s_account_that_is_not_for_the_workspace_is_not_found(served: Served) -> None:
    desk = served.dialer._desk
    closed = {"main": replace(desk.accounts["main"], workspaces=("somebody",))}
    served.dialer._sit_down(replace(desk, accounts=closed))
    assert refused(served.post(f"{API}/calls", SEED_CALL), 404)[0] == "PROVIDER_NOT_ALLOWED"
