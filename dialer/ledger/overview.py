"""The whole ledger at a glance: counted from the rows in flight, whatever else there is."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from dialer.domain.states import CallState
from dialer.ledger.tables import IN_FLIGHT, calls, in_flight
from dialer.ledger.transactions import Transactions


class SqlOverview:
    """`dialer.ports.upkeep.Overview`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def in_flight(self) -> Mapping[CallState, int]:
        query = select(calls.c.state, func.count()).where(in_flight()).group_by(calls.c.state)
        with self._transactions.read() as connection:
            counted = {CallState(state): count for state, count in connection.execute(query).all()}
        return dict.fromkeys(IN_FLIGHT, 0) | counted
