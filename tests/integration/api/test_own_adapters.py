"""Our own adapters read what our own server answers: ids, status words, lists, balances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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
    Placement,
    Prepared,
    Progress,
    Sought,
)
from dialer.domain.states import CallState, CloseReason, Outcome
from dialer.ledger.tables import batches, calls
from dialer.ports.voice import VoiceProvider
from dialer.providers.registry import build
from tests.integration.api.conftest import Served

PHONE = "+12137774445"
REFERENCE = "0c4f3f0e-6d5c-5a51-9c55-6a0a3f6f6f10"
KINDS = ("batch_call", "outboundcalls")
#: How a call of the server stands -> what the adapter takes from it; None = it is under way.
STANDINGS: list[tuple[str, str | None, str | None, Outcome | None]] = [
    *((state.value, None, None, None) for state in CallState if state is not CallState.CLOSED),
    ("closed", "reached", "answered", Outcome.ANSWERED),
    ("closed", "exhausted", "no_answer", Outcome.NO_ANSWER),
    ("closed", "exhausted", "busy", Outcome.BUSY),
    ("closed", "exhausted", "voicemail", Outcome.VOICEMAIL),
    ("closed", "exhausted", "declined", Outcome.DECLINED),
    ("closed", "exhausted", "failed", Outcome.FAILED),
    ("closed", "rejected", None, Outcome.FAILED),
    ("closed", "expired", None, Outcome.FAILED),
    ("closed", "suppressed", None, Outcome.FAILED),
    ("closed", "terminated", None, Outcome.FAILED),
    # Nobody knows how it ended: whoever takes it for unanswered would dial it again.
    ("closed", "handed_off", None, None),
    ("closed", "unresolved", None, None),
]


NewAdapter = Callable[..., VoiceProvider]


@pytest.fixture
def adapter(served: Served) -> Iterator[NewAdapter]:
    """`adapter(kind, **options)`: one that speaks to the server; its connection is closed behind the test."""
    made: list[Any] = []

    def make(kind: str, **options: Any) -> VoiceProvider:
        keys = {"api_key": served.key.api_key, "api_secret": served.key.api_secret, **options}
        url = served.url + ("/api/v1" if kind == "outboundcalls" else "")
        made.append(build(Account(kind, kind, url, deadline_seconds=20.0, caller_id="+12025550198", options=keys)))
        asks: VoiceProvider = made[-1]
        return asks

    yield make
    for asks in made:
        if client := getattr(asks._http._threads, "client", None):
            client.close()


def a_placement(**changes: Any) -> Placement:
    now = datetime.now(UTC)
    plain = Placement(
        reference=REFERENCE,
        call_id="c",
        workspace_id="w1",
        agent_id="agent_1",
        batch_ref="november",
        wire_ref="november",
        cli=None,
        phone=PHONE,
        variables={"NAME": "Ada"},
        nbf=now,
        exp=now + timedelta(hours=8),
        block_rules=(),
        timezone=None,
        is_test=False,
    )
    return replace(plain, **changes)


def sought(provider_call_id: str | None = None, **changes: Any) -> Sought:
    now = datetime.now(UTC)
    return replace(Sought(REFERENCE, PHONE, "agent_1", now - timedelta(seconds=5), now, provider_call_id), **changes)


def placed(asks: VoiceProvider, **changes: Any) -> str:
    answer = asks.place(a_placement(**changes), lambda: True)
    assert answer.kind is AnswerKind.ACCEPTED, answer
    assert answer.provider_call_id is not None
    return answer.provider_call_id


@pytest.mark.parametrize("kind", KINDS)
def test_a_placed_call_is_under_way_and_found_again(served: Served, adapter: NewAdapter, kind: str) -> None:
    asks = adapter(kind)
    assert isinstance(asks.find(sought()), Absent)
    call_id = placed(asks)
    told = asks.progress(sought(call_id))
    assert isinstance(told, Progress)
    assert not told.ended
    found = asks.find(sought())
    assert isinstance(found, Found)
    assert found.provider_call_id == call_id
    assert isinstance(asks.find(sought(reference="another", phone="+12137774446")), Absent)
    [call] = served.dialer.calls(phone=PHONE)
    assert call.max_retries == 0  # the dialer above owns retries, or budgets would multiply


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_reference_is_the_same_call(served: Served, adapter: NewAdapter, kind: str) -> None:
    asks, placement = adapter(kind), a_placement()
    first = asks.place(placement, lambda: True).provider_call_id
    assert asks.place(placement, lambda: True).provider_call_id == first
    assert placed(asks, reference="another") != first
    assert len(list(served.dialer.calls(phone=PHONE))) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_in_which_a_call_stands_is_read_as_it_is_meant(
    served: Served, adapter: NewAdapter, kind: str
) -> None:
    asks = adapter(kind)
    call_id = placed(asks)
    for state, reason, outcome, expected in STANDINGS:
        stand(served, state, reason, outcome)
        told = asks.progress(sought(call_id))
        assert isinstance(told, Progress), (state, reason, told)
        assert (told.ended, told.outcome) == (expected is not None, expected), (state, reason, outcome)


def stand(served: Served, state: str, reason: str | None, outcome: str | None) -> None:
    """The only call stands so, and its batch with it."""
    over = "terminated" if reason == CloseReason.TERMINATED else "completed"
    due = None if reason else datetime.now(UTC)
    transactions = served.dialer._desk.ledger.views._transactions  # type: ignore[attr-defined]
    with transactions.write() as connection:
        connection.execute(calls.update().values(state=state, close_reason=reason, outcome=outcome, due_at=due))
        connection.execute(batches.update().values(state=over if reason else "active"))


def test_variables_come_by_a_contact(served: Served, adapter: NewAdapter) -> None:
    served.dialer.contacts.create_list("acme", "spring")
    asks = adapter("outboundcalls", contact_list_id="spring")
    prepared = asks.prepare(a_placement())
    assert isinstance(prepared, Prepared)
    placed(asks, kept=prepared.kept)
    [call] = served.dialer.calls(phone=PHONE)
    assert call.variables == {"NAME": "Ada"}


def test_the_balance_is_relayed_and_none_is_unmetered(served: Served, adapter: NewAdapter) -> None:
    asks = adapter("outboundcalls")
    assert asks.balance() == Balance(None)
    accounts = served.dialer._desk.ledger.accounts
    accounts.ensure("main", 25.0, "keys")
    accounts.set_balance("main", 42.5)
    assert asks.balance() == Balance(42.5)
    accounts.set_balance("main", 3.0)
    refused = asks.place(a_placement(), lambda: True)
    assert refused.kind is AnswerKind.CREDIT


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_dialed_is_rejected_and_a_wrong_key_told(served: Served, adapter: NewAdapter, kind: str) -> None:
    refused = adapter(kind).place(a_placement(phone="+1213"), lambda: True)
    assert (refused.kind, refused.http_status) == (AnswerKind.REJECTED, 400)
    assert "PHONE_NOT_POSSIBLE" in str(refused.raw)
    stranger = adapter(kind, api_key="oc_live_nobody").place(a_placement(), lambda: True)
    assert isinstance(stranger, Answer)
    assert stranger.kind is AnswerKind.AUTH
    assert list(served.dialer.calls()) == []
