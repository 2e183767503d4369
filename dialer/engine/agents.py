"""Agents as workspaces register them: checked against the accounts here, read by loads when they begin (`terms`)."""

from __future__ import annotations

import secrets

from dialer.domain.client import Agent
from dialer.domain.registration import AgentSpec, new_webhook_secret
from dialer.engine.terms import find_account
from dialer.errors import FieldError, LoadRefused
from dialer.ports import Switchboard

_SECRET_BYTES = 32


def register(desk: Switchboard, spec: AgentSpec) -> Agent:
    """Register an agent, or replace it whole; its webhook secret stays, unless another is given. LoadRefused."""
    account = _checked_account(desk, spec)
    known = desk.ledger.agents.find(spec.workspace_id, spec.agent_id)
    agent = Agent(
        workspace_id=spec.workspace_id,
        agent_id=spec.agent_id,
        account=account,
        provider_agent_id=spec.provider_agent_id or spec.agent_id,
        name=spec.name or "",
        caller_id=spec.caller_id,
        webhook_url=spec.webhook_url,
        webhook_secret=_webhook_secret(spec, known),
    )
    desk.ledger.agents.save(agent)
    return desk.ledger.agents.find(agent.workspace_id, agent.agent_id) or agent


def _checked_account(desk: Switchboard, spec: AgentSpec) -> str:
    wrong: list[FieldError] = []
    account = find_account(desk, spec.provider or desk.rules.default_provider, spec.workspace_id, wrong)
    if account is not None and spec.caller_id is not None:
        choices = desk.providers[account.name].capabilities.cli_choices
        if choices is not None and spec.caller_id not in choices:
            known = ", ".join(sorted(choices)) or "none"
            message = f"account {account.name!r} has no phone number for it: it knows {known} (phone_numbers)"
            wrong.append(FieldError("CLI_NOT_AVAILABLE", "caller_id", spec.caller_id, message))
    if spec.webhook_secret is not None and spec.webhook_url is None:
        message = "expected a webhook_url: without one nothing is signed"
        wrong.append(FieldError("FIELD_MISSING", "webhook_url", None, message))
    if wrong or account is None:
        raise LoadRefused(wrong)
    return account.name


def _webhook_secret(spec: AgentSpec, known: Agent | None) -> str | None:
    if spec.webhook_url is None:
        return None
    kept = known.webhook_secret if known else None
    return spec.webhook_secret or kept or new_webhook_secret(secrets.token_bytes(_SECRET_BYTES))
