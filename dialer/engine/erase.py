"""One number erased: its own rows at once, then whatever others wrote of it, page by page, archives included.

Which forms of the number are looked for is decided here; what was found is counted, what only others can erase is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import phonenumbers
from phonenumbers import PhoneNumberFormat

from dialer.domain.phone import parse_phone
from dialer.domain.upkeep import ErasureReceipt
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.upkeep import Archive

CALLS_AT_ONCE = 5000
#: Shorter ones are found in numbers that mean something else.
_SHORTEST_FORM = 8
_NO_BRACKETS = str.maketrans("", "", "()")
OnSwept = Callable[[int], None]


def erase(
    desk: Switchboard, phone: str, archive: Archive | None = None, on_progress: OnSwept | None = None
) -> ErasureReceipt:
    """CallUnderWay: nothing was done. Whatever breaks off later is to be repeated, which is safe."""
    number = parse_phone(phone)
    erased = desk.ledger.erasure.begin(number)
    reached("erase.begun")
    forms = forms_of(number)
    elsewhere = Counter(desk.ledger.erasure.sweep(forms, erased.token, number))
    elsewhere["calls and attempts"] = _sweep_calls(desk, forms, erased.token, on_progress)
    archives = 0 if archive is None else archive.erase(number, forms, erased.token)
    left = desk.ledger.erasure.left(forms)
    desk.ledger.erasure.finish(erased.token)
    entries = desk.ledger.suppressions.entries(None, number)
    return ErasureReceipt(
        token=erased.token,
        at=desk.ledger.now(),
        calls=erased.calls,
        closed=erased.closed,
        attempts=erased.attempts,
        suppressions=erased.suppressions,
        elsewhere={name: count for name, count in elsewhere.items() if count},
        archives=archives,
        provider_calls=erased.provider_calls,
        left=tuple(left),
        is_suppressed=any(entry.workspace_id is None and entry.until is None for entry in entries),
    )


def _sweep_calls(desk: Switchboard, forms: list[str], token: str, on_progress: OnSwept | None) -> int:
    count, looked_at, after = 0, 0, None
    while True:
        found, after = desk.ledger.erasure.sweep_calls(forms, token, after, CALLS_AT_ONCE)
        count, looked_at = count + found, looked_at + CALLS_AT_ONCE
        if after is None:
            return count
        if on_progress is not None:
            on_progress(looked_at)


def forms_of(number: str) -> list[str]:
    """How others may have written it, the longest first: what is left after one was replaced holds no part of it."""
    parsed = phonenumbers.parse(number)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    written = [international, international.removeprefix("+"), national, national.translate(_NO_BRACKETS)]
    spaced = [form.replace(" ", gap) for form in written for gap in (" ", "-", ".", "")]
    forms = {number, number[1:], *spaced}
    return sorted((form for form in forms if len(form) >= _SHORTEST_FORM), key=lambda form: (-len(form), form))
