"""Guards of provider accounts, and the red buttons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from dialer.domain.states import DRAIN, HoldScope, StopKind
from dialer.errors import Unknown
from dialer.ledger.columns import clock
from dialer.ledger.direct import Fields, Statement
from dialer.ledger.moves import dialing
from dialer.ledger.tables import accounts, batches, holds
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import AccountState, Hold

_OPEN_GUARD: dict[str, Any] = {"stop": None, "reason": None, "until": None, "since": None, "step": 0, "recent": ""}
#: Answers that the breaker looks back on.
LOOK_BACK = 20
_ALL = Statement(select(accounts, clock().label("now")).order_by(accounts.c.name))


class SqlAccounts:
    """`dialer.ports.ledger.Accounts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def ensure(self, name: str, minimum_balance: float | None, fingerprint: str) -> None:
        given = {"minimum_balance": minimum_balance, "fingerprint": fingerprint}
        create = self._transactions.backend.insert(accounts).values(name=name, step=0, **given)
        with self._transactions.write() as connection:
            connection.execute(create.on_conflict_do_nothing(index_elements=["name"]))
            row = locked_account(connection, name)
            changed = row[accounts.c.fingerprint] != fingerprint
            lifted = _OPEN_GUARD if changed and row[accounts.c.stop] == StopKind.AUTH else {}
            if changed or row[accounts.c.minimum_balance] != minimum_balance:
                rewrite_account(connection, name, given | lifted)

    def all(self) -> list[AccountState]:
        with self._transactions.direct() as direct:
            return [account_of(row, row["now"]) for row in direct.rows(_ALL, {})]

    def stop(self, name: str, kind: StopKind, reason: str, lasting: timedelta) -> AccountState:
        with self._transactions.write() as connection:
            row = locked_account(connection, name)
            now = now_of(connection)
            rewrite_account(connection, name, _stopped(row, kind, reason, now, now + lasting))
            return account_of(locked_account(connection, name), now)

    def lift(self, name: str, *, probed: bool = False) -> bool:
        a = accounts.c
        lifted = update(accounts).where(a.name == name, a.stop.is_not(None)).values(**_OPEN_GUARD)
        with self._transactions.write() as connection:
            if probed:
                lifted = lifted.where(a.until <= now_of(connection))
            return connection.execute(lifted).rowcount == 1

    def set_balance(self, name: str, credits: float | None) -> None:
        with self._transactions.write() as connection:
            rewrite_account(connection, name, {"balance": credits, "balance_at": now_of(connection)})

    def note(self, name: str, is_fault: bool) -> str:
        with self._transactions.write() as connection:
            known: str = locked_account(connection, name)[accounts.c.recent]
            if not is_fault and "1" not in known:
                return known
            recent = (known + ("1" if is_fault else "0"))[-LOOK_BACK:]
            recent = recent if "1" in recent else ""
            rewrite_account(connection, name, {"recent": recent})
            return recent

    def hold(self, scope: HoldScope, key: str, on: bool, above: int = 0) -> tuple[Hold, int]:
        key = "" if scope is HoldScope.ALL and key != DRAIN else key
        h = holds.c
        with self._transactions.write() as connection:
            self._transactions.backend.exclude_all(connection)
            this = h.scope == scope.value, h.key == key
            row = connection.execute(select(holds).where(*this).with_for_update()).mappings().one_or_none()
            now = now_of(connection)
            if row is None:
                pressed = {"is_on": on, "seq": above + 1, "since": now if on else None}
                connection.execute(holds.insert().values(scope=scope.value, key=key, **pressed))
            elif row[h.is_on] is not on or above > row[h.seq]:
                seq = max(row[h.seq], above) + 1
                turned = update(holds).where(*this).values(is_on=on, seq=seq, since=now if on else None)
                connection.execute(turned)
            hold = hold_of(connection.execute(select(holds).where(*this)).mappings().one())
            return hold, dialing(connection, *_under(scope, key))

    def holds(self) -> list[Hold]:
        query = select(holds).order_by(holds.c.scope, holds.c.key)
        with self._transactions.read() as connection:
            return [hold_of(row) for row in connection.execute(query).mappings().all()]


def _stopped(row: RowMapping, kind: StopKind, reason: str, now: datetime, until: datetime) -> dict[str, Any]:
    """The requests of one burst are refused together and count as one stop in a row; a later end wins."""
    a = accounts.c
    in_force = row[a.stop] is not None and row[a.until] > now
    if in_force and row[a.until] >= until:
        return {"step": row[a.step]}
    is_same = row[a.stop] == kind
    step = row[a.step] + (0 if in_force else 1) if is_same else 1
    since = row[a.since] if is_same else now
    return {"stop": kind.value, "reason": reason, "until": until, "since": since, "step": step, "recent": ""}


def locked_account(connection: Connection, name: str) -> RowMapping:
    query = select(accounts).where(accounts.c.name == name).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise Unknown(f"no account {name!r:.80} is in the ledger")
    return row


def rewrite_account(connection: Connection, name: str, columns: dict[str, Any]) -> None:
    connection.execute(update(accounts).where(accounts.c.name == name).values(**columns))


def account_of(row: Fields, now: datetime) -> AccountState:
    a = accounts.c
    return AccountState(
        name=row[a.name],
        stop=None if row[a.stop] is None else StopKind(row[a.stop]),
        reason=row[a.reason],
        until=row[a.until],
        since=row[a.since],
        step=row[a.step],
        balance=row[a.balance],
        balance_at=row[a.balance_at],
        minimum_balance=row[a.minimum_balance],
        read_at=now,
    )


def hold_of(row: RowMapping) -> Hold:
    h = holds.c
    return Hold(HoldScope(row[h.scope]), row[h.key], row[h.is_on], row[h.seq], row[h.since])


def _under(scope: HoldScope, key: str) -> tuple[Any, ...]:
    if scope is HoldScope.WORKSPACE:
        return (batches.c.workspace_id == key,)
    return (batches.c.account == key,) if scope is HoldScope.ACCOUNT else ()
