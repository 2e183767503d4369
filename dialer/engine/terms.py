"""From a spec to the terms of a batch: defaults filled in, an upsert merged, and all that can be wrong said at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones
from dialer.domain.client import Agent
from dialer.domain.fields import snake
from dialer.domain.gate import batch_hours
from dialer.domain.placement import Account, Capabilities
from dialer.domain.retry import RetryPolicy
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.states import BatchState, Lane
from dialer.domain.window import looks_inverted
from dialer.errors import BatchTerminated, FieldError, LoadRefused
from dialer.ports import Switchboard

DEFAULT_LIFE = timedelta(days=30)
#: Once loaded these stay: what was dialed was dialed under them.
FIXED_FIELDS = ("timezone", "provider", "cron")
_NAME_FIELDS = ("workspace_id", "agent_id", "batch_ref")


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec and the house it is to live in; `merge` is called inside the ledger's transaction."""

    spec: BatchSpec
    desk: Switchboard
    #: as registered, if it is
    agent: Agent | None = None

    @property
    def name(self) -> BatchName:
        return BatchName(self.spec.workspace_id, self.spec.agent_id, self.spec.batch_ref)

    def merge(self, old: Batch | None, now: datetime) -> BatchTerms:
        """The terms wanted; LoadRefused with every error, BatchTerminated where nothing can be loaded any more."""
        if old is not None and old.state is BatchState.TERMINATED:
            raise BatchTerminated(f"batch {old.terms.name} was terminated; load the numbers under another batchRef")
        wrong: list[FieldError] = []
        account = self._account(old, wrong)
        terms = self._terms(old.terms if old else None, now, account.name if account else "")
        if old is not None:
            wrong.extend(self._fixed(old.terms))
        if account is not None:
            wrong.extend(_cli_errors(account, self.desk.providers[account.name].capabilities, terms))
            wrong.extend(_redial_errors(self.desk.providers[account.name].capabilities, terms))
        wrong.extend(_window_errors(terms, now))
        if wrong:
            raise LoadRefused(wrong)
        return terms

    def _account(self, old: Batch | None, wrong: list[FieldError]) -> Account | None:
        wanted = old.terms.account if old else wanted_account(self.desk, self.spec.provider, self.agent)
        return find_account(self.desk, wanted, self.spec.workspace_id, wrong)

    def _fixed(self, old: BatchTerms) -> list[FieldError]:
        loaded: dict[str, Any] = {"timezone": old.timezone, "provider": old.account, "cron": old.cron}
        return [
            FieldError("FIELD_FIXED", field, wanted, f"is {loaded[field]!r} since the first load and cannot change")
            for field in FIXED_FIELDS
            if (wanted := getattr(self.spec, field)) is not None and wanted != loaded[field]
        ]

    def _terms(self, old: BatchTerms | None, now: datetime, account: str) -> BatchTerms:
        spec, given = self.spec, self.spec.given
        base = old or BatchTerms(name=self.name, account=account, nbf=now, exp=now)
        nbf = spec.nbf or (base.nbf if old else now)
        # A window whose start moves past its default end takes its end along, as a first load would.
        exp = spec.exp or (base.exp if old and base.exp > nbf else _default_end(nbf))
        return BatchTerms(
            name=self.name,
            account=base.account,
            nbf=nbf,
            exp=exp,
            title=spec.name if spec.name is not None else base.title,
            cli=spec.cli or base.cli or own_caller_id(self.agent, base.account),
            block_rules=_texts(spec.block_rules) if "block_rules" in given else base.block_rules,
            calling_hours=_texts(spec.calling_hours) if "calling_hours" in given else base.calling_hours,
            timezone=base.timezone if old else spec.timezone,
            lane=Lane.of(spec.priority) if spec.priority else base.lane,
            max_retries=spec.max_retries if spec.max_retries is not None else base.max_retries,
            retry=spec.retry or base.retry,
            on_unknown=spec.on_unknown or base.on_unknown,
            max_call=spec.max_call_seconds or base.max_call,
            cron=base.cron if old else spec.cron,
            provider_agent_id=own_agent_id(self.agent, base.account) or base.provider_agent_id,
        )


def wanted_account(desk: Switchboard, provider: str | None, agent: Agent | None) -> str:
    """The spec's, else the registered agent's, else the configuration's."""
    return provider or (agent.account if agent else "") or desk.rules.default_provider


def own_caller_id(agent: Agent | None, account: str) -> str | None:
    """An agent's registration speaks of one account, and says nothing of others."""
    return agent.caller_id if agent is not None and agent.account == account else None


def own_agent_id(agent: Agent | None, account: str) -> str | None:
    return agent.provider_agent_id if agent is not None and agent.account == account else None


def drafted(desk: Switchboard, spec: BatchSpec) -> Draft:
    """The spec with its agent as registered: read here, before the ledger's transaction begins."""
    return Draft(spec, desk, desk.ledger.agents.find(spec.workspace_id, spec.agent_id))


def test_terms(
    spec: TestCallSpec, name: BatchName, phone: str, desk: Switchboard, agent: Agent | None, now: datetime
) -> BatchTerms:
    """The terms of a test call's own batch; LoadRefused with every error."""
    wrong: list[FieldError] = []
    account = find_account(desk, wanted_account(desk, spec.provider, agent), spec.workspace_id, wrong)
    nbf = spec.nbf or now
    terms = BatchTerms(
        name=name,
        account=account.name if account else "",
        nbf=nbf,
        exp=spec.exp or _default_end(nbf),
        cli=spec.cli or own_caller_id(agent, account.name if account else ""),
        block_rules=_texts(spec.block_rules),
        timezone=spec.timezone,
        lane=Lane.TEST,
        retry=RetryPolicy(),
        ignore_hours=spec.ignore_hours,
        provider_agent_id=own_agent_id(agent, account.name if account else ""),
    )
    if spec.ignore_hours and phone not in desk.rules.test_numbers:
        message = "only numbers of the configuration's test_numbers may be called outside hours"
        wrong.append(FieldError("FIELD_TYPE", "ignore_hours", spec.ignore_hours, message))
    if account is not None:
        wrong.extend(_cli_errors(account, desk.providers[account.name].capabilities, terms))
    wrong.extend(_window_errors(terms, now))
    if wrong:
        raise LoadRefused(wrong)
    return terms


def read_batch(desk: Switchboard, document: object) -> BatchSpec:
    """The spec of a document; LoadRefused says in one breath what is wrong with it and with the house it is for."""
    try:
        return BatchSpec.read(document)
    except LoadRefused as refused:
        if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
            raise
        further = _refused_of_the_rest(desk, document, refused.errors)
        raise LoadRefused([*refused.errors, *further]) from None


def _refused_of_the_rest(
    desk: Switchboard, document: Mapping[Any, Any], errors: Sequence[FieldError]
) -> list[FieldError]:
    """What else would be refused once the fields in `errors` are mended."""
    faulty = {snake(error.field.split(".")[0]) for error in errors}
    if "timezone" in faulty:
        faulty.add("cron")
    sound = {snake(str(key)): value for key, value in document.items() if snake(str(key)) not in faulty}
    unnamed = {name: "-" for name in _NAME_FIELDS if name in faulty}
    try:
        draft = drafted(desk, BatchSpec.read({**sound, **unnamed}))
        draft.merge(None if unnamed else desk.ledger.batches.find(draft.name), desk.ledger.now())
    except LoadRefused as refused:
        return [error for error in refused.errors if error.field not in faulty and not _is_about(error, unnamed)]
    except BatchTerminated:
        pass  # said when the rest is mended
    return []


def _is_about(error: FieldError, unnamed: Mapping[str, str]) -> bool:
    return error.code == "PROVIDER_NOT_ALLOWED" and "workspace_id" in unnamed


def find_account(desk: Switchboard, wanted: str, workspace_id: str, wrong: list[FieldError]) -> Account | None:
    """The provider account of that name, if the workspace may use it."""
    account = desk.accounts.get(wanted)
    if account is None:
        known = ", ".join(sorted(desk.accounts)) or "none is configured"
        wrong.append(
            FieldError("PROVIDER_UNKNOWN", "provider", wanted, f"{wanted!r} is no account: expected one of {known}")
        )
    elif account.workspaces and workspace_id not in account.workspaces:
        message = f"workspace {workspace_id!r} may not use account {wanted!r}"
        wrong.append(FieldError("PROVIDER_NOT_ALLOWED", "provider", wanted, message))
        return None
    return account


def _default_end(nbf: datetime) -> datetime:
    try:
        return nbf + DEFAULT_LIFE
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _texts(rules: tuple[Any, ...] | None) -> tuple[str, ...]:
    return tuple(str(rule) for rule in rules or ())


def _cli_errors(account: Account, able: Capabilities, terms: BatchTerms) -> list[FieldError]:
    if terms.cli is None:
        if not able.needs_cli or account.caller_id:
            return []
        message = f"expected a caller ID: account {account.name!r} has no caller_id of its own"
        return [FieldError("FIELD_MISSING", "cli", None, message)]
    if able.cli_choices is not None and terms.cli not in able.cli_choices:
        known = ", ".join(sorted(able.cli_choices)) or "none"
        message = f"account {account.name!r} has no phone number for {terms.cli}: it knows {known} (phone_numbers)"
        return [FieldError("CLI_NOT_AVAILABLE", "cli", terms.cli, message)]
    return []


def _redial_errors(able: Capabilities, terms: BatchTerms) -> list[FieldError]:
    if terms.on_unknown != "redial" or able.idempotency is not None:
        return []
    message = "this provider declares no idempotency key, so an unknown cannot be dialed again: expected 'hold'"
    return [FieldError("FIELD_TYPE", "on_unknown", "redial", message)]


def _window_errors(terms: BatchTerms, now: datetime) -> list[FieldError]:
    exp = terms.exp.isoformat()
    if terms.exp <= now:
        return [FieldError("WINDOW_PAST", "exp", exp, f"has passed: it is {now.isoformat()}")]
    if terms.exp <= terms.nbf:
        return [FieldError("WINDOW_REVERSED", "exp", exp, f"expected later than nbf {terms.nbf.isoformat()}")]
    if terms.timezone is None:
        return []
    hours = batch_hours(terms, CohortZones((terms.timezone,)))
    if hours.next_open(max(terms.nbf, now), terms.exp) is None:
        message = f"leave no dialable minute between nbf and exp in {terms.timezone}"
        field = "block_rules" if terms.block_rules else "calling_hours"
        return [FieldError("NEVER_OPEN", field, list(getattr(terms, field)), message)]
    return []


def term_warnings(terms: BatchTerms, able: Capabilities) -> list[str]:
    """What is allowed but seldom meant."""
    warnings = []
    if looks_inverted(terms.block_rules):
        warnings.append(
            "LOOKS_INVERTED: block_rules forbid business hours and leave the nights open; did you mean calling_hours?"
        )
    if not able.reports_outcomes:
        warnings.append(
            "NO_OUTCOMES: this provider reports none: max_retries will not be used, accepted calls close handed_off"
        )
    return warnings
