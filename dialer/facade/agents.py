"""`dialer.agents`: each workspace's own names for voice agents, and where those live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dialer.domain.client import Agent
from dialer.domain.registration import AgentSpec
from dialer.engine.agents import register
from dialer.errors import AgentUnknown
from dialer.ports import Switchboard


class Agents:
    """A registered agent's account, provider id and caller ID count for what is loaded after."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk

    def add(self, spec: AgentSpec | Mapping[str, object] | None = None, /, **fields: Any) -> Agent:
        """Register an agent, or replace it whole: an AgentSpec, a mapping, or its fields by name. LoadRefused.

        With a webhook_url it has a webhook_secret (`whsec_…`): the one given, the one it had, or a new one.
        """
        return register(self._desk, AgentSpec.read(fields if spec is None else spec))

    def get(self, workspace_id: str, agent_id: str) -> Agent:
        """AgentUnknown."""
        found = self._desk.ledger.agents.find(workspace_id, agent_id) if "\0" not in agent_id else None
        if found is None:
            raise AgentUnknown(f"no agent {agent_id!r:.100} is registered in workspace {workspace_id!r:.100}")
        return found

    def entries(self, workspace_id: str) -> Iterator[Agent]:
        """By agent id, streamed."""
        after: str | None = None
        while page := self._desk.ledger.agents.entries(workspace_id, after):
            yield from page
            after = page[-1].agent_id

    def remove(self, workspace_id: str, agent_id: str) -> bool:
        """False when there was none. What was loaded under it stays as it was loaded."""
        return self._desk.ledger.agents.remove(workspace_id, agent_id)
