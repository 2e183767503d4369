"""The agent registry: each workspace's own names for voice agents."""

from __future__ import annotations

from sqlalchemy import ColumnElement, RowMapping, delete, select

from dialer.domain.client import Agent
from dialer.ledger.client_tables import agents
from dialer.ledger.transactions import Transactions, now_of


class SqlAgents:
    """`dialer.ports.clients.Agents`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def save(self, agent: Agent) -> bool:
        given = {
            "account": agent.account,
            "provider_agent_id": agent.provider_agent_id,
            "name": agent.name,
            "caller_id": agent.caller_id,
            "webhook_url": agent.webhook_url,
            "webhook_secret": agent.webhook_secret,
        }
        key = {"workspace_id": agent.workspace_id, "agent_id": agent.agent_id}
        is_new = select(agents.c.agent_id).where(*_named(agent.workspace_id, agent.agent_id))
        with self._transactions.write() as connection:
            was_there = connection.execute(is_new).first() is not None
            upsert = self._transactions.backend.insert(agents).values(**key, **given, created_at=now_of(connection))
            connection.execute(upsert.on_conflict_do_update(index_elements=list(key), set_=given))
            return not was_there

    def find(self, workspace_id: str, agent_id: str) -> Agent | None:
        query = select(agents).where(*_named(workspace_id, agent_id))
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _agent_of(row)

    def entries(self, workspace_id: str, after: str | None = None, limit: int = 200) -> list[Agent]:
        a = agents.c
        query = select(agents).where(a.workspace_id == workspace_id).order_by(a.agent_id).limit(limit)
        if after is not None:
            query = query.where(a.agent_id > after)
        with self._transactions.read() as connection:
            return [_agent_of(row) for row in connection.execute(query).mappings().all()]

    def remove(self, workspace_id: str, agent_id: str) -> bool:
        with self._transactions.write() as connection:
            return connection.execute(delete(agents).where(*_named(workspace_id, agent_id))).rowcount == 1


def _named(workspace_id: str, agent_id: str) -> tuple[ColumnElement[bool], ...]:
    return agents.c.workspace_id == workspace_id, agents.c.agent_id == agent_id


def _agent_of(row: RowMapping) -> Agent:
    a = agents.c
    return Agent(
        workspace_id=row[a.workspace_id],
        agent_id=row[a.agent_id],
        account=row[a.account],
        provider_agent_id=row[a.provider_agent_id],
        name=row[a.name],
        caller_id=row[a.caller_id],
        webhook_url=row[a.webhook_url],
        webhook_secret=row[a.webhook_secret],
        created_at=row[a.created_at],
    )
