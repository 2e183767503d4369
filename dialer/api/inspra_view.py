"""What Inspra's dialect answers: a receipt's counts, a call's reference, a batch's standing, each as headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dialer.api.problems import Kind, Problem
from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt
from dialer.errors import FieldError

#: A header names so many of them; the counts are complete.
_SHOWN: Final = 20
_COUNTS: Final = ("accepted", "already_known", "duplicates", "suppressed", "rejected")

#: For the OpenAPI document.
_MEANINGS: Final[Mapping[str, str]] = {
    "batch_id": "The batch's id.",
    "accepted": "Numbers that were new.",
    "already_known": "Numbers that the batch had before; they stay as they are.",
    "duplicates": "Numbers that came twice in this request, counted once.",
    "suppressed": "Numbers on the do-not-call list; they are never dialed.",
    "rejected": "Rows that cannot be dialed.",
    "rejections": f"The first {_SHOWN} of them and why: 4=PHONE_NOT_E164. Rows count from 1.",
    "changed": "Fields of the batch that this load changed.",
    "warnings": "Codes of what is odd, and was done all the same.",
    "call_id": "The call's id.",
    "held": "true: it is not dialed now; X-Dialer-Why says why.",
    "why": "What holds it.",
    "next_eligible_at": "When it may be dialed at the earliest. ISO 8601, UTC.",
    "state": "The batch's state now.",
    "in_flight": "Calls whose request is with the provider at this moment.",
    "handed_over": "Calls that a provider which cannot be asked may still be holding.",
}


def receipt(made: LoadReceipt) -> dict[str, str]:
    """Problem where no row was taken: to a client that reads no headers it would look like success."""
    headers = {_header(name): str(getattr(made, name)) for name in _COUNTS}
    told = [f"{one.row}={one.code}" for one in made.rejections[:_SHOWN]]
    headers |= _texts(
        batch_id=made.batch_id,
        changed=", ".join(made.changed),
        rejections=", ".join(told),
        warnings=_codes(made.warnings),
    )
    if made.rejected and not made.accepted + made.already_known:
        raise _all_rejected(made, headers)
    return headers


def reference(made: CallRef) -> dict[str, str]:
    return _texts(
        batch_id=made.batch_id,
        call_id=made.call_id,
        held="true" if made.held else "false",
        why=made.why or "",
        next_eligible_at=made.next_eligible_at.isoformat() if made.next_eligible_at else "",
    )


def standing(made: ControlReceipt) -> dict[str, str]:
    return _texts(
        batch_id=made.batch_id,
        state=made.state,
        in_flight=str(made.in_flight),
        handed_over=str(made.handed_over),
        warnings=_codes(made.warnings),
    )


def _all_rejected(made: LoadReceipt, headers: dict[str, str]) -> Problem:
    errors = [FieldError(one.code, f"callList.{one.row - 1}", one.phone, one.message) for one in made.rejections]
    first = errors[0]
    return Problem(Kind.INVALID, first.code, first.message, field=first.field, errors=errors, headers=headers)


def _codes(warnings: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(text.partition(":")[0] for text in warnings))


def _texts(**values: str) -> dict[str, str]:
    """As headers can carry them: ASCII, one line; what is empty is left out."""
    return {
        _header(name): " ".join(value.encode("ascii", "replace").decode().split())
        for name, value in values.items()
        if value
    }


def _header(name: str) -> str:
    return "X-Dialer-" + name.replace("_", "-").title()


def _done(*names: str) -> dict[int | str, dict[str, Any]]:
    """The 200 of the OpenAPI document."""
    headers = {_header(name): {"description": _MEANINGS[name], "schema": {"type": "string"}} for name in names}
    return {200: {"description": "Done. The body is empty.", "headers": headers}}


RECEIPT: Final = _done("batch_id", *_COUNTS, "rejections", "changed", "warnings")
REFERENCE: Final = _done("batch_id", "call_id", "held", "why", "next_eligible_at")
STANDING: Final = _done("batch_id", "state", "in_flight", "handed_over", "warnings")
