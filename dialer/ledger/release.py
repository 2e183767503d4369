"""From ready to queued: what accounts have in use, what is due in open cohorts, and the mark before the push."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import String, bindparam, func, select

from dialer.domain.call import DueCohort, Queued
from dialer.domain.states import CallState, Lane
from dialer.ledger.columns import texts, word
from dialer.ledger.direct import Statement
from dialer.ledger.moves import move, moved
from dialer.ledger.rows import LANE
from dialer.ledger.tables import batches, calls, in_flight
from dialer.ledger.transactions import Transactions
from dialer.ports.ledger import AccountLoad

_IS_TEST = (word(Lane.TEST) == LANE).label("is_test")
_LOAD = Statement(
    select(batches.c.account, calls.c.state, _IS_TEST, func.count().label("count"))
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .where(in_flight(), batches.c.account.op("IN")(texts(bindparam("accounts", type_=String))))
    .group_by(batches.c.account, calls.c.state, _IS_TEST)
)


class SqlRelease:
    """`dialer.ports.ledger.Release`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def load_of(self, accounts: Sequence[str]) -> Mapping[str, AccountLoad]:
        counts: dict[str, dict[str, int]] = {account: {} for account in accounts}
        with self._transactions.direct() as direct:
            found = direct.rows(_LOAD, {"accounts": json.dumps(list(accounts))})
        for row in found:
            of, state, count = counts[row[batches.c.account]], row[calls.c.state], row["count"]
            of[state] = of.get(state, 0) + count
            if row["is_test"] and state == CallState.QUEUED:
                of["tests"] = of.get("tests", 0) + count
        return {account: _load(of) for account, of in counts.items()}

    def due(self, rooms: Mapping[str, int], least: int, most_cohorts: int = 1000) -> list[DueCohort]:
        with self._transactions.direct() as direct:
            return self._transactions.backend.due(direct, rooms, least, most_cohorts)

    def enqueue(self, turns: Sequence[DueCohort]) -> list[Queued]:
        if not turns:
            return []
        wanted = Counter((turn.cohort_id, turn.lane) for turn in turns)
        with self._transactions.direct() as direct:
            marked = self._transactions.backend.mark(direct, [(*one, most) for one, most in wanted.items()])
        queued = {
            one: iter([Queued(call_id, push_seq, one[1]) for call_id, push_seq in found])
            for one, found in marked.items()
        }
        nobody: Iterator[Queued] = iter(())
        in_turn = (next(queued.get((turn.cohort_id, turn.lane), nobody), None) for turn in turns)
        return [call for call in in_turn if call is not None]

    def recall(self, account: str, limit: int) -> int:
        c = calls.c
        with self._transactions.write() as connection:
            chosen = (
                select(c.call_id)
                .join_from(calls, batches, batches.c.batch_id == c.batch_id)
                .where(in_flight(), c.state == word(CallState.QUEUED), batches.c.account == account)
                .limit(limit)
                .with_for_update(of=calls, skip_locked=True)
                .cte("chosen")
            )
            recalls = move([CallState.QUEUED], CallState.READY).where(c.call_id.in_(select(chosen.c.call_id)))
            return moved(connection, recalls)


def _load(of: Mapping[str, int]) -> AccountLoad:
    return AccountLoad(
        queued=of.get(CallState.QUEUED, 0),
        dialing=of.get(CallState.DIALING, 0),
        in_progress=of.get(CallState.IN_PROGRESS, 0) + of.get(CallState.UNKNOWN, 0),
        queued_tests=of.get("tests", 0),
    )
