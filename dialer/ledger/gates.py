"""The gates that the ledger itself knows, in words: batch, holds, the account's guard, the cohort's span."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, or_, select

from dialer.domain.states import DRAIN, BatchState, CloseReason, HoldScope
from dialer.ledger.columns import word
from dialer.ledger.direct import Fields
from dialer.ledger.tables import accounts, batches, cohorts, holds, ledger

#: A balance older than this is not known.
BALANCE_HOLDS = timedelta(seconds=180)

_PRESSED = or_(
    holds.c.scope == word(HoldScope.ALL),
    and_(holds.c.scope == word(HoldScope.WORKSPACE), holds.c.key == batches.c.workspace_id),
    and_(holds.c.scope == word(HoldScope.ACCOUNT), holds.c.key == batches.c.account),
)

#: The scope of a red button that holds the batch, or that it is the drain; else NULL.
HELD: ColumnElement[str | None] = (
    select(case((and_(holds.c.scope == word(HoldScope.ALL), holds.c.key == DRAIN), DRAIN), else_=holds.c.scope))
    .where(holds.c.is_on, _PRESSED)
    .order_by(holds.c.key)
    .limit(1)
    .correlate(batches)
    .scalar_subquery()
    .label("held")
)

#: Why this ledger is in doubt, else NULL.
DOUBT: ColumnElement[str | None] = select(ledger.c.doubt).scalar_subquery().label("doubt")


def over(row: Fields, now: datetime) -> CloseReason | None:
    """Why a call of this batch is not to be dialed ever again."""
    if row[batches.c.state] == BatchState.TERMINATED:
        return CloseReason.TERMINATED
    if now >= row[batches.c.exp]:
        return CloseReason.EXPIRED
    return None


def closed_gate(row: Fields, now: datetime) -> str | None:
    """The first closed gate in words, None when all are open. The row joins batch, cohort and account, with HELD."""
    return _doubt(row) or _batch_gate(row) or _guard(row, now) or _span_gate(row, now)


def _doubt(row: Fields) -> str | None:
    return f"the ledger is in doubt: {row['doubt']}" if row["doubt"] is not None else None


def _batch_gate(row: Fields) -> str | None:
    b = batches.c
    if row[b.state] == BatchState.PAUSED:
        return f"the batch is paused: {row[b.pause_reason]}" if row[b.pause_reason] else "the batch is paused"
    if row[b.state] != BatchState.ACTIVE:
        return f"the batch is {row[b.state]}"
    if not row[b.is_loaded]:
        return "the batch's first load is unfinished"
    if row[b.cron] is not None:
        return "the batch is a template: only its runs are dialed"
    if row["held"] == DRAIN:
        return "the dialer is drained"
    if row["held"] is not None:
        return f"held by the red button: {row['held']}"
    return None


def _guard(row: Fields, now: datetime) -> str | None:
    a, name = accounts.c, row[batches.c.account]
    if row[a.name] is None:
        return f"account {name} was never set up in this ledger"
    if row[a.stop] is not None and row[a.until] > now:
        return f"account {name} is stopped ({row[a.stop]}): {row[a.reason]}"
    return _balance_gate(row, now)


def _balance_gate(row: Fields, now: datetime) -> str | None:
    a, name = accounts.c, row[batches.c.account]
    if row[a.minimum_balance] is None:
        return None
    if row[a.balance_at] is None or row[a.balance_at] < now - BALANCE_HOLDS:
        return f"the balance of account {name} is not known"
    if row[a.balance] is not None and row[a.balance] < row[a.minimum_balance]:
        return f"the balance of account {name} is {row[a.balance]:g}, below {row[a.minimum_balance]:g}"
    return None


def open_seconds(row: Fields, now: datetime) -> float:
    """For how long the cohort's window stays open; 0 = it is closed."""
    if _span_gate(row, now) is not None:
        return 0.0
    left: timedelta = row[cohorts.c.closes_at] - now
    return left.total_seconds()


def _span_gate(row: Fields, now: datetime) -> str | None:
    opens_at, closes_at = row[cohorts.c.opens_at], row[cohorts.c.closes_at]
    if opens_at is None:
        return "its window never opens again"
    if now < opens_at:
        return f"its window is closed until {opens_at.isoformat()}"
    if now >= closes_at:
        return f"its window closed at {closes_at.isoformat()}"
    return None
