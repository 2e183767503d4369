"""What the counters of an account keep of what its batches' tallies do not hold any more, so that they never fall.

That is the tally of each batch that was pruned, and each ending that was taken back (a requeue, an operator's word, an
answer that came late): it did happen. Appended, like the tallies' deltas, and gathered when a batch is pruned.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, insert, select, union_all

from dialer.ledger.tables import batches
from dialer.ledger.tally_tables import TOTALLED, tallies, tally_deltas, totals


def keep_endings(connection: Connection, batch_id: str, delta: Mapping[str, int]) -> None:
    """Whatever this delta of the batch's tally takes back of its endings is kept."""
    kept = {name: -by for name, by in delta.items() if by < 0 and name in TOTALLED}
    if kept:
        _keep(connection, _account_of(connection, batch_id), kept)


def keep_tally(connection: Connection, batch_id: str) -> None:
    """In the transaction that removes the batch's row: its tally becomes its account's, in one row."""
    account = _account_of(connection, batch_id)
    t = totals.c
    gathered = delete(totals).where(t.account == account).returning(*(t[name] for name in TOTALLED))
    parts = connection.execute(gathered).all()
    own = union_all(
        *(select(*(table.c[name] for name in TOTALLED)).where(table.c.batch_id == batch_id) for table in _COUNTED)
    ).subquery()
    parts = [*parts, connection.execute(select(*(func.sum(own.c[name]) for name in TOTALLED))).one()]
    _keep(connection, account, {name: sum(int(part[at] or 0) for part in parts) for at, name in enumerate(TOTALLED)})


_COUNTED = (tallies, tally_deltas)


def _keep(connection: Connection, account: str, counts: Mapping[str, int]) -> None:
    connection.execute(insert(totals).values(account=account, **counts))


def _account_of(connection: Connection, batch_id: str) -> str:
    return str(connection.execute(select(batches.c.account).where(batches.c.batch_id == batch_id)).scalar_one())
