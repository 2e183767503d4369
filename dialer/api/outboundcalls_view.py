"""Agents, contacts, calls and campaigns in the words of the OutboundCalls API."""

from __future__ import annotations

import json
from typing import Any

from dialer.api.outboundcalls_bodies import AgentShown, CallShown, Campaign, ContactShown
from dialer.domain.batch import Batch
from dialer.domain.client import Agent, Contact
from dialer.domain.placement import Account
from dialer.domain.view import SINGLE_PREFIX, BatchView, CallView
from dialer.providers import reading

_LEVELS = ("", "call.", "data.", "data.call.")


def agent(found: Agent, *, is_deployed: bool) -> AgentShown:
    return AgentShown(
        id=found.agent_id,
        name=found.name or found.agent_id,
        status="deployed" if is_deployed else "undeployed",
        account=found.account,
        provider_agent_id=found.provider_agent_id,
        caller_id=found.caller_id,
        webhook_url=found.webhook_url,
        created_at=found.created_at,
    )


def contact(found: Contact) -> ContactShown:
    return ContactShown(
        id=found.contact_id,
        contact_list_id=found.list_id,
        phone=found.phone,
        name=found.name,
        email=found.email,
        company=found.company,
        tags=list(found.tags),
        custom_fields=found.custom_fields,
        created_at=found.created_at,
    )


def call(view: CallView, account: Account | None) -> CallShown:
    record, terms, latest = view.record, view.batch.terms, view.latest
    is_single = _is_single(view.batch)
    told = _told(latest.raw if latest else None)
    charged = [attempt.credits_charged for attempt in record.attempts if attempt.credits_charged is not None]
    return CallShown(
        id=record.call_id,
        status=view.status,
        agent_id=terms.name.agent_id,
        to_number=record.phone,
        from_number=terms.cli,
        phone_number_id=_phone_number_id(terms.cli, account),
        contact_id=(terms.title or None) if is_single else None,
        campaign_id=None if is_single or terms.is_test else view.batch.batch_id,
        created_at=view.created_at,
        started_at=latest and latest.started_at,
        answered_at=latest and latest.answered_at,
        ended_at=latest and latest.ended_at,
        duration=latest and latest.duration_seconds,
        transcript=latest and latest.transcript,
        summary=latest and latest.summary,
        recording_url=latest and latest.recording_url,
        sentiment=_first(told, "sentiment"),
        extracted_data=_first(told, "extractedData", "extracted_data"),
        credits_charged=sum(charged) if charged else None,
        attempts=record.attempts_spent,
        reason=record.close_reason and record.close_reason.value,
    )


def campaign(view: BatchView) -> Campaign:
    progress, terms = view.progress, view.batch.terms
    return Campaign(
        id=view.batch.batch_id,
        name=view.name,
        status=view.state,
        agent_id=terms.name.agent_id,
        calls_total=progress.total,
        calls_completed=progress.over,
        calls_successful=progress.reached,
        calls_failed=progress.over - progress.reached,
        credits_used=progress.credits,
        success_rate=round(progress.reached / progress.over, 4) if progress.over else 0.0,
        created_at=view.batch.created_at,
    )


def _is_single(batch: Batch) -> bool:
    return batch.terms.name.batch_ref.startswith(SINGLE_PREFIX)


def _phone_number_id(cli: str | None, account: Account | None) -> str | None:
    options = account.options if account else {}
    if cli is None:
        return options.get("phone_number_id") or None
    found = (options.get("phone_numbers") or {}).get(cli)
    return None if found is None else str(found)


def _told(raw: str | None) -> Any:
    """The provider's own answer, where it is whole enough to be read."""
    try:
        return None if raw is None else json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _first(told: Any, *names: str) -> Any:
    return reading.first(told, *(level + name for level in _LEVELS for name in names))
