"""What the Inspra adapter puts on the wire, and what it makes of what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.placement import Account, AnswerKind, Balance, ControlOrder, NotTold, Placement, Sought
from dialer.providers.inspra import Inspra
from dialer.testing.fault_server import FaultServer, said

NOW = datetime(2026, 11, 23, 9, 0, 0, 123_999, tzinfo=UTC)
SYDNEY = NOW.astimezone()
NAMES = {"agentId": "agent_1", "workspaceId": "w1", "batchRef": "november~2"}
WINDOW = {"nbf": "2026-11-23T09:00:00.123Z", "exp": "2026-11-23T17:00:00.123Z", "blockRules": ["Mon-Fri|0800-1600"]}


def an_account(server: FaultServer, **options: object) -> Inspra:
    return Inspra(Account("inspra_au", "inspra", server.url, caller_id="+61387772586", options=options))


def a_placement(*, is_test: bool = False, cli: str | None = "+61255501234") -> Placement:
    return Placement(
        reference="reference-1",
        call_id="c",
        workspace_id="w1",
        agent_id="agent_1",
        batch_ref="november",
        wire_ref="november~2",
        cli=cli,
        phone="+61278132035",
        variables={"FIRST_NAME": "Kushal", "INDUSTRY": ""},
        nbf=SYDNEY,
        exp=SYDNEY + timedelta(hours=8),
        block_rules=("Mon-Fri|0800-1600",),
        timezone="Australia/Sydney",
        is_test=is_test,
    )


def test_a_call_is_a_load_of_one_number() -> None:
    with FaultServer() as server:
        an_account(server).place(a_placement(), lambda: True)
    (request,) = server.heard
    callee = {"phone": "+61278132035", "variables": {"FIRST_NAME": "Kushal", "INDUSTRY": ""}}
    assert request.target == "/load-json"
    assert request.json() == {**NAMES, "cli": "+61255501234", "callList": [callee], **WINDOW}
    assert "authorization" not in request.headers


def test_a_test_call_has_its_number_on_top() -> None:
    with FaultServer() as server:
        an_account(server).place(a_placement(is_test=True), lambda: True)
    (request,) = server.heard
    callee = {"phone": "+61278132035", "variables": {"FIRST_NAME": "Kushal", "INDUSTRY": ""}}
    assert request.target == "/test-call"
    assert request.json() == {**NAMES, "cli": "+61255501234", **WINDOW, **callee}


def test_without_a_cli_the_accounts_own_is_used() -> None:
    with FaultServer() as server:
        an_account(server).place(a_placement(cli=None), lambda: True)
    assert server.heard[0].json()["cli"] == "+61387772586"


def test_rules_can_be_kept_here_and_a_token_be_sent() -> None:
    with FaultServer() as server:
        an_account(server, send_block_rules=False, token="secret-token").place(a_placement(), lambda: True)
    (request,) = server.heard
    assert request.json()["blockRules"] == []
    assert request.headers["authorization"] == "Bearer secret-token"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_accepted(status: int) -> None:
    with FaultServer(said(status)) as server:
        answer = an_account(server).place(a_placement(), lambda: True)
    assert (answer.kind, answer.http_status, answer.provider_call_id) == (AnswerKind.ACCEPTED, status, None)


@pytest.mark.parametrize("action", ["pause", "terminate"])
def test_pause_and_terminate_name_the_batch_and_nothing_else(action: str) -> None:
    with FaultServer() as server:
        answer = an_account(server).relay(ControlOrder(action, "w1", "agent_1", "november~2"))
    (request,) = server.heard
    assert (request.target, request.json()) == (f"/{action}-batch", NAMES)
    assert answer.kind is AnswerKind.ACCEPTED


def test_resuming_is_a_load_without_numbers() -> None:
    order = ControlOrder(
        "resume", "w1", "agent_1", "november~2", None, NOW, NOW + timedelta(hours=8), ("Mon-Fri|0800-1600",)
    )
    with FaultServer() as server:
        an_account(server).relay(order)
    (request,) = server.heard
    assert request.target == "/load-json"
    assert request.json() == {**NAMES, "cli": "+61387772586", "callList": [], **WINDOW}


def test_an_order_it_does_not_know_is_not_sent() -> None:
    with FaultServer() as server:
        assert an_account(server).relay(ControlOrder("dance", "w1", "a", "b")).kind is AnswerKind.REJECTED
    assert not server.heard


def test_it_can_be_asked_nothing() -> None:
    with FaultServer() as server:
        provider = an_account(server)
        sought = Sought("reference-1", "+61278132035", "agent_1", NOW, NOW)
        assert isinstance(provider.progress(sought), NotTold)
        assert isinstance(provider.find(sought), NotTold)
        assert provider.balance() == Balance(None)
        assert not (provider.capabilities.reports_outcomes)
        assert not (provider.capabilities.can_find)
    assert not server.heard
