"""One call that a client asks for outside any list: a batch of its own, at once, and only where it can go out.

The account's guards are looked at here as well, since whoever asks for one call wants to know it now; what holds a call
afterwards (hours, pace, channels) holds it as any other, for a day at most.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dialer.domain.batch import BatchName
from dialer.domain.client import Agent
from dialer.domain.placement import Account
from dialer.domain.reference import as_id
from dialer.domain.spec import BatchSpec, CallSpec
from dialer.domain.states import StopKind
from dialer.domain.view import CallView, Single, single_ref
from dialer.engine.contacts import variables_of
from dialer.engine.house import BALANCE_STALE
from dialer.engine.terms import find_account, wanted_account
from dialer.engine.whole import load_whole
from dialer.errors import (
    AccountShort,
    ContactUnknown,
    FieldError,
    LoadRefused,
    PhoneNumberUnknown,
    ProviderFails,
    shown,
)
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountState

#: A single call that could not go out within this is not wanted any more.
LIFE = timedelta(days=1)


def place_single(desk: Switchboard, wanted: Single) -> CallView:
    """LoadRefused, ContactUnknown, PhoneNumberUnknown, AccountShort, ProviderFails: nothing was written."""
    agent = desk.ledger.agents.find(wanted.workspace_id, wanted.agent_id)
    account = _account(desk, wanted, agent)
    spec = BatchSpec(
        workspace_id=wanted.workspace_id,
        agent_id=wanted.agent_id,
        batch_ref=single_ref(wanted.ref),
        name=wanted.contact_id,
        cli=caller_id_of(account, wanted.phone_number_id),
        provider=account.name,
        exp=desk.ledger.now() + LIFE,
    )
    if desk.ledger.batches.find(_name_of(spec)) is None:
        check_guards(desk, account)
    batch, _ = load_whole(desk, spec, [CallSpec(phone=wanted.phone, variables=_variables(desk, wanted))])
    [record] = desk.ledger.reading.calls(batch.batch_id, limit=1)
    view = desk.ledger.views.call(wanted.workspace_id, record.call_id)
    if view is None:
        raise AssertionError("a call that was just loaded is not there")
    return view


def _variables(desk: Switchboard, wanted: Single) -> dict[str, Any] | None:
    if wanted.contact_id is None:
        return None
    contact_id = as_id(wanted.contact_id)
    contact = desk.ledger.contacts.find(wanted.workspace_id, contact_id) if contact_id else None
    if contact is None:
        raise ContactUnknown(f"no contact {shown(wanted.contact_id)} is in workspace {shown(wanted.workspace_id)}")
    return variables_of(contact) or None


def _name_of(spec: BatchSpec) -> BatchName:
    return BatchName(spec.workspace_id, spec.agent_id, spec.batch_ref)


def _account(desk: Switchboard, wanted: Single, agent: Agent | None) -> Account:
    wrong: list[FieldError] = []
    account = find_account(desk, wanted_account(desk, None, agent), wanted.workspace_id, wrong)
    if account is None:
        raise LoadRefused(wrong)
    return account


def caller_id_of(account: Account, phone_number_id: str | None) -> str | None:
    """The caller ID that a phone number's id stands for; None = the agent's or the account's. PhoneNumberUnknown."""
    if not phone_number_id or phone_number_id == account.options.get("phone_number_id"):
        return None
    known = {number_id: cli for cli, number_id in (account.options.get("phone_numbers") or {}).items()}
    if phone_number_id in known:
        return str(known[phone_number_id])
    if phone_number_id.startswith("+"):
        return phone_number_id
    raise PhoneNumberUnknown(f"account {account.name!r} has no phone number {phone_number_id!r:.100}")


def check_guards(desk: Switchboard, account: Account) -> None:
    """AccountShort, ProviderFails: the account places nothing now, and waiting would not end it by itself."""
    state = next((state for state in desk.ledger.accounts.all() if state.name == account.name), None)
    if state is None:
        return
    if state.stop is StopKind.AUTH and not state.is_probing:
        raise ProviderFails(f"account {account.name!r} is stopped: the provider refuses its keys ({state.reason})")
    if (state.stop is StopKind.CREDIT and not state.is_probing) or _is_short(state):
        raise AccountShort(f"account {account.name!r} has {_credits(state)}, below its minimum")


def _is_short(state: AccountState) -> bool:
    """By a balance that is still believed: an old one may have been topped up since."""
    if state.balance is None or state.minimum_balance is None or state.balance_at is None:
        return False
    return state.balance < state.minimum_balance and state.read_at - state.balance_at <= BALANCE_STALE


def _credits(state: AccountState) -> str:
    return "too few credits" if state.balance is None else f"{state.balance:g} credits"
