"""What was attempted when, how it ended, what it cost: summed from attempts, and from what stays of pruned ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from dialer.domain.batch import BatchName
from dialer.domain.report import Quarter, Sums
from dialer.domain.states import LIVE_ATTEMPTS, UNSPENT_ATTEMPTS, AttemptState, Outcome
from dialer.ledger.columns import quarter, word, words
from dialer.ledger.tables import attempts, batches, calls
from dialer.ledger.transactions import Transactions
from dialer.ledger.upkeep_tables import SUMMED, pruned, summaries

PAGE = 500
_ONE, _ZERO = literal_column("1", Integer), literal_column("0", Integer)
_TOLD = (Outcome.ANSWERED, Outcome.VOICEMAIL, Outcome.NO_ANSWER, Outcome.BUSY, Outcome.DECLINED, Outcome.FAILED)


class SqlBooks:
    """`dialer.ports.upkeep.Books`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def quarters(self, workspace_id: str, start: datetime, end: datetime) -> Iterator[Quarter]:
        found: dict[str, list[Quarter]] = {}
        after = ""
        while page := self._batches(workspace_id, start, after):
            for batch_id, name in page:
                found[batch_id] = self._of_batch(batch_id, name, start, end)
            after = page[-1][0]
        # Last, and in their place: what was pruned meanwhile may have been read before or not.
        found.update(self._kept(workspace_id, start, end))
        for batch_id in sorted(found):
            yield from found[batch_id]

    def _batches(self, workspace_id: str, start: datetime, after: str) -> list[tuple[str, BatchName]]:
        """Those that were not over before. (An attempt may be older than its batch, where a backup was restored.)"""
        b = batches.c
        may_be = b.workspace_id == workspace_id, or_(b.completed_at.is_(None), b.completed_at >= start)
        query = select(b.batch_id, b.agent_id, b.batch_ref).where(*may_be)
        query = query.order_by(b.batch_id).limit(PAGE)
        with self._transactions.read() as connection:
            rows = connection.execute(query.where(b.batch_id > after) if after else query).all()
        return [(row.batch_id, BatchName(workspace_id, row.agent_id, row.batch_ref)) for row in rows]

    def _of_batch(self, batch_id: str, name: BatchName, start: datetime, end: datetime) -> list[Quarter]:
        a = attempts.c
        query = sums_of(batch_id).where(a.claimed_at >= start, a.claimed_at < end)
        with self._transactions.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_quarter_of(batch_id, name, row) for row in rows]

    def _kept(self, workspace_id: str, start: datetime, end: datetime) -> dict[str, list[Quarter]]:
        s, p = summaries.c, pruned.c
        query = (
            select(summaries, p.agent_id, p.batch_ref)
            .join_from(summaries, pruned, p.batch_id == s.batch_id)
            .where(p.workspace_id == workspace_id, s.starts_at >= start, s.starts_at < end)
            .order_by(s.batch_id, s.starts_at)
        )
        gone = select(p.batch_id).where(p.workspace_id == workspace_id)
        with self._transactions.read() as connection:
            rows = connection.execute(query).mappings().all()
            found: dict[str, list[Quarter]] = {batch_id: [] for batch_id in connection.execute(gone).scalars().all()}
        for row in rows:
            name = BatchName(workspace_id, row["agent_id"], row["batch_ref"])
            found.setdefault(row["batch_id"], []).append(_quarter_of(row["batch_id"], name, row))
        return found


def sums_of(batch_id: str) -> Select[Any]:
    """By the quarter of an hour in which they were claimed. A batch whose row is gone has none: its sums are kept."""
    a = attempts.c
    exact = [
        func.sum(_whole(a.duration_seconds, 1000)).label("milliseconds"),
        func.sum(_whole(a.credits_charged, 1_000_000)).label("microcredits"),
    ]
    starts_at: ColumnElement[Any] = quarter(a.claimed_at).label("starts_at")
    summed: Select[Any] = (
        select(starts_at, *(func.sum(case((_IS[name], _ONE), else_=_ZERO)).label(name) for name in SUMMED), *exact)
        .join_from(calls, attempts, a.call_id == calls.c.call_id)
        .join(batches, batches.c.batch_id == calls.c.batch_id)
        .where(calls.c.batch_id == batch_id, a.state.not_in(words(UNSPENT_ATTEMPTS)))
        .group_by(starts_at)
        .order_by(starts_at)
    )
    return summed


def keep_sums(connection: Connection, batch_id: str) -> None:
    """In the transaction that removes the batch's row."""
    rows = connection.execute(sums_of(batch_id)).mappings().all()
    if rows:
        connection.execute(summaries.insert(), [{"batch_id": batch_id, **row} for row in rows])


def _whole(column: ColumnElement[Any], times: int) -> ColumnElement[int]:
    return func.coalesce(cast(func.round(column * times), BigInteger), _ZERO)


def _ended(outcome: Outcome) -> ColumnElement[bool]:
    return and_(attempts.c.state == word(AttemptState.ENDED), attempts.c.outcome == word(outcome))


def _conditions() -> dict[str, ColumnElement[bool]]:
    """Each attempt is under one of these beside the first."""
    state = attempts.c.state
    ended = {outcome.value: _ended(outcome) for outcome in _TOLD}
    told = [attempts.c.outcome == word(outcome) for outcome in _TOLD]
    untold = and_(state == word(AttemptState.ENDED), or_(attempts.c.outcome.is_(None), not_(or_(*told))))
    return {
        "attempts": state == state,
        **ended,
        "handed_off": state == word(AttemptState.HANDED_OFF),
        "rejected": state == word(AttemptState.REJECTED),
        "unresolved": or_(state == word(AttemptState.UNRESOLVED), untold),
        "under_way": state.in_(words(LIVE_ATTEMPTS)),
    }


_IS = _conditions()


def _quarter_of(batch_id: str, name: BatchName, row: Any) -> Quarter:
    counts: Sequence[int] = [int(row[column] or 0) for column in (*SUMMED, "milliseconds", "microcredits")]
    return Quarter(batch_id, name, row["starts_at"], Sums(*counts))
