"""From ready to queued: what accounts have in use, the heads of open cohorts, and the mark before the push."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, func, select

from dialer.domain.call import Queued, ReadyHead
from dialer.domain.states import CallState, Lane
from dialer.ledger.columns import ids, word
from dialer.ledger.moves import move
from dialer.ledger.rows import LANE
from dialer.ledger.tables import batches, calls, in_flight
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import AccountLoad


class SqlRelease:
    """`dialer.ports.ledger.Release`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def load_of(self, accounts: Sequence[str]) -> Mapping[str, AccountLoad]:
        is_test = (word(Lane.TEST) == LANE).label("is_test")
        query = (
            select(batches.c.account, calls.c.state, is_test, func.count())
            .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
            .where(in_flight(), batches.c.account.in_(accounts))
            .group_by(batches.c.account, calls.c.state, is_test)
        )
        counts: dict[str, dict[str, int]] = {account: {} for account in accounts}
        with self._transactions.read() as connection:
            for account, state, tests, count in connection.execute(query).all():
                of = counts[account]
                of[state] = of.get(state, 0) + count
                if tests and state == CallState.QUEUED:
                    of["tests"] = of.get("tests", 0) + count
        return {account: _load(of) for account, of in counts.items()}

    def heads(self, account: str, lane: Lane, per_cohort: int, limit_cohorts: int = 1000) -> list[ReadyHead]:
        with self._transactions.read() as connection:
            return self._transactions.backend.heads(connection, account, lane, per_cohort, limit_cohorts)

    def enqueue(self, heads: Sequence[ReadyHead]) -> list[Queued]:
        if not heads:
            return []
        c = calls.c
        with self._transactions.write() as connection:
            chosen = (
                select(c.call_id)
                .where(c.call_id.op("IN", is_comparison=True)(ids(json.dumps([head.call_id for head in heads]))))
                .where(_is_ready())
                .with_for_update(skip_locked=True)  # many rows at once: waiting for any of them could be a deadlock
                .cte("chosen")
            )
            queues = move([CallState.READY], CallState.QUEUED).where(c.call_id.in_(select(chosen.c.call_id)))
            queues = queues.values(push_seq=c.push_seq + 1, queued_at=now_of(connection))
            moved = connection.execute(queues.returning(c.call_id, c.batch_id, c.push_seq, c.lane)).all()
            of_batch = select(batches.c.batch_id, batches.c.lane)
            of_batch = of_batch.where(batches.c.batch_id.in_({batch_id for _, batch_id, _, _ in moved}))
            lanes = dict(connection.execute(of_batch).all())
        queued = {
            call_id: Queued(call_id, push_seq, Lane(lanes[batch_id] if lane is None else lane))
            for call_id, batch_id, push_seq, lane in moved
        }
        return [queued[head.call_id] for head in heads if head.call_id in queued]


def _is_ready() -> ColumnElement[bool]:
    """Said so that no partial index applies. Right after a big load PostgreSQL's statistics know of no ready calls, and
    it would read the index of all that are ready, a million maybe, beside the few ids that were asked for."""
    return func.coalesce(calls.c.state, "") == word(CallState.READY)


def _load(of: Mapping[str, int]) -> AccountLoad:
    return AccountLoad(
        queued=of.get(CallState.QUEUED, 0),
        dialing=of.get(CallState.DIALING, 0),
        in_progress=of.get(CallState.IN_PROGRESS, 0) + of.get(CallState.UNKNOWN, 0),
        queued_tests=of.get("tests", 0),
    )
