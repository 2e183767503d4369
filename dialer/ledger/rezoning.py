"""A batch's timezone changed before anything of it was tried: its calls go to the cohorts of their zones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select, update

from dialer.domain.batch import Batch, CohortZones
from dialer.domain.call import NewCall
from dialer.domain.states import CallState
from dialer.ledger.columns import word
from dialer.ledger.loads import cohort_ids, rewrite
from dialer.ledger.tables import calls
from dialer.ledger.transactions import now_of
from dialer.ports.ledger import NextSpan, ZonesOf

#: Calls that are moved by one statement.
_AT_ONCE = 500


def rezone(connection: Connection, batch: Batch, timezone: str, zones_of: ZonesOf, next_span: NextSpan) -> None:
    """Within the caller's transaction, the batch's exclusive barrier held."""
    rewrite(connection, batch.batch_id, timezone=timezone)
    moved = replace(batch, terms=replace(batch.terms, timezone=timezone))
    c = calls.c
    open_calls = select(c.call_id, c.phone, c.timezone).where(
        c.batch_id == batch.batch_id, c.state != word(CallState.CLOSED)
    )
    rows = connection.execute(open_calls.order_by(c.call_id)).all()
    by_zones: dict[CohortZones, list[str]] = defaultdict(list)
    for call_id, phone, own in rows:
        by_zones[zones_of(phone, own)].append(call_id)
    new = [NewCall("", zones) for zones in by_zones]
    cohorts = cohort_ids(connection, moved, new, next_span, now_of(connection))
    for zones, call_ids in by_zones.items():
        _move(connection, cohorts[zones], call_ids)


def _move(connection: Connection, cohort_id: int, call_ids: Sequence[str]) -> None:
    for start in range(0, len(call_ids), _AT_ONCE):
        these = calls.c.call_id.in_(call_ids[start : start + _AT_ONCE])
        connection.execute(update(calls).where(these).values(cohort_id=cohort_id))
