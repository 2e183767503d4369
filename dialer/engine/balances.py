"""Credits of accounts that have a balance, read every minute: too low or too old closes the account's guard. And the
question that an account whose breaker is open must answer before one call probes it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from dialer.domain.placement import Absent, Answer, AnswerKind, Balance, Found, Sought
from dialer.domain.states import StopKind
from dialer.engine.guards import AUTH_PROBE, FIRST_BREAK, LAST_BREAK
from dialer.engine.recording import doubled
from dialer.engine.unforeseen import broken
from dialer.failpoints import reached
from dialer.ports import Switchboard, VoiceProvider
from dialer.ports.ledger import AccountState

#: A balance is read again after this long.
READ_EVERY = timedelta(minutes=1)
#: Nobody's number: who is asked about a call to it has nothing to find.
NOBODY = "+00000000000"


def read_balances(desk: Switchboard) -> list[tuple[str, Balance | Answer]]:
    """Read every balance that is due; what went wrong leaves the old one to grow stale, which closes the guard."""
    read = []
    for state in desk.ledger.accounts.all():
        provider = desk.providers.get(state.name)
        if provider is not None and _is_due(state, provider):
            told = question(provider, state.read_at, state.balance)
            reached("balances.read")
            _note(desk, state, told)
            read.append((state.name, told))
    return read


def _is_due(state: AccountState, provider: VoiceProvider) -> bool:
    able = provider.capabilities
    if _probes(state):
        return able.has_balance or able.can_find
    is_old = state.balance_at is None or state.read_at - state.balance_at >= READ_EVERY
    return able.has_balance and is_old


def _probes(state: AccountState) -> bool:
    return state.stop is StopKind.BREAKER and state.is_probing and not state.has_answered


def question(provider: VoiceProvider, now: datetime, known: float | None = None) -> Balance | Answer:
    """Whether it answers at all. Where there is no balance to read, it is asked about a call that never was."""
    try:
        if provider.capabilities.has_balance:
            return provider.balance()
        told = provider.find(Sought(str(uuid.uuid4()), NOBODY, "", claimed_at=now, left_by=now))
        if isinstance(told, Found | Absent):
            return Balance(known)
        return Answer(AnswerKind.UNKNOWN, told.detail, http_status=told.http_status)
    except Exception as error:  # noqa: BLE001 - an adapter must not raise; the other accounts are read all the same
        return broken(error)


def _note(desk: Switchboard, state: AccountState, told: Balance | Answer) -> None:
    """An answer does not lift a breaker: who can be asked may still not place calls. It lets one call find out."""
    match told:
        case Balance(credits):
            desk.ledger.accounts.set_balance(state.name, credits)
            reached("balances.written")
        case Answer() if _probes(state):
            lasting = doubled(FIRST_BREAK, state.step, LAST_BREAK)
            desk.ledger.accounts.stop(state.name, StopKind.BREAKER, f"the probe failed: {told.detail}"[:300], lasting)
        case Answer(kind=AnswerKind.AUTH) if state.stop is not StopKind.AUTH:
            desk.ledger.accounts.stop(state.name, StopKind.AUTH, f"HTTP {told.http_status} on the balance", AUTH_PROBE)
        case _:
            return
