"""The adapters and the simulator understand each other, though they share no code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.placement import Account, AnswerKind, Balance, ControlOrder, Found, Placement, Progress, Sought
from dialer.ports.voice import VoiceProvider
from dialer.providers.registry import build, kinds
from dialer.simulator import Simulator

PHONE = "+61278132035"
ASKABLE = ("batch_call", "outboundcalls")
#: Whatever happens, happens at once.
AT_ONCE = {"ring_seconds": 0, "talk_seconds": 0, "answer_after": 0}
#: Simulated fault -> what a placement that meets it is.
FAULTS = {
    "reset": AnswerKind.UNKNOWN,
    "reset_before": AnswerKind.UNKNOWN,
    "timeout": AnswerKind.UNKNOWN,
    "close_without_answer": AnswerKind.UNKNOWN,
    "half_close": AnswerKind.UNKNOWN,
    "drip": AnswerKind.UNKNOWN,
    "garbage": AnswerKind.UNKNOWN,
    "html200": AnswerKind.UNKNOWN,
    "empty200": AnswerKind.UNKNOWN,
    "no_id": AnswerKind.UNKNOWN,
    "big": AnswerKind.UNKNOWN,
    "gzip_bomb": AnswerKind.UNKNOWN,
    "redirect": AnswerKind.UNKNOWN,
}
#: Inspra answers nothing, so any 2xx is enough.
ENOUGH_FOR_INSPRA = ("html200", "empty200", "no_id", "big", "gzip_bomb")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator({"defaults": AT_ONCE}) as running:
        yield running


def adapter(simulator: Simulator, kind: str, deadline_seconds: float = 5.0) -> VoiceProvider:
    keys = {"api_key": "key-of-tests", "api_secret": "secret-of-tests", "contact_list_id": "list_1"}
    url = simulator.base_url(kind)
    return build(Account(kind, kind, url, deadline_seconds=deadline_seconds, caller_id="+61387772586", options=keys))


def a_placement(reference: str = "reference-1", **changes: Any) -> Placement:
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "reference": reference,
        "call_id": "c",
        "workspace_id": "w1",
        "agent_id": "agent_1",
        "batch_ref": "november",
        "wire_ref": "november",
        "cli": None,
        "phone": PHONE,
        "variables": {"NAME": "Ada"},
        "nbf": now,
        "exp": now + timedelta(hours=8),
        "block_rules": ("Sat-Sun|0000-2400",),
        "timezone": "Australia/Sydney",
        "is_test": False,
    }
    return Placement(**{**given, **changes})


def sought(provider_call_id: str | None = None) -> Sought:
    now = datetime.now(UTC)
    return Sought("reference-1", PHONE, "agent_1", now - timedelta(seconds=5), now, provider_call_id)


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("is_test", [False, True])
def test_a_call_is_placed_once_under_its_reference(simulator: Simulator, kind: str, is_test: bool) -> None:
    assert adapter(simulator, kind).place(a_placement(is_test=is_test), lambda: True).kind is AnswerKind.ACCEPTED
    (placed,) = simulator.placements(PHONE)
    assert placed["reference"] == "reference-1"


@pytest.mark.parametrize("kind", kinds())
def test_nothing_is_placed_when_the_last_look_says_no(simulator: Simulator, kind: str) -> None:
    assert adapter(simulator, kind).place(a_placement(), lambda: False).kind is AnswerKind.WITHHELD
    assert simulator.placements() == simulator.requests() == []


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_classed_and_never_asked_twice(simulator: Simulator, kind: str, fault: str) -> None:
    simulator.play({"defaults": AT_ONCE, "rules": [{"phone": "*", "fault": fault}]})
    answer = adapter(simulator, kind, 0.5).place(a_placement(), lambda: True)
    enough = kind == "inspra" and fault in ENOUGH_FOR_INSPRA
    assert answer.kind is (AnswerKind.ACCEPTED if enough else FAULTS[fault])
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("kind", ASKABLE)
@pytest.mark.parametrize("outcome", ["answered", "no_answer", "busy", "voicemail", "declined", "failed"])
def test_the_outcome_is_told(simulator: Simulator, kind: str, outcome: str) -> None:
    simulator.play({"defaults": {**AT_ONCE, "outcome": {outcome: 1}}})
    provider = adapter(simulator, kind)
    answer = provider.place(a_placement(), lambda: True)
    told = provider.progress(sought(answer.provider_call_id))
    assert isinstance(told, Progress)
    assert (told.ended, told.outcome) == (True, outcome)


@pytest.mark.parametrize("kind", ASKABLE)
def test_a_call_that_rings_is_under_way(simulator: Simulator, kind: str) -> None:
    simulator.play({"defaults": {"ring_seconds": 60}})
    provider = adapter(simulator, kind)
    answer = provider.place(a_placement(), lambda: True)
    told = provider.progress(sought(answer.provider_call_id))
    assert isinstance(told, Progress)
    assert (told.ended, told.outcome) == (False, None)


@pytest.mark.parametrize("kind", ASKABLE)
@pytest.mark.parametrize("bare", [False, True])
def test_a_call_whose_answer_was_lost_is_found(simulator: Simulator, kind: str, bare: bool) -> None:
    lost = {"phone": PHONE, "fault": "close_without_answer"}
    simulator.play({"defaults": {**AT_ONCE, "bare": bare}, "rules": [lost]})
    provider = adapter(simulator, kind)
    assert provider.place(a_placement(), lambda: True).kind is AnswerKind.UNKNOWN
    found = provider.find(sought())
    assert isinstance(found, Found)
    assert isinstance(provider.progress(sought(found.provider_call_id)), Progress)


def test_a_draft_is_executed(simulator: Simulator) -> None:
    simulator.play({"defaults": {**AT_ONCE, "draft": True}})
    assert adapter(simulator, "batch_call").place(a_placement(), lambda: True).kind is AnswerKind.ACCEPTED
    assert len(simulator.placements(PHONE)) == 1


@pytest.mark.parametrize("shape", ["id", "callId", "call", "data"])
def test_ids_of_every_shape_are_read(simulator: Simulator, shape: str) -> None:
    simulator.play({"defaults": {**AT_ONCE, "id_shape": shape}})
    provider = adapter(simulator, "outboundcalls")
    answer = provider.place(a_placement(), lambda: True)
    assert answer.provider_call_id == simulator.placements(PHONE)[0]["call_id"]


def test_the_balance_is_told(simulator: Simulator) -> None:
    assert adapter(simulator, "outboundcalls").balance() == Balance(10_000.0)


@pytest.mark.parametrize("action", ["pause", "resume", "terminate"])
def test_inspra_hears_what_becomes_of_a_batch(simulator: Simulator, action: str) -> None:
    provider = adapter(simulator, "inspra")
    provider.place(a_placement(), lambda: True)
    now = datetime.now(UTC)
    order = ControlOrder(action, "w1", "agent_1", "november", None, now, now + timedelta(hours=1))
    assert provider.relay(order).kind is AnswerKind.ACCEPTED
