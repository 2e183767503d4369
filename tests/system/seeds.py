"""The seeds' texts as they were given, taken apart: lines to paste, bodies, endpoints, the table of errors."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools import tool

TEXTS = Path(__file__).parents[1] / "corpus" / "seeds"
_SECTION = re.compile(
    r"^- \*\*Method:\*\* (\w+)\n- \*\*URL:\*\* `([^`]+)`.*?^### Headers\n- `Content-Type`: (\S+)\n.*?```json\n(.*?)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Answer:
    """What curl printed."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def text_of(seed: str) -> str:
    return (TEXTS / f"{seed}.txt").read_text(encoding="utf-8")


def curl_lines(seed: str) -> list[str]:
    """Every request of a text that a person would copy, up to where the shell would take it for complete."""
    text = text_of(seed)
    return [text[found.start() : _end_of(text, found.start())] for found in re.finditer(r"^curl ", text, re.MULTILINE)]


def _end_of(text: str, start: int) -> int:
    """Where the command ends: at a line's end outside quotes, or where the quoted body is followed by an answer."""
    quote = ""
    for at in range(start, len(text)):
        letter = text[at]
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        elif not quote and (letter == "{" or (letter == "\n" and text[at - 1] != "\\")):
            return at
    return len(text)


def example_answer(seed: str) -> dict[str, Any]:
    """The answer that the text shows behind its first request."""
    text = text_of(seed)
    begin = _end_of(text, text.index("curl "))
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text, begin)[0]
    return found


def inspra_requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path as it is written, content type, and body of each; all are POST."""
    for method, path, content_type, body in _SECTION.findall(text_of("inspra-outbound")):
        assert method == "POST"
        yield path, content_type, json.loads(body)


def endpoints() -> list[tuple[str, str]]:
    """Of OutboundCalls: method and path."""
    return re.findall(r"^(GET|POST)(/\S+)$", text_of("outboundcalls"), re.MULTILINE)


def error_table() -> dict[int, str]:
    """Of OutboundCalls: status and meaning."""
    rows = re.findall(r"^(\d{3})(\D.*)$", text_of("outboundcalls"), re.MULTILINE)
    return {int(status): meaning for status, meaning in rows}


def changed(line: str, *changes: tuple[str, str]) -> str:
    """The line with these changes, each of which must change something, once."""
    for old, new in changes:
        assert old in line, old
        line = line.replace(old, new, 1)
    return line


def typed(line: str) -> Answer:
    """A curl line, typed into a shell; only what shows status and headers is added."""
    tool("curl")
    done = subprocess.run(
        ["bash", "-c", f"{line} --silent --show-error --include"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    head, _, text = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *rest = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    return Answer(int(first.split()[1]), headers, text)
