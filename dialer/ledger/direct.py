"""The statements of a dispatch and a release, spelled by SQLAlchemy once and run by the driver, at a tenth of the CPU.

What a dialect's driver wants to be given and gives back is the dialect modules' matter; what is read and written here
is the same on both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Protocol, TypeVar

from sqlalchemy import ClauseElement, Dialect, Engine
from sqlalchemy.sql.type_api import TypeEngine

_numbers = count(1)
Reader = Callable[[Any], Any]


class Repeated(Exception):
    """What must be unique is there already."""


class Fields(Protocol):
    """A row of ours or of SQLAlchemy's: its values by column, or by label."""

    def __getitem__(self, key: Any, /) -> Any: ...


class Row:
    """A row as the driver gave it; a value is made Python's own when somebody looks at it."""

    __slots__ = ("_index", "_readers", "_values")

    def __init__(self, values: Sequence[Any], index: Mapping[Any, int], readers: Sequence[Reader]) -> None:
        self._values, self._index, self._readers = values, index, readers

    def __getitem__(self, key: Any) -> Any:
        place = self._index[key]
        value = self._values[place]
        return None if value is None else self._readers[place](value)

    def as_given(self, places: slice) -> tuple[Any, ...]:
        """Unread, to be known again by."""
        return tuple(self._values[places])


class Statement:
    """One statement of SQLAlchemy's with its parameters by name; `columns`: what it returns, for an UPDATE to say."""

    def __init__(self, clause: Any, columns: Sequence[Any] | None = None) -> None:
        self._clause = clause
        self.columns: tuple[Any, ...] = tuple(getattr(clause, "selected_columns", ()) if columns is None else columns)
        #: of a prepared statement
        self.name = f"dialer_{next(_numbers)}"
        self._spelled: dict[str, Spelled] = {}

    def spelled(self, dialect: Dialect, readers: Callable[[TypeEngine[Any]], Reader]) -> Spelled:
        found = self._spelled.get(dialect.name)
        if found is None:
            found = self._spelled[dialect.name] = spell(self, self._clause, dialect, readers)
        return found


@dataclass(frozen=True)
class Spelled:
    """A statement in one dialect."""

    name: str
    text: str
    #: of its parameters, in their order
    names: tuple[str, ...]
    #: what the clause itself says of them
    known: Mapping[str, Any]
    index: Mapping[Any, int]
    readers: tuple[Reader, ...]

    @cached_property
    def encoded(self) -> bytes:
        return self.name.encode()

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        known = self.known
        return [values[name] if name in values else known[name] for name in self.names]

    def row(self, values: Sequence[Any]) -> Row:
        return Row(values, self.index, self.readers)


def spell(
    statement: Statement, clause: ClauseElement, dialect: Dialect, readers: Callable[[TypeEngine[Any]], Reader]
) -> Spelled:
    compiled = clause.compile(dialect=dialect)
    index: dict[Any, int] = {}
    for place, column in enumerate(statement.columns):
        index[column] = place
        if column.key is not None and getattr(column, "table", None) is None:
            index[column.key] = place
    return Spelled(
        name=statement.name,
        text=str(compiled),
        names=tuple(getattr(compiled, "positiontup", None) or ()),
        known=dict(compiled.params),
        index=index,
        readers=tuple(readers(column.type) for column in statement.columns),
    )


class Direct(Protocol):
    """One connection of the driver's own. Whatever it raises, it is not used again."""

    def read(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        """One row at most; by itself, or in the transaction that was begun."""
        ...

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """All of them, of a statement that may write: by itself it is committed when it returns."""
        ...

    def begin(self) -> None: ...

    def write(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """How many rows it moved."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    @property
    def is_fit(self) -> bool:
        """It stands, as far as can be seen without asking, and is in no transaction."""
        ...

    def close(self) -> None: ...


D = TypeVar("D", bound=Direct)


class Stack:
    """Connections at rest, the last used first: as many come to be as are busy at once, not as there are threads."""

    def __init__(self, connect: Callable[[], D]) -> None:
        self._connect = connect
        self._resting: deque[Any] = deque()

    @contextmanager
    def take(self) -> Iterator[Any]:
        direct = self._standing()
        try:
            yield direct
        except BaseException:
            direct.close()
            raise
        self._resting.append(direct)

    def close(self) -> None:
        while self._resting:
            self._resting.pop().close()

    def _standing(self) -> Any:
        while True:
            try:
                direct = self._resting.pop()
            except IndexError:
                return self._connect()
            if direct.is_fit:
                return direct
            direct.close()


def connected(engine: Engine) -> Any:
    """One more of the engine's connections, with its settings and listeners, for us alone."""
    connection = engine.raw_connection()
    own = connection.driver_connection
    connection.detach()
    return own


def tell(engine: Engine, statement: str, values: Any) -> None:
    """Whoever listens to the engine's statements hears these too."""
    for heard in engine.dispatch.before_cursor_execute:
        heard(None, None, statement, values, None, False)
