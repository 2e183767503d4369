"""What counts as the body of a request: a JSON object in UTF-8, each name once, not too deep."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from dialer.api.body import DEEPEST, SMALL, _received, read_object
from dialer.api.problems import Kind, Problem


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_an_object_is_read_as_it_stands() -> None:
    text = '{"name": "Zoë \\ud83d\\ude00 [{", "n": [1, 2.5, -1e3, null, true], "o": {}}'
    assert read_object(text.encode()) == json.loads(text)
    assert read_object(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "is not JSON: Expecting value at line 1, column 1"),
        (b'{"a": 1', "is not JSON"),
        (b'{"a": "\n"}', "is not JSON: Invalid control character at line 1, column 8"),
        (b'{"a": 1} {"b": 2}', "is not JSON: Extra data at line 1, column 10"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is given twice in one object"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": [-Infinity]}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "'1e999' is beyond every number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
        (b"[]", "expected a JSON object, got []"),
        (b"null", "expected a JSON object, got None"),
        (b'"text"', "expected a JSON object, got 'text'"),
        ('{"a": "ä"}'.encode("latin-1"), "is not UTF-8 text, at byte 7"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8 text, at byte 0"),
        (nested(DEEPEST + 1), f"nested too deeply, expected at most {DEEPEST} levels"),
        (b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "nested too deeply"),
        (nested(100_000), "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_plain_object_is_refused_in_one_line(body: bytes, told: str) -> None:
    with pytest.raises(Problem) as refused:
        read_object(body)
    assert told in refused.value.message
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID, "BODY_INVALID")
    assert len(refused.value.message) < 200
    assert "\n" not in refused.value.message


def test_depth_counts_brackets_and_no_texts() -> None:
    assert read_object(nested(DEEPEST))
    assert read_object(json.dumps({"a": "[" * 1000, '"': '\\"{'}).encode())
    wide = {"rows": [{"variables": {"a": [1]}}] * 1000}
    assert read_object(json.dumps(wide).encode()) == wide


def test_a_body_that_never_ends_is_waited_for_only_so_long() -> None:
    async def drip() -> Any:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b" ", "more_body": True}

    request = Request({"type": "http", "headers": []}, drip)
    with pytest.raises(Problem, match=r"BODY_TOO_SLOW: the body did not arrive within 0\.05 s") as caught:
        asyncio.run(_received(request, SMALL, patience_seconds=0.05))
    assert caught.value.kind is Kind.TOO_SLOW
    assert caught.value.headers == {"Connection": "close"}
