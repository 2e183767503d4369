"""From rows to checked calls: each bad row rejects itself with a code, and the rest go on. Constant memory."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

from dialer.domain.batch import CohortZones
from dialer.domain.call import NewCall
from dialer.domain.fields import PRIORITIES, nearest
from dialer.domain.phone import kin_of_text, parse_phone, zones_of
from dialer.domain.retry import MAX_RETRIES
from dialer.domain.spec import CallSpec
from dialer.domain.states import Lane
from dialer.domain.zones import check_timezone
from dialer.errors import DialerError, FieldError, LoadRefused, shown
from dialer.ports import HouseRules

VARIABLES_LIMIT = 5 * 1024
_FIELDS = tuple(field.name for field in fields(CallSpec))
_NAMES: Final = frozenset(_FIELDS)
_MOST_KNOWN: Final = 50_000
_ALIASES = {"maxRetries": "max_retries"}
_COLUMNS_SHOWN: Final = 50


class RowError(DialerError):
    """This row cannot be taken."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Checks one row after another by the batch's timezone and the house rules."""

    rules: HouseRules
    batch_timezone: str | None
    country: str | None = None
    #: by a number of which the library says the same, and the call's own timezone
    _known: dict[tuple[str | None, str | None], CohortZones] = field(default_factory=dict)

    def read(self, row: object) -> NewCall:
        """The call of one row (CallSpec, or a mapping with its fields); RowError says what is wrong."""
        given = row if type(row) is dict and row.keys() <= _NAMES else _fields_of(row)
        phone: Any = given.get("phone")
        timezone = given.get("timezone")
        kin = kin_of_text(phone) if type(phone) is str and self.rules.number_check == "possible" else None
        if kin is None:
            phone = self._parsed(phone)
            kin = kin_of_text(phone)
        if timezone is not None:
            timezone = _zone_named(timezone)
        return NewCall(
            phone,
            self._known.get((kin, timezone)) or self._zones(kin, phone, timezone),
            variables_text(given.get("variables")),
            timezone,
            _retries(given.get("max_retries")),
            _lane(given.get("priority")),
        )

    def _parsed(self, phone: object) -> str:
        try:
            return parse_phone(phone, country=self.country, check=self.rules.number_check)
        except DialerError as error:
            raise RowError(error.code, error.message) from None

    def _zones(self, kin: str | None, phone: str, timezone: str | None) -> CohortZones:
        """Contract section 4: the callee's own zone first, and every zone the number may lie in where none is given."""
        zones = zones_for(phone, timezone, self.batch_timezone, self.rules)
        if kin is not None and len(self._known) < _MOST_KNOWN:
            self._known[kin, timezone] = zones
        return zones


def _zone_named(name: object) -> str:
    try:
        return check_timezone(name)
    except DialerError as error:
        raise RowError(error.code, error.message) from None


def zones_for(phone: str, timezone: str | None, batch_timezone: str | None, rules: HouseRules) -> CohortZones:
    """The zones that gate a number; RowError TIMEZONE_UNKNOWN where nothing tells."""
    possible = () if timezone or (batch_timezone and not rules.legal_hours) else zones_of(phone, rules.ignore_zones)
    default = (rules.default_timezone,) if rules.default_timezone else ()
    own = (timezone,) if timezone else ()
    batch = (batch_timezone,) if batch_timezone else ()
    gated = own or batch or possible or default
    if not gated:
        raise RowError("TIMEZONE_UNKNOWN", f"no timezone is known for {phone}: give the call or the batch one")
    return CohortZones(gated, (own or possible or batch or default) if rules.legal_hours else ())


def _fields_of(row: object) -> Mapping[str, Any]:
    if isinstance(row, RowError):
        raise row
    if isinstance(row, CallSpec):
        return {name: getattr(row, name) for name in _FIELDS}
    if not isinstance(row, Mapping):
        raise RowError("PHONE_MISSING", f"expected an object with a phone, got {shown(row)}")
    given: dict[str, Any] = {}
    for key, value in row.items():
        name = _ALIASES.get(key, key)
        if name not in _FIELDS:
            hint = nearest(key, _FIELDS, row) if isinstance(key, str) else ": expected text"
            raise RowError("UNKNOWN_FIELD", f"unknown field {shown(key)}{hint}")
        if name in given:
            raise RowError("UNKNOWN_FIELD", f"{name!r} is given twice, as {key!r} too")
        given[name] = value
    return given


def variables_text(value: object) -> str | None:
    """A call's variables as the JSON text that is kept of them; RowError where they cannot be."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RowError("VARIABLES_NOT_OBJECT", f"expected an object, got {shown(value)}")
    if not all(isinstance(name, str) for name in value):
        raise RowError("VARIABLES_NOT_OBJECT", "cannot be written as JSON: names must be text")
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError:  # of a file, too, whose undecodable bytes came as surrogates
        raise RowError(
            "VARIABLES_NOT_OBJECT", "expected UTF-8: it holds bytes or lone surrogates that are none"
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise RowError("VARIABLES_NOT_OBJECT", f"cannot be written as JSON: {str(error)[:120]}") from None
    if size > VARIABLES_LIMIT:
        raise RowError("VARIABLES_TOO_LARGE", f"expected at most {VARIABLES_LIMIT} bytes of JSON, got {size}")
    return text


def _retries(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_RETRIES:
        raise RowError("MAX_RETRIES_INVALID", f"expected a whole number from 0 to {MAX_RETRIES}, got {shown(value)}")
    return value


def _lane(value: object) -> Lane | None:
    if value is None:
        return None
    if value not in PRIORITIES:
        raise RowError("PRIORITY_INVALID", f"expected one of {', '.join(PRIORITIES)}, got {shown(value)}")
    return Lane.of(str(value))


def _refuse(code: str, field: str, value: object, message: str) -> LoadRefused:
    return LoadRefused([FieldError(code, field, value, message)])


@contextmanager
def open_rows(calls: object, phone_column: str = "phone") -> Iterator[Iterator[tuple[int, object]]]:
    """Numbered rows of an iterable, or of a .csv or .jsonl path; what is wrong with the whole file is a LoadRefused.

    A row that cannot be read at all is yielded as the RowError it is, so that it rejects itself.
    """
    if isinstance(calls, str | Path):
        with _text(Path(calls)) as text:
            yield from_file(Path(calls), text, phone_column)
    elif isinstance(calls, Iterable) and not isinstance(calls, Mapping | bytes):
        yield enumerate(calls, start=1)
    else:
        raise _refuse("FIELD_TYPE", "calls", None, f"expected rows or a path, got {type(calls).__name__}")


def from_file(path: Path, text: io.TextIOBase, phone_column: str) -> Iterator[tuple[int, object]]:
    match path.suffix.lower():
        case ".csv":
            return _csv_rows(path, text, phone_column)
        case ".jsonl" | ".ndjson":
            return _jsonl_rows(text)
        case _:
            raise _refuse("FIELD_TYPE", "calls", str(path), f"{path.name}: expected a .csv or .jsonl file")


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOBase]:
    try:
        raw = path.open("rb")
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise _refuse("FIELD_MISSING", "calls", str(path), f"{shown(str(path), 300)}: {reason}") from None
    with raw:
        head = raw.peek(4)[:4]
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
            raise _not_utf8(path, "this looks like UTF-16 or binary")
        # Undecodable bytes become surrogates, so that a bad row rejects itself instead of ending the load.
        yield io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _not_utf8(path: Path, hint: str) -> LoadRefused:
    return _refuse("FIELD_TYPE", "calls", str(path), f"{path.name}: expected UTF-8, {hint}")


def _csv_rows(path: Path, text: io.TextIOBase, phone_column: str) -> Iterator[tuple[int, object]]:
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except StopIteration:
        message = f"{path.name}: expected a header row, the file is empty"
        raise _refuse("FIELD_MISSING", "calls", str(path), message) from None
    except csv.Error as error:
        message = f"{path.name}: the header cannot be read as CSV: {error}"
        raise _refuse("FIELD_TYPE", "calls", str(path), message) from None
    _check_header(path, header, phone_column)
    return _csv_body(reader, header, phone_column)


def _check_header(path: Path, header: list[str], phone_column: str) -> None:
    if any("\udc80" <= character <= "\udcff" for name in header for character in name):
        raise _not_utf8(path, "its header is in some other encoding")
    named = header[:_COLUMNS_SHOWN]
    doubled = [name for name, count in Counter(header).items() if count > 1]
    if doubled:
        raise _refuse("FIELD_TYPE", "calls", named, f"{path.name}: column {shown(doubled[0])} is named twice")
    if phone_column not in header:
        hint = _phone_column_hint(named, phone_column)
        raise _refuse("FIELD_MISSING", "calls", named, f"{path.name}: no column {shown(phone_column)}: {hint}")


def _phone_column_hint(named: list[str], phone_column: str) -> str:
    if len(named) == 1 and any(mark in named[0] for mark in ";\t|"):
        return "expected commas between columns, this file seems to use semicolons or tabs"
    near = get_close_matches(phone_column, named, n=1, cutoff=0.4)
    return f"did you mean --phone-column {near[0]!r}?" if near else f"its columns are {shown(named, 300)}"


def _csv_body(reader: Any, header: list[str], phone_column: str) -> Iterator[tuple[int, object]]:
    number, line = 1, reader.line_num
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            where = _lines(line, reader.line_num)
            yield number, RowError("PHONE_MISSING", f"cannot be read as CSV: {error}{where}")
        else:
            if cells:
                yield number, _csv_row(cells, header, phone_column, _lines(line, reader.line_num))
        line = reader.line_num


def _lines(before: int, last: int) -> str:
    """What a quote left open has swallowed must not vanish unseen."""
    return "" if last <= before + 1 else f" (lines {before + 1} to {last}: is a quote left open?)"


def _csv_row(cells: list[str], header: list[str], phone_column: str, where: str) -> object:
    if len(cells) != len(header):
        return RowError("UNKNOWN_FIELD", f"expected {len(header)} cells as in the header, got {len(cells)}{where}")
    row: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=True):
        if name == phone_column:
            row["phone"] = cell
        elif name in ("timezone", "max_retries", "priority"):
            row[name] = _csv_field(name, cell)
        else:
            variables[name] = cell
    row["variables"] = variables or None
    return row


def _csv_field(name: str, cell: str) -> object:
    """An empty cell is left out; a cell of digits is a number, as CSV has no other way to write one."""
    if name == "max_retries" and cell.isascii() and cell.isdigit() and len(cell) < 4:
        return int(cell)
    return cell or None


def _jsonl_rows(text: io.TextIOBase) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_object, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            yield number, RowError("PHONE_MISSING", f"is no JSON: {str(error)[:120]}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")
