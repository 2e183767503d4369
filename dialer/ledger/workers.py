"""Heartbeats of workers, and the lease of the leading scheduler with its term."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, select, update

from dialer.domain.states import Lane
from dialer.ledger.columns import clock
from dialer.ledger.schema import head
from dialer.ledger.tables import lease, workers
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import WorkerRow


class SqlWorkers:
    """`dialer.ports.ledger.Workers`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def beat(self, worker: str, boot_id: str, lanes: Sequence[Lane]) -> None:
        beaten: dict[str, Any] = {
            "boot_id": boot_id,
            "lanes": ",".join(lane.word for lane in lanes),
            "stopped_at": None,
            "revision": head(),
        }
        with self._transactions.write() as connection:
            beaten |= {"beat_at": now_of(connection)}
            upsert = self._transactions.backend.insert(workers).values(worker=worker, **beaten)
            connection.execute(upsert.on_conflict_do_update(index_elements=["worker"], set_=beaten))

    def stopped(self, worker: str, boot_id: str) -> None:
        w = workers.c
        with self._transactions.write() as connection:
            this = update(workers).where(w.worker == worker, w.boot_id == boot_id)
            connection.execute(this.values(stopped_at=now_of(connection)))

    def all(self, dead_after: timedelta) -> list[WorkerRow]:
        query = select(workers, clock().label("now")).order_by(workers.c.worker)
        with self._transactions.read() as connection:
            return [_worker_of(row, dead_after) for row in connection.execute(query).mappings().all()]

    def lead(self, holder: str, lasting: timedelta) -> int | None:
        with self._transactions.write() as connection:
            row = connection.execute(select(lease).with_for_update()).mappings().one()
            now, holds, until = now_of(connection), row[lease.c.holder], row[lease.c.until]
            in_force = holds is not None and until is not None and until > now
            if in_force and holds != holder:
                return None
            # A lease that ran out may have been somebody else's in between: it begins anew, with a new term.
            term: int = row[lease.c.term] if in_force else row[lease.c.term] + 1
            connection.execute(update(lease).values(holder=holder, term=term, until=now + lasting))
            return term

    def resign(self, holder: str) -> None:
        with self._transactions.write() as connection:
            connection.execute(update(lease).where(lease.c.holder == holder).values(holder=None, until=None))

    def ticked(self, holder: str) -> None:
        with self._transactions.write() as connection:
            this = update(lease).where(lease.c.holder == holder)
            connection.execute(this.values(ticked_at=now_of(connection)))

    def last_tick(self) -> datetime | None:
        with self._transactions.read() as connection:
            ticked_at: datetime | None = connection.execute(select(lease.c.ticked_at)).scalar_one()
        return ticked_at


def _worker_of(row: RowMapping, dead_after: timedelta) -> WorkerRow:
    w = workers.c
    return WorkerRow(
        worker=row[w.worker],
        boot_id=row[w.boot_id],
        lanes=tuple(Lane.of(word) for word in row[w.lanes].split(",") if word),
        beat_at=row[w.beat_at],
        is_alive=row[w.stopped_at] is None and row[w.beat_at] >= row["now"] - dead_after,
        revision=row[w.revision],
        is_stopped=row[w.stopped_at] is not None,
    )
