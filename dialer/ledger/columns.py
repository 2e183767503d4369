"""How instants, ids and words of our enumerations look in SQL, alike in Python on both databases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, String, Uuid, literal_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

#: 2026-11-23T09:00:00.000000 with a blank for the T: as text it sorts by time.
INSTANT_CHARS = 26


class Instant(TypeDecorator[datetime]):
    """An aware instant: timestamptz on PostgreSQL, UTC text of fixed width on SQLite; always UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        text = dialect.name == "sqlite"
        return dialect.type_descriptor(String(INSTANT_CHARS) if text else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"an instant needs a UTC offset, got {value.isoformat()}")
        utc = value.astimezone(UTC)
        return as_text(utc) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        instant: datetime = value
        return instant.astimezone(UTC)


def as_text(utc: datetime) -> str:
    return utc.isoformat(" ", "microseconds")[:INSTANT_CHARS]


#: Native uuid on PostgreSQL, text on SQLite, `str` in Python.
Id = Uuid(as_uuid=False).with_variant(String(36), "sqlite")


class clock(FunctionElement[datetime]):  # noqa: N801  -- reads like a SQL function
    """The ledger's clock when the statement is executed; its SQL is the dialect modules'.

    Not for index conditions: PostgreSQL calls it again for each row. Read it first and bind the instant.
    """

    type = Instant()
    inherit_cache = True


class texts(FunctionElement[str]):  # noqa: N801  -- reads like a SQL function
    """The texts of one JSON list as rows: `column.op("IN")(texts(json.dumps(…)))`; its SQL is the dialect modules'.

    One parameter, however many they are: spelling and binding thousands would cost a load a quarter of its time.
    """

    type = String()
    inherit_cache = True


class quarter(FunctionElement[datetime]):  # noqa: N801  -- reads like a SQL function
    """The beginning of the quarter of an hour that an instant lies in; its SQL is the dialect modules'."""

    type = Instant()
    inherit_cache = True


def word(member: Enum) -> ColumnElement[Any]:
    """The member's value as a SQL literal. A bound state would hide the partial indexes from a generic plan."""
    return literal_column(spelled(member))


def words(members: Iterable[Enum]) -> list[ColumnElement[Any]]:
    return [word(member) for member in members]


def spelled(*members: Enum) -> str:
    """The values as SQL text: 'a', 'b'. They are names of our own, so nothing in them needs quoting."""
    return ", ".join(f"'{member.value}'" if isinstance(member.value, str) else str(member.value) for member in members)
