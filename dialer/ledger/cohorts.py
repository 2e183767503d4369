"""Gates of many numbers on one row: which spans are over, and the next one written."""

from __future__ import annotations

from sqlalchemy import select, update

from dialer.domain.batch import Cohort, Span, StaleCohort
from dialer.domain.states import BatchState
from dialer.ledger.columns import clock, words
from dialer.ledger.rows import cohort_of, span_columns, terms_of
from dialer.ledger.tables import batches, cohorts
from dialer.ledger.transactions import Transactions


class SqlCohorts:
    """`dialer.ports.ledger.Cohorts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def stale(self, limit: int) -> list[StaleCohort]:
        query = (
            select(cohorts, batches)
            .join_from(batches, cohorts, cohorts.c.batch_id == batches.c.batch_id)
            .where(batches.c.state.in_(words([BatchState.ACTIVE, BatchState.PAUSED])))
            .where(cohorts.c.closes_at <= clock())
            .order_by(cohorts.c.closes_at)
            .limit(limit)
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [StaleCohort(cohort_of(row), terms_of(row)) for row in rows]

    def set_span(self, cohort: Cohort, span: Span | None) -> bool:
        c = cohorts.c
        read = span_columns(cohort.span)
        renewed = update(cohorts).where(
            c.cohort_id == cohort.cohort_id,
            c.opens_at.is_not_distinct_from(read["opens_at"]),
            c.closes_at.is_not_distinct_from(read["closes_at"]),
        )
        with self._transactions.write() as connection:
            return connection.execute(renewed.values(**span_columns(span))).rowcount == 1
