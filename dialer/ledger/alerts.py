"""Alerts and their tidings: each begins once and ends once, however many processes look, and outlives them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, not_, or_, select, tuple_, update

from dialer.domain.upkeep import Alert, AlertKind, Condition, Tiding
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.upkeep_tables import alerts, tidings

#: For so long nobody else is handed the same tiding.
HANDED_OUT = timedelta(minutes=1)
_OPEN = alerts.c.over_at.is_(None)
#: Others are a later version's to tell.
_KNOWN = alerts.c.kind.in_([kind.value for kind in AlertKind])


class SqlAlerts:
    """`dialer.ports.upkeep.Alerts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def observe(self, kinds: Sequence[AlertKind], found: Sequence[Condition], channels: Sequence[str]) -> list[Alert]:
        wanted = {condition.key: condition for condition in found}
        if {alert.key for alert in self.open() if alert.kind in kinds} == set(wanted):
            return []  # looked at every few seconds, and nearly always so
        with self._transactions.write() as connection:
            ended = _end(connection, kinds, wanted)
            began = [alert_id for each in wanted.values() if (alert_id := self._begin(connection, each)) is not None]
            _announce(connection, began, channels)
            rows = connection.execute(select(alerts).where(alerts.c.alert_id.in_([*ended, *began])))
            return [_alert_of(row) for row in rows.mappings().all()]

    def open(self) -> list[Alert]:
        query = select(alerts).where(_OPEN, _KNOWN).order_by(alerts.c.began_at, alerts.c.alert_id)
        with self._transactions.read() as connection:
            return [_alert_of(row) for row in connection.execute(query).mappings().all()]

    def due(self, channels: Sequence[str], limit: int) -> list[Tiding]:
        t = tidings.c
        with self._transactions.read() as connection:
            due = _due(channels).where(t.due_at <= now_of(connection)).limit(limit)
            if not connection.execute(due).scalars().all():
                return []
        with self._transactions.write() as connection:
            now = now_of(connection)
            chosen = _due(channels).where(t.due_at <= now).limit(limit).with_for_update(of=tidings, skip_locked=True)
            ids = list(connection.execute(chosen).scalars().all())
            connection.execute(update(tidings).where(t.tiding_id.in_(ids)).values(due_at=now + HANDED_OUT))
            whole = select(tidings, alerts).join_from(tidings, alerts, alerts.c.alert_id == t.alert_id)
            rows = connection.execute(whole.where(t.tiding_id.in_(ids)).order_by(t.tiding_id)).mappings().all()
        return [_tiding_of(row) for row in rows]

    def told(self, tiding_id: int) -> None:
        t = tidings.c
        with self._transactions.write() as connection:
            said = {"due_at": None, "told_at": now_of(connection), "detail": None}
            connection.execute(update(tidings).where(t.tiding_id == tiding_id).values(tries=t.tries + 1, **said))

    def later(self, tiding_id: int, after: timedelta | None, detail: str) -> None:
        t = tidings.c
        with self._transactions.write() as connection:
            due_at = None if after is None else now_of(connection) + after
            this = update(tidings).where(t.tiding_id == tiding_id, t.told_at.is_(None))
            connection.execute(this.values(due_at=due_at, tries=t.tries + 1, detail=detail))

    def _begin(self, connection: Connection, condition: Condition) -> int | None:
        """Its id; None where it has begun before."""
        new = self._transactions.backend.insert(alerts).values(
            kind=condition.kind.value,
            subject=condition.subject,
            detail=condition.detail,
            began_at=now_of(connection),
        )
        new = new.on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=_OPEN)
        alert_id: int | None = connection.execute(new.returning(alerts.c.alert_id)).scalar_one_or_none()
        return alert_id


def _end(connection: Connection, kinds: Sequence[AlertKind], wanted: Iterable[tuple[AlertKind, str]]) -> list[int]:
    a, t, now = alerts.c, tidings.c, now_of(connection)
    gone = and_(_OPEN, a.kind.in_([kind.value for kind in kinds]))
    if keys := [(kind.value, subject) for kind, subject in wanted]:
        gone = and_(gone, not_(tuple_(a.kind, a.subject).in_(keys)))
    ended = list(connection.execute(update(alerts).where(gone).values(over_at=now).returning(a.alert_id)).scalars())
    began = select(t.alert_id, t.channel).where(t.alert_id.in_(ended), not_(t.is_over))
    _write(connection, connection.execute(began).all(), is_over=True)
    return ended


def _announce(connection: Connection, began: Sequence[int], channels: Sequence[str]) -> None:
    _write(connection, [(alert_id, channel) for alert_id in began for channel in channels], is_over=False)


def _write(connection: Connection, pairs: Sequence[Any], *, is_over: bool) -> None:
    whole = {"is_over": is_over, "tries": 0, "due_at": now_of(connection)}
    if pairs:
        connection.execute(insert(tidings), [{"alert_id": alert, "channel": way} | whole for alert, way in pairs])


def _due(channels: Sequence[str]) -> Any:
    t, first = tidings.c, tidings.alias("first")
    before = select(first.c.tiding_id).where(
        first.c.alert_id == t.alert_id, first.c.channel == t.channel, not_(first.c.is_over), first.c.due_at.is_not(None)
    )
    in_turn = or_(not_(t.is_over), not_(before.correlate(tidings).exists()))
    chosen = select(t.tiding_id).join_from(tidings, alerts, and_(alerts.c.alert_id == t.alert_id, _KNOWN))
    return chosen.where(t.due_at.is_not(None), t.channel.in_(channels), in_turn).order_by(t.due_at)


def _alert_of(row: RowMapping) -> Alert:
    a = alerts.c
    return Alert(
        row[a.alert_id], AlertKind(row[a.kind]), row[a.subject], row[a.detail], row[a.began_at], row[a.over_at]
    )


def _tiding_of(row: RowMapping) -> Tiding:
    t = tidings.c
    return Tiding(row[t.tiding_id], row[t.channel], row[t.is_over], row[t.tries], _alert_of(row))
