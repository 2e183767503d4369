"""The whole ledger at a glance: counted from the rows in flight, whatever else there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, select

from dialer.domain.batch import Batch
from dialer.domain.states import AttemptState, BatchState, CallState, Lane
from dialer.ledger.columns import word
from dialer.ledger.rows import LANE, batch_of
from dialer.ledger.tables import IN_FLIGHT, UNDRAINED, attempts, batches, calls, in_flight, lease, live
from dialer.ledger.transactions import Transactions
from dialer.ports.upkeep import Lease


class SqlOverview:
    """`dialer.ports.upkeep.Overview`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def in_flight(self) -> Mapping[CallState, int]:
        query = select(calls.c.state, func.count()).where(in_flight()).group_by(calls.c.state)
        with self._transactions.read() as connection:
            counted = {CallState(state): count for state, count in connection.execute(query).all()}
        return dict.fromkeys(IN_FLIGHT, 0) | counted

    def queued_by_lane(self) -> dict[Lane, int]:
        lane = LANE.label("own_lane")
        query = select(lane, func.count()).join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
        queued = query.where(in_flight(), calls.c.state == word(CallState.QUEUED)).group_by(lane)
        with self._transactions.read() as connection:
            return {Lane(number): count for number, count in connection.execute(queued).all()}

    def dialing_by_worker(self) -> dict[str, int]:
        a = attempts.c
        query = select(a.worker, func.count()).where(live(), a.state == word(AttemptState.DIALING)).group_by(a.worker)
        with self._transactions.read() as connection:
            return {str(worker): count for worker, count in connection.execute(query).all()}

    def lease(self) -> Lease:
        with self._transactions.read() as connection:
            row = connection.execute(select(lease)).mappings().one()
        return Lease(row[lease.c.holder], row[lease.c.term], row[lease.c.ticked_at])

    def open_batches(self, workspace_id: str | None, limit: int) -> tuple[list[Batch], int]:
        b, c = batches.c, calls.c
        open_now: list[Any] = [UNDRAINED, b.state != word(BatchState.COMPLETED)]
        if workspace_id is not None:
            open_now.append(b.workspace_id == workspace_id)
        busy = select(c.call_id).where(in_flight(), c.batch_id == b.batch_id).correlate(batches).exists()
        first = case((busy, 0), else_=1)
        query = select(batches).where(*open_now).order_by(first, b.batch_id.desc()).limit(limit)
        with self._transactions.read() as connection:
            rows = connection.execute(query).mappings().all()
            count = connection.execute(select(func.count()).select_from(batches).where(*open_now)).scalar_one()
        return [batch_of(row) for row in rows], count
