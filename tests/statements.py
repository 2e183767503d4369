"""One cache of compiled statements for all ledgers of a test process.

SQLAlchemy keeps one for each engine, and a process opens some thousand ledgers: a fifth of its time was spent on
spelling the same statements again. What is shared is kept apart by the class of the dialect.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import util
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

#: More than the code has statements, for both databases.
_MOST = 5000


def share() -> None:
    """From now on, in this process."""
    compiled: Any = util.LRUCache(_MOST)
    open_engine = Engine.__init__

    def opened(engine: Engine, *given: Any, **named: Any) -> None:
        open_engine(engine, *given, **named)
        engine._compiled_cache = compiled

    Engine.__init__ = opened  # type: ignore[method-assign, assignment]
    DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, value: type(self) is type(value)  # type: ignore[method-assign]
