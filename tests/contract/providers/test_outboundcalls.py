"""What the OutboundCalls adapter puts on the wire, and what it makes of what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.placement import (
    Absent,
    Account,
    Answer,
    AnswerKind,
    Balance,
    Found,
    NotTold,
    Placement,
    Prepared,
    Progress,
    Sought,
)
from dialer.domain.states import Outcome
from dialer.providers.outboundcalls import OutboundCalls
from dialer.testing import fault_server
from dialer.testing.fault_server import Act, FaultServer, said

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PHONE = "+14155551212"
CLI = "+61387772586"


def an_account(server: FaultServer, caller_id: str = "", **options: object) -> OutboundCalls:
    given = {"api_key": "oc_live_of_tests", **options}
    return OutboundCalls(
        Account("oc", "outboundcalls", server.url, deadline_seconds=5.0, caller_id=caller_id, options=given)
    )


def a_placement(cli: str | None = None, variables: dict[str, Any] | None = None, **kept: str) -> Placement:
    return Placement(
        reference="reference-1",
        call_id="c",
        workspace_id="w1",
        agent_id="agent 1",
        batch_ref="november",
        wire_ref="november",
        cli=cli,
        phone=PHONE,
        variables={} if variables is None else variables,
        nbf=NOW,
        exp=NOW + timedelta(hours=8),
        block_rules=(),
        timezone=None,
        is_test=False,
        kept=kept,
    )


def sought(provider_call_id: str | None = "call 1") -> Sought:
    return Sought("reference-1", PHONE, "agent 1", NOW, NOW + timedelta(seconds=10), provider_call_id)


def placed_body(placement: Placement, caller_id: str = "", **options: object) -> Any:
    with FaultServer(said(201, {"id": "a"})) as server:
        an_account(server, caller_id, **options).place(placement, lambda: True)
    (request,) = server.heard
    assert request.target == "/calls"
    assert request.headers["authorization"] == "Bearer oc_live_of_tests"
    return request.json()


def test_a_call_names_agent_and_number() -> None:
    assert placed_body(a_placement()) == {"agentId": "agent 1", "toNumber": PHONE}


def test_a_caller_id_is_looked_up() -> None:
    numbers = {CLI: "pn_1", "+61255501234": "pn_2"}
    assert placed_body(a_placement(CLI), phone_numbers=numbers)["phoneNumberId"] == "pn_1"


@pytest.mark.parametrize("cli", [None, CLI])
def test_without_a_caller_id_of_its_own_the_accounts_number_is_used(cli: str | None) -> None:
    assert placed_body(a_placement(cli), caller_id=CLI, phone_number_id="pn_0")["phoneNumberId"] == "pn_0"


def test_nobody_is_called_from_a_number_that_was_not_asked_for() -> None:
    with FaultServer() as server:
        answer = an_account(server, phone_number_id="pn_0").place(a_placement(CLI), lambda: True)
    assert answer.kind is AnswerKind.CONFIGURATION
    assert not server.connections


def test_what_it_can_do_depends_on_the_account() -> None:
    with FaultServer() as server:
        plain = an_account(server, phone_numbers={CLI: "pn_1"}).capabilities
        listed = an_account(server, contact_list_id="list_1").capabilities
    assert (plain.carries_variables, plain.prepares, plain.needs_cli) == (False, False, False)
    assert plain.cli_choices == frozenset({CLI})
    assert (listed.carries_variables, listed.prepares, listed.has_balance) == (True, True, True)
    assert plain.idempotency is None


@pytest.mark.parametrize(
    "body",
    [{"id": "a"}, {"callId": "a"}, {"call": {"id": "a"}}, {"data": {"id": "a"}}, {"data": {"call": {"id": "a"}}}],
)
def test_the_id_is_read_wherever_it_stands(body: Any) -> None:
    with FaultServer(said(201, body)) as server:
        answer = an_account(server).place(a_placement(), lambda: True)
    assert (answer.kind, answer.provider_call_id) == (AnswerKind.ACCEPTED, "a")


def prepare(placement: Placement, *acts: Act, contact_list_id: str = "list_1") -> tuple[Prepared | Answer, list[Any]]:
    with FaultServer(*acts) as server:
        return an_account(server, contact_list_id=contact_list_id).prepare(placement), server.heard


def test_variables_travel_as_a_contact() -> None:
    prepared, heard = prepare(a_placement(variables={"NAME": "Ada"}), said(201, {"contact": {"id": "contact_1"}}))
    assert prepared == Prepared({"contact_id": "contact_1"})
    assert heard[0].target == "/contacts"
    assert heard[0].json() == {"contactListId": "list_1", "phone": PHONE, "customFields": {"NAME": "Ada"}}
    assert placed_body(a_placement(contact_id="contact_1"))["contactId"] == "contact_1"


def test_a_contact_that_was_kept_is_used_again() -> None:
    prepared, heard = prepare(a_placement(variables={"NAME": "Ada"}, contact_id="contact_0"))
    assert prepared == Prepared({"contact_id": "contact_0"})
    assert not heard


@pytest.mark.parametrize(("variables", "contact_list_id"), [({}, "list_1"), ({"NAME": "Ada"}, "")])
def test_no_contact_is_made_without_need(variables: dict[str, Any], contact_list_id: str) -> None:
    prepared, heard = prepare(a_placement(variables=variables), contact_list_id=contact_list_id)
    assert prepared == Prepared({})
    assert not heard


def test_a_contact_that_is_there_already_is_used() -> None:
    prepared, _ = prepare(a_placement(variables={"a": 1}), said(409, {"error": "exists", "contact": {"id": "c9"}}))
    assert prepared == Prepared({"contact_id": "c9"})


@pytest.mark.parametrize(
    ("act", "kind", "is_fault"),
    [
        (said(500), AnswerKind.NOT_SENT, True),
        (said(502), AnswerKind.NOT_SENT, True),
        (said(409), AnswerKind.NOT_SENT, True),
        (said(302), AnswerKind.NOT_SENT, True),
        (said(201), AnswerKind.NOT_SENT, True),
        (said(201, {"status": "ok"}), AnswerKind.NOT_SENT, True),
        (fault_server.close, AnswerKind.NOT_SENT, True),
        (fault_server.reset, AnswerKind.NOT_SENT, True),
        (said(400), AnswerKind.REJECTED, False),
        (said(422), AnswerKind.REJECTED, False),
        (said(401), AnswerKind.AUTH, False),
        (said(402), AnswerKind.CREDIT, False),
        (said(404), AnswerKind.CONFIGURATION, False),
        (said(429), AnswerKind.THROTTLED, False),
    ],
)
def test_a_contact_that_could_not_be_made_defers_or_tells_why(act: Act, kind: AnswerKind, is_fault: bool) -> None:
    answer, heard = prepare(a_placement(variables={"NAME": "Ada"}), act)
    assert isinstance(answer, Answer)
    assert (answer.kind, answer.is_fault, len(heard)) == (kind, is_fault, 1)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("queued initiated pending ringing in_progress in-progress InProgress ongoing", None),
        ("completed answered success SUCCESSFUL", Outcome.ANSWERED),
        ("no_answer no-answer NoAnswer unanswered", Outcome.NO_ANSWER),
        ("busy BUSY", Outcome.BUSY),
        ("voicemail voice-mail machine", Outcome.VOICEMAIL),
        ("declined rejected", Outcome.DECLINED),
        ("failed error canceled cancelled", Outcome.FAILED),
        ("paused transferred 终", None),
    ],
)
def test_every_status_word_has_its_outcome(words: str, outcome: Outcome | None) -> None:
    spoken = words.split()
    with FaultServer(*(said(200, {"id": "call 1", "status": word}) for word in spoken)) as server:
        provider = an_account(server)
        told = [provider.progress(sought()) for _ in spoken]
    assert server.heard[0].target == "/calls/call%201"
    assert [(one.ended, one.outcome) for one in told if isinstance(one, Progress)] == [
        (outcome is not None, outcome) for _ in spoken
    ]


def test_an_unlisted_word_is_kept_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer(said(200, {"id": "a", "status": "transferred"})) as server:
        provider = an_account(server)
        told = [provider.progress(sought()) for _ in range(3)]
    assert [one.detail for one in told] == ["transferred"] * 3
    assert sum("transferred" in record.getMessage() for record in caplog.records) == 1


CALL = {
    "id": "call 1",
    "status": "completed",
    "startedAt": "2026-11-23T09:00:00.000Z",
    "answered_at": 1795424402000,
    "endedAt": "2026-11-23T20:01:00+11:00",
    "duration": "58.5",
    "creditsCharged": 3,
    "recordingUrl": "https://recordings.example/1",
    "summary": "They agreed.",
    "transcript": [{"role": "agent", "text": "Hello"}],
}


@pytest.mark.parametrize("body", [CALL, {"call": CALL}, {"status": "success", "data": CALL}, {"data": {"call": CALL}}])
def test_everything_that_is_told_of_a_call_is_kept(body: Any) -> None:
    with FaultServer(said(200, body)) as server:
        told = an_account(server).progress(sought())
    assert isinstance(told, Progress)
    assert (told.outcome, told.provider_call_id) == (Outcome.ANSWERED, "call 1")
    assert (told.started_at, told.answered_at) == (NOW, NOW + timedelta(seconds=2))
    assert (told.ended_at, told.duration_seconds) == (NOW + timedelta(minutes=1), 58.5)
    assert (told.credits_charged, told.recording_url) == (3.0, "https://recordings.example/1")
    assert (told.summary, told.transcript) == ("They agreed.", '[{"role": "agent", "text": "Hello"}]')
    assert "They agreed." in (told.raw or "")


@pytest.mark.parametrize(
    "body", [{"status": "success"}, {"id": "a"}, {"status": "success", "data": {"x": 1}}, {"status": 7, "id": "a"}]
)
def test_what_is_no_call_tells_nothing(body: Any) -> None:
    with FaultServer(said(200, body)) as server:
        assert isinstance(an_account(server).progress(sought()), NotTold)


def row(call_id: str, seconds_after: float, phone: str = PHONE, **more: Any) -> dict[str, Any]:
    created = (NOW + timedelta(seconds=seconds_after)).isoformat()
    return {"id": call_id, "toNumber": phone, "createdAt": created, "status": "ringing", **more}


OTHER = "+14155550000"
YOUNG = [row(f"y{at}", 300 - at, OTHER) for at in range(200)]
OLD = [row(f"o{at}", 100 - at, OTHER) for at in range(200)]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([row("a", 1)], "a"),
        ([row("other", 1, OTHER), row("a", 1, "1 (415) 555-1212")], "a"),
        ([row("a", -4)], "a"),  # clocks differ
        ([*YOUNG[:199], row("a", 1)], "a"),
        ([row("a", 1), row("b", 2, metadata="reference-1")], "b"),
        ([row("a", 1), row("b", 2)], NotTold),  # which of them?
        ([row("of yesterday", -86_400)], Absent),
        ([row("later, another attempt's", 600)], Absent),
        ([row("other", 1, OTHER)], Absent),
        ([], Absent),
        (OLD, Absent),
        (YOUNG, NotTold),
        (list(reversed(OLD)), NotTold),
        ([{"id": "a", "toNumber": PHONE}], NotTold),
        ([{"id": "a", "createdAt": NOW.isoformat()}], NotTold),
        ([{"toNumber": PHONE, "createdAt": NOW.isoformat()}], NotTold),
    ],
)
@pytest.mark.parametrize("envelope", [None, "calls", "data"])
def test_a_lost_call_is_found_by_number_and_time(listed: list[Any], expected: Any, envelope: str | None) -> None:
    with FaultServer(said(200, {envelope: listed} if envelope else listed)) as server:
        found = an_account(server).find(sought(None))
    assert server.heard[0].target == "/calls?agentId=agent%201&limit=200"
    if isinstance(expected, str):
        assert isinstance(found, Found)
        assert found.provider_call_id == expected
        assert found.progress is not None
        assert not found.progress.ended
    else:
        assert isinstance(found, expected)


@pytest.mark.parametrize(
    ("body", "credits"),
    [
        ({"creditBalance": 24.5}, 24.5),
        ({"credits": 30}, 30.0),
        ({"balance": "-2"}, -2.0),
        ({"data": {"creditBalance": 25}}, 25.0),
        ({"user": {"credits": 7}}, 7.0),
        ({"creditBalance": None, "credits": 1}, 1.0),
        ({"creditBalance": None}, None),
        ({}, None),
    ],
)
def test_the_balance_is_read_wherever_it_stands(body: Any, credits: float | None) -> None:
    with FaultServer(said(200, body)) as server:
        assert an_account(server).balance() == Balance(credits)
    assert server.heard[0].target == "/me"


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (said(401), AnswerKind.AUTH),
        (said(500), AnswerKind.UNKNOWN),
        (said(200, []), AnswerKind.UNKNOWN),
        (said(200), AnswerKind.UNKNOWN),
    ],
)
def test_a_balance_that_cannot_be_read_says_why(act: Act, kind: AnswerKind) -> None:
    with FaultServer(act) as server:
        told = an_account(server).balance()
    assert isinstance(told, Answer)
    assert told.kind is kind
