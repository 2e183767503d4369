"""How records look: as JSON for programs, as tables for people. No value of a record can break out of its cell."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: an instant as JSON has it; people are shown whole seconds
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
#: of a page without a terminal's width: tables are not folded in pipes
PIPE_WIDTH = 4000


def jsonable(value: Any) -> Any:
    """Any record as JSON has it: instants ISO 8601 with Z or an offset, durations ISO 8601, secrets hidden."""
    if hasattr(value, "as_json"):
        return jsonable(value.as_json())
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _composed(value)


def _composed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return {name: jsonable(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return jsonable(value._asdict())
    if isinstance(value, set | frozenset):
        return sorted(map(jsonable, value), key=str)
    if isinstance(value, Iterable):
        return [jsonable(item) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "S"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Path | SecretStr) else repr(value)


def _key(key: Any) -> str:
    plain = jsonable(key)
    return ",".join(map(str, plain)) if isinstance(plain, list) else str(plain)


def print_json(value: Any) -> None:
    print(json.dumps(jsonable(value), indent=2, allow_nan=False))


def print_json_line(value: Any) -> None:
    print(json.dumps(jsonable(value), allow_nan=False))


def print_json_list(values: Iterable[Any]) -> None:
    """One JSON list, written as the values come."""
    opening = "["
    for value in values:
        print(opening, json.dumps(jsonable(value), allow_nan=False), sep="\n", end="")
        opening = ","
    print("[]" if opening == "[" else "\n]")


def printable(text: str) -> str:
    """Without anything that could steer a terminal or begin a line of its own."""
    return "".join(
        char if char.isprintable() else " " if char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def cell(value: Any) -> Text:
    """One value for people; what is missing is a dash."""
    if isinstance(value, Text):
        return value
    plain = jsonable(value)
    if plain is None or plain == "":
        return Text("–", style="dim")
    if isinstance(plain, bool):
        return Text("yes" if plain else "no")
    if isinstance(plain, float):
        return Text(f"{plain:,.2f}".rstrip("0").rstrip("."))
    if isinstance(plain, list | dict):
        plain = json.dumps(plain)
    instant = _INSTANT.fullmatch(str(plain))
    return Text(f"{instant[1]} {instant[2]} {instant[3]}" if instant else printable(str(plain)))


def console(stderr: bool = False) -> Console:
    """Made when something is printed, so that it is about the streams as they are then."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Columns whose name begins with # hold numbers."""
    made = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        is_number = column.startswith("#")
        made.add_column(column.lstrip("#"), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def show(*parts: RenderableType) -> None:
    """Print to stdout; without the padding at line ends where that is no terminal."""
    page = console()
    with page.capture() as captured:
        page.print(*parts, sep="\n")
    lines = captured.get().splitlines()
    print("\n".join(lines if page.is_terminal else map(str.rstrip, lines)))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    show(table_of(columns, rows))


def fields_of(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values below each other."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, cell(value))
    return made


def print_fields(pairs: Iterable[tuple[str, Any]]) -> None:
    show(fields_of(pairs))


def warn(text: str) -> None:
    console(stderr=True).print(Text.assemble(("warning: ", "yellow"), printable(text)), soft_wrap=True)


def warn_all(record: Any) -> None:
    """The warnings that a receipt carries."""
    for text in getattr(record, "warnings", ()):
        warn(str(text))


@contextmanager
def counting(words: str) -> Iterator[Callable[[int], None] | None]:
    """A bar with a running count on stderr where that is a terminal; None elsewhere, so that nobody counts.

    How much there is nobody knows before it is read: the bar shows that it goes on.
    """
    if not sys.stderr.isatty():
        yield None
        return
    columns = (BarColumn(), TextColumn("{task.completed:,.0f} " + words), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)
