"""Turns rows into the domain's values, and terms into columns."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, func

from dialer.domain.batch import Batch, BatchName, BatchTerms, Cohort, CohortZones, Span
from dialer.domain.retry import RetryPolicy
from dialer.domain.states import BatchState, Lane
from dialer.ledger.direct import Fields, Row
from dialer.ledger.tables import batches, calls, cohorts

_DELAYS = ("no_answer", "busy", "voicemail", "failed", "declined")

#: What holds for a call: its own, else its batch's. For statements that join both.
LANE: ColumnElement[int] = func.coalesce(calls.c.lane, batches.c.lane)
MAX_RETRIES: ColumnElement[int] = func.coalesce(calls.c.max_retries, batches.c.max_retries)

#: What nobody can read any more is neither a rule nor a zone: the gates that ask for it stay closed and show it, and
#: whoever reads many rows reads the others.
UNREADABLE = "unreadable"
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
_SHOWN = 60
NEVER = RetryPolicy(**dict.fromkeys(_DELAYS))

#: What `terms_of` reads, to be selected side by side and first where `terms_known` is asked.
TERMS = tuple(
    batches.c[name]
    for name in (
        *("workspace_id", "agent_id", "batch_ref", "account", "nbf", "exp", "title", "cli", "block_rules"),
        *("calling_hours", "timezone", "lane", "max_retries", "retry", "on_unknown", "max_call_seconds", "cron"),
        *("ignore_hours", "provider_agent_id"),
    )
)
#: The terms of so many batches are remembered as they were read last.
_KNOWN_AT_MOST = 1024
_known: dict[tuple[Any, ...], BatchTerms] = {}

#: Fields of the terms by their outside names.
OUTSIDE_NAMES = {
    "account": "provider",
    "nbf": "nbf",
    "exp": "exp",
    "title": "name",
    "cli": "cli",
    "block_rules": "block_rules",
    "calling_hours": "calling_hours",
    "timezone": "timezone",
    "lane": "priority",
    "max_retries": "max_retries",
    "retry": "retry",
    "on_unknown": "on_unknown",
    "max_call": "max_call_seconds",
    "cron": "cron",
    "ignore_hours": "ignore_hours",
    "provider_agent_id": "provider_agent_id",
}


def columns_of(terms: BatchTerms) -> dict[str, Any]:
    return {
        "workspace_id": terms.name.workspace_id,
        "agent_id": terms.name.agent_id,
        "batch_ref": terms.name.batch_ref,
        "account": terms.account,
        "nbf": terms.nbf,
        "exp": terms.exp,
        "title": terms.title,
        "cli": terms.cli,
        "block_rules": json.dumps(terms.block_rules),
        "calling_hours": json.dumps(terms.calling_hours),
        "timezone": terms.timezone,
        "lane": int(terms.lane),
        "max_retries": terms.max_retries,
        "retry": _retry_text(terms.retry),
        "on_unknown": terms.on_unknown,
        "max_call_seconds": terms.max_call.total_seconds(),
        "cron": terms.cron,
        "ignore_hours": terms.ignore_hours,
        "provider_agent_id": terms.provider_agent_id,
    }


def changes(old: BatchTerms, new: BatchTerms) -> tuple[str, ...]:
    """The fields that differ, by their outside names."""
    return tuple(word for name, word in OUTSIDE_NAMES.items() if getattr(old, name) != getattr(new, name))


def terms_of(row: Fields) -> BatchTerms:
    b = batches.c
    return BatchTerms(
        name=BatchName(row[b.workspace_id], row[b.agent_id], row[b.batch_ref]),
        account=row[b.account],
        nbf=row[b.nbf],
        exp=row[b.exp],
        title=row[b.title],
        cli=row[b.cli],
        block_rules=_texts(row[b.block_rules]) + _doubts(row[b.retry]),
        calling_hours=_texts(row[b.calling_hours]),
        timezone=row[b.timezone],
        lane=Lane(row[b.lane]),
        max_retries=row[b.max_retries],
        retry=_retry(row[b.retry]),
        on_unknown=row[b.on_unknown],
        max_call=timedelta(seconds=row[b.max_call_seconds]),
        cron=row[b.cron],
        ignore_hours=row[b.ignore_hours],
        provider_agent_id=row[b.provider_agent_id],
    )


def terms_known(row: Row) -> BatchTerms:
    """The same, read once for all rows that say the same."""
    given = row.as_given(slice(len(TERMS)))
    terms = _known.get(given)
    if terms is None:
        if len(_known) >= _KNOWN_AT_MOST:
            _known.clear()
        terms = _known[given] = terms_of(row)
    return terms


def batch_of(row: Fields) -> Batch:
    b = batches.c
    return Batch(
        batch_id=row[b.batch_id],
        terms=terms_of(row),
        state=BatchState(row[b.state]),
        control_seq=row[b.control_seq],
        created_at=row[b.created_at],
        pause_reason=row[b.pause_reason],
        paused_by=row[b.paused_by],
        is_loading=row[b.is_loading],
        is_loaded=row[b.is_loaded],
        completed_at=row[b.completed_at],
        template_id=row[b.template_id],
        occurrence=row[b.occurrence],
    )


def cohort_of(row: Fields) -> Cohort:
    c = cohorts.c
    opens_at, closes_at = row[c.opens_at], row[c.closes_at]
    return Cohort(
        cohort_id=row[c.cohort_id],
        batch_id=row[c.batch_id],
        number=row[c.number],
        zones=zones_of(row[c.zones]),
        span=None if opens_at is None else Span(opens_at, closes_at),
    )


def _doubts(retry: str) -> tuple[str, ...]:
    """A policy that cannot be read retries nobody. Nor is anybody dialed by it a first time, so that it shows."""
    return (f"{UNREADABLE} retry: {retry[:_SHOWN]}",) if _retry(retry) is NEVER else ()


def zones_text(zones: CohortZones) -> str:
    return json.dumps([sorted(zones.rules), sorted(zones.legal)])


@lru_cache(maxsize=4096)
def zones_of(text: str) -> CohortZones:
    try:
        rules, legal = json.loads(text)
        return CohortZones(_words(rules), _words(legal))
    except _UNREADABLE:
        return CohortZones((UNREADABLE, text[:_SHOWN]))


def span_columns(span: Span | None) -> dict[str, Any]:
    return {"opens_at": span and span.opens_at, "closes_at": span and span.closes_at}


def _retry_text(policy: RetryPolicy) -> str:
    delays = {name: getattr(policy, name) for name in _DELAYS}
    return json.dumps({name: None if delay is None else delay.total_seconds() for name, delay in delays.items()})


@lru_cache(maxsize=1024)
def _retry(text: str) -> RetryPolicy:
    try:
        seconds = json.loads(text)
        return RetryPolicy(**{name: None if (s := seconds[name]) is None else timedelta(seconds=s) for name in _DELAYS})
    except _UNREADABLE:
        return NEVER


@lru_cache(maxsize=1024)
def _texts(text: str) -> tuple[str, ...]:
    try:
        return _words(json.loads(text))
    except _UNREADABLE:
        return (f"{UNREADABLE}: {text[:_SHOWN]}",)


def _words(told: object) -> tuple[str, ...]:
    """Nothing but a list of texts will do: from anything else, `{}` say, no rule would be left to keep to."""
    if isinstance(told, list) and all(isinstance(word, str) for word in told):
        return tuple(told)
    raise ValueError(told)
