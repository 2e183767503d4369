"""The agent registry: each workspace's own."""

from __future__ import annotations

from dataclasses import replace

from dialer.domain.client import Agent
from dialer.ledger import SqlLedger

AGENT = Agent(
    "w1", "sales", "au", "7ff4", "Sales", "+61387772586", "https://example.com/calls", webhook_secret="whsec_c2VjcmV0"
)


def test_an_agent_comes_back_as_it_was_registered(ledger: SqlLedger) -> None:
    assert ledger.agents.save(AGENT)
    found = ledger.agents.find("w1", "sales")
    assert found is not None
    assert found.created_at is not None
    assert replace(found, created_at=None) == AGENT


def test_registering_again_replaces_it_whole_and_keeps_when_it_came(ledger: SqlLedger) -> None:
    ledger.agents.save(AGENT)
    first = ledger.agents.find("w1", "sales")
    assert not ledger.agents.save(Agent("w1", "sales", "us", "other"))
    found = ledger.agents.find("w1", "sales")
    assert first is not None
    assert found == Agent("w1", "sales", "us", "other", created_at=first.created_at)


def test_the_same_id_in_two_workspaces_is_two_agents(ledger: SqlLedger) -> None:
    ledger.agents.save(AGENT)
    assert ledger.agents.find("w2", "sales") is None
    assert ledger.agents.save(replace(AGENT, workspace_id="w2", account="us"))
    assert [agent.account for agent in ledger.agents.entries("w2")] == ["us"]
    assert not ledger.agents.remove("w3", "sales")
    assert ledger.agents.remove("w2", "sales")
    assert not ledger.agents.remove("w2", "sales")
    assert ledger.agents.find("w1", "sales") is not None


def test_agents_are_read_page_by_page_in_the_order_of_their_ids(ledger: SqlLedger) -> None:
    for number in (3, 1, 4, 0, 2):
        ledger.agents.save(replace(AGENT, agent_id=f"a{number}"))
    first = ledger.agents.entries("w1", limit=2)
    rest = ledger.agents.entries("w1", after=first[-1].agent_id)
    assert [agent.agent_id for agent in first + rest] == ["a0", "a1", "a2", "a3", "a4"]
