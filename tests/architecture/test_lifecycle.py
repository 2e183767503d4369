"""The page about a call's life and the table of legal moves say the same."""

from __future__ import annotations

import re
from pathlib import Path

from dialer.domain.states import LEGAL_MOVES, CallState

PAGE = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")
LEGAL = {(old.value, new.value): words for old, moves in LEGAL_MOVES.items() for new, words in moves.items()}

ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+?) \|", re.MULTILINE)
EDGE = re.compile(r"^ +(\w+) --> (\w+): (.+)$", re.MULTILINE)


def test_the_table_has_every_legal_move_by_its_name_and_no_other() -> None:
    assert {(old, new): words for old, new, words in ROW.findall(PAGE)} == LEGAL


def test_the_picture_has_every_legal_move_by_its_name_and_no_other() -> None:
    assert {(old, new): words for old, new, words in EDGE.findall(PAGE)} == LEGAL


def test_every_state_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| [^`]", PAGE, re.MULTILINE))
    assert explained == {state.value for state in CallState}
