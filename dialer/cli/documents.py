"""Reads files that people hand in; whatever is wrong with one is a single clear line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from dialer.errors import InvalidInput, shown


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file (`-` = standard input); InvalidInput FILE_INVALID when there is none."""
    text = read_text(path)
    try:
        document = json.loads(text, object_pairs_hook=_named_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _invalid(path, f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _invalid(path, "is nested too deeply") from None
    except ValueError as error:
        raise _invalid(path, f"is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _invalid(path, f"expected a JSON object {{…}}, got {_kind(document)}")
    return document


def read_text(path: Path) -> str:
    """UTF-8 text, with or without a byte order mark."""
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except FileNotFoundError:
        raise _invalid(path, "there is no such file") from None
    except IsADirectoryError:
        raise _invalid(path, "is a directory, expected a file") from None
    except (OSError, ValueError) as error:
        raise _invalid(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "; it looks like UTF-16, save it as UTF-8" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        raise _invalid(path, f"is not UTF-8 text, at byte {error.start}{hint}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _invalid(path, f"has a NUL character in line {line}; is it UTF-16 or a binary file?")
    return text


def _invalid(path: Path, problem: str) -> InvalidInput:
    return InvalidInput(f"{path}: {problem}", code="FILE_INVALID")


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{shown(name, 80)} is given twice in one object")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _kind(document: object) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(document), "null")
