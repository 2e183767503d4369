"""Registered agents: whose account, provider id and caller ID a batch and a test call get."""

from __future__ import annotations

import base64

import pytest

from dialer import TestCallSpec
from dialer.domain.placement import Capabilities
from dialer.engine import ingest
from dialer.errors import AgentUnknown, LoadRefused
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import Rig, an_account, phone

AGENT = {"workspace_id": "w1", "agent_id": "a1"}


@pytest.fixture
def two(new_rig: NewRig) -> Rig:
    """Accounts au, the default one, and us, which only w1 may use."""
    accounts = {"au": an_account("au"), "us": an_account("us", caller_id="", workspaces=("w1",))}
    return new_rig(accounts=accounts, providers={"au": FakeProvider(), "us": FakeProvider()})


def test_a_registered_agent_s_account_provider_id_and_caller_id_are_used(two: Rig) -> None:
    two.dialer.agents.add(**AGENT, provider="us", provider_agent_id="7ff4", caller_id="+12025550198")
    batch = two.load([phone(0)])
    assert batch.terms.account == "us"
    two.step()
    assert two.providers["au"].placed == []
    [placed] = two.providers["us"].placed
    assert (placed.agent_id, placed.cli) == ("7ff4", "+12025550198")


def test_what_the_load_says_beats_what_is_registered(two: Rig) -> None:
    two.dialer.agents.add(**AGENT, provider="us", provider_agent_id="7ff4", caller_id="+12025550198")
    two.load([phone(0)], cli="+12025550111")
    two.load([phone(1)], "elsewhere", provider="au")
    two.step()
    [ours] = two.providers["us"].placed
    [elsewhere] = two.providers["au"].placed
    assert (ours.agent_id, ours.cli) == ("7ff4", "+12025550111")
    # Its registration speaks of the account us, and says nothing of others.
    assert (elsewhere.agent_id, elsewhere.cli) == ("a1", "+61390000000")


def test_an_agent_that_nobody_registered_passes_through(two: Rig) -> None:
    two.dialer.agents.add(workspace_id="w2", agent_id="a1", provider="au", provider_agent_id="theirs")
    two.load([phone(0)])
    two.step()
    [placed] = two.providers["au"].placed
    assert placed.agent_id == "a1"


def test_a_test_call_uses_the_registration_too(two: Rig) -> None:
    two.dialer.agents.add(**AGENT, provider="us", provider_agent_id="7ff4", caller_id="+12025550198")
    ingest.load_test_call(two.desk, TestCallSpec(**AGENT, phone=phone(0)))
    two.step()
    [placed] = two.providers["us"].placed
    assert (placed.agent_id, placed.cli, placed.is_test) == ("7ff4", "+12025550198", True)


def test_without_a_caller_id_anywhere_nothing_is_loaded(two: Rig) -> None:
    two.dialer.agents.add(**AGENT, provider="us")
    with pytest.raises(LoadRefused, match="FIELD_MISSING: cli"):
        two.load([phone(0)])
    assert two.dialer.batches() == []


def test_a_loaded_batch_stays_as_it_was_loaded(two: Rig) -> None:
    two.dialer.agents.add(**AGENT, provider="us", provider_agent_id="7ff4", caller_id="+12025550198")
    batch = two.load([phone(0)])
    assert two.dialer.agents.remove("w1", "a1")
    two.load([phone(1)])
    terms = two.again(batch).terms
    assert (terms.account, terms.cli, terms.wire_agent_id) == ("us", "+12025550198", "7ff4")


def test_an_agent_is_refused_with_everything_that_is_wrong_with_it(new_rig: NewRig) -> None:
    able = Capabilities(reports_outcomes=True, can_find=True, cli_choices=frozenset({"+12025550198"}))
    rig = new_rig(
        accounts={"au": an_account("au", workspaces=("w2",)), "us": an_account("us")},
        providers={"au": FakeProvider(), "us": FakeProvider(capabilities=able)},
    )
    for given, expected in (
        ({"provider": "uk"}, "PROVIDER_UNKNOWN: provider"),
        ({}, "PROVIDER_NOT_ALLOWED: provider"),  # the default one is not for w1
        ({"provider": "us", "caller_id": "+12025550111"}, "CLI_NOT_AVAILABLE: caller_id"),
        ({"provider": "us", "webhook_secret": "whsec_" + "QUJD" * 8}, "FIELD_MISSING: webhook_url"),
    ):
        with pytest.raises(LoadRefused, match=expected):
            rig.dialer.agents.add({**AGENT, **given})
    assert list(rig.dialer.agents.entries("w1")) == []


def test_a_webhook_s_secret_is_made_once_and_kept(rig: Rig) -> None:
    first = rig.dialer.agents.add(**AGENT, webhook_url="https://example.com/calls")
    assert first.webhook_secret is not None
    assert len(base64.b64decode(first.webhook_secret.removeprefix("whsec_"))) == 32
    assert first.webhook_secret not in repr(first)
    moved = rig.dialer.agents.add(**AGENT, webhook_url="https://example.com/elsewhere")
    assert (moved.webhook_url, moved.webhook_secret) == ("https://example.com/elsewhere", first.webhook_secret)
    other = "whsec_" + "QUJD" * 8
    assert rig.dialer.agents.add(**AGENT, webhook_url="https://e.com", webhook_secret=other).webhook_secret == other
    assert rig.dialer.agents.add(**AGENT).webhook_secret is None


def test_agents_are_found_in_their_workspace_only(rig: Rig) -> None:
    rig.dialer.agents.add(**AGENT)
    assert rig.dialer.agents.get("w1", "a1").provider_agent_id == "a1"
    for workspace, agent in (("w2", "a1"), ("w1", "a2")):
        with pytest.raises(AgentUnknown):
            rig.dialer.agents.get(workspace, agent)
