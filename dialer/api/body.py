"""Reads the body of a request, strictly: what is no plain JSON object in UTF-8 is refused before anybody uses it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final, NoReturn

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from dialer.api.problems import Kind, Problem
from dialer.errors import shown

KIB: Final = 1024
#: One call, one word, one contact.
SMALL: Final = 64 * KIB
#: A thousand numbers, each with 5 KB of variables.
THOUSANDS: Final = 8 * KIB * KIB
#: Ten thousand numbers and more.
LARGE: Final = 16 * KIB * KIB
DEEPEST: Final = 32
PATIENCE_SECONDS: Final = 60.0

_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def document(limit: int = SMALL) -> Any:
    """A dependency: the JSON object in the body, of at most `limit` bytes."""

    async def received(request: Request) -> bytes:
        _check_type(request)
        return await _received(request, limit)

    whole: Any = Depends(received)

    # Its own step, so that a large one is read in a thread and holds up nobody.
    def read(body: bytes = whole) -> dict[str, Any]:
        return read_object(body)

    return Depends(read)


def raw(limit: int) -> Any:
    """A dependency: the body as it came, whatever it is, of at most `limit` bytes."""

    async def received(request: Request) -> bytes:
        return await _received(request, limit)

    return Depends(received)


def read_object(body: bytes) -> dict[str, Any]:
    """The object of a JSON text; Problem where there is none."""
    try:
        found = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise _invalid(f"is not UTF-8 text, at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _invalid(
            f"is not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # of our own hooks, and of integers of thousands of digits
        raise _invalid(f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _invalid(f"expected a JSON object, got {shown(found)}")
    _check_depth(body)
    _check_texts(body, found)
    return found


async def _received(request: Request, limit: int, patience_seconds: float = PATIENCE_SECONDS) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(patience_seconds):
            return await _gathered(request, limit)
    except TimeoutError:
        message = f"the body did not arrive within {patience_seconds:g} s"
        raise Problem(Kind.TOO_SLOW, "BODY_TOO_SLOW", message, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise _invalid("broke off") from None


async def _gathered(request: Request, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _check_type(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind != "application/json":
        raise _media_type("Content-Type", kind or "none", "application/json")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise _media_type("Content-Type", f"charset {charset[1]}", "UTF-8")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise _media_type("Content-Encoding", encoding, "none")


def _check_depth(body: bytes) -> None:
    """Takes away the innermost brackets, layer after layer; whatever is left then lies too deep."""
    brackets = _TEXTS.sub(b"", body).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            return
    raise _too_deep()


def _check_texts(body: bytes, found: dict[str, Any]) -> None:
    """Half a character, which JSON can spell and no database can keep."""
    if not _SURROGATE.search(body):
        return
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _invalid(r"holds a lone surrogate, such as \ud800, which is no character") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        doubled = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{shown(doubled)} is given twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{shown(digits)} is beyond every number")
    return number


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _invalid(message: str) -> Problem:
    return Problem(Kind.INVALID, "BODY_INVALID", f"the body {message}", field="(body)")


def _too_deep() -> Problem:
    return _invalid(f"is nested too deeply, expected at most {DEEPEST} levels")


def _too_large(limit: int) -> Problem:
    # The server reads what is still on its way and throws it away. Closing the connection instead would reset it under
    # a client that is still sending, which then never sees this answer.
    return Problem(Kind.TOO_LARGE, "BODY_TOO_LARGE", f"expected a body of at most {limit} bytes")


def _media_type(header: str, got: str, expected: str) -> Problem:
    message = f"{header}: expected {expected}, got {shown(got)}"
    return Problem(Kind.MEDIA_TYPE, "MEDIA_TYPE", message, field=header)
