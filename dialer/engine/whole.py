"""A list that is taken whole or not at all: every row is read before anything is written.

What `ingest` would reject row by row refuses the list here, each mistake under its row: `call_list.3.phone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.domain.batch import Batch, BatchTerms, CohortZones
from dialer.domain.gate import timetable
from dialer.domain.receipt import LoadReceipt
from dialer.domain.spec import BatchSpec, CallSpec
from dialer.engine.ingest import load
from dialer.engine.rows import RowError, RowReader
from dialer.engine.terms import Draft, drafted
from dialer.errors import FieldError, LoadRefused
from dialer.ports import Switchboard

#: The field that a row's code is about, by how the code begins.
_FIELDS = {"PHONE": "phone", "NEVER": "phone", "VARIABLES": "variables", "MAX": "max_retries", "PRIORITY": "priority"}


def load_whole(desk: Switchboard, spec: BatchSpec, rows: Sequence[CallSpec]) -> tuple[Batch, LoadReceipt | None]:
    """Load a new batch; LoadRefused, and nothing was written. None for one of that name that is loaded already.

    A load that broke off is gone on with: repeating it makes nothing twice.
    """
    draft = drafted(desk, spec)
    known = desk.ledger.batches.find(draft.name)
    if known is not None and known.is_loaded:
        return known, None
    check(desk, draft, known, rows)
    receipt = load(desk, spec, rows)
    batch = desk.ledger.batches.get(receipt.batch_id)
    if batch is None:
        raise AssertionError("a batch that was just loaded is not there")
    return batch, receipt


def check(desk: Switchboard, draft: Draft, known: Batch | None, rows: Sequence[CallSpec]) -> None:
    """LoadRefused with everything that is wrong with the batch and its rows."""
    wrong: list[FieldError] = []
    terms: BatchTerms | None = None
    now = desk.ledger.now()
    try:
        terms = draft.merge(known, now)
    except LoadRefused as refused:
        wrong.extend(refused.errors)
    reader = RowReader(desk.rules, draft.spec.timezone)
    for index, row in enumerate(rows):
        try:
            call = reader.read(row)
            if terms is not None and not _opens(desk, terms, call.zones, now):
                zones = ", ".join(call.zones.rules)
                raise RowError("NEVER_OPEN", f"no dialable minute between nbf and exp in {zones}")
        except RowError as error:
            wrong.append(_field_error(index, row, error))
    if wrong:
        raise LoadRefused(wrong)


def _opens(desk: Switchboard, terms: BatchTerms, zones: CohortZones, now: datetime) -> bool:
    hours = timetable(terms, zones, desk.rules.legal_hours)
    return hours.next_open(max(terms.nbf, now), terms.exp) is not None


def _field_error(index: int, row: CallSpec, error: RowError) -> FieldError:
    field = _FIELDS.get(error.code.split("_")[0], "timezone")
    value = getattr(row, field)
    shown = value if isinstance(value, str | int | float | None) else None
    return FieldError(error.code, f"call_list.{index}.{field}", shown, error.message)
