"""The table of fates knows every point of the code and no other, and nothing but a test can watch one."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer import failpoints
from tests.failpoints.cases import CASES
from tests.failpoints.fates import ALONE, ONE_CALL, TABLE

ROOT = Path(__file__).parents[2]
SHIPPED = [path for room in ("dialer", "workers") for path in sorted((ROOT / room).rglob("*.py"))]
OWN = ROOT / "dialer" / "failpoints.py"


def calls_of(function: str, paths: list[Path]) -> Iterator[ast.Call]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = getattr(node, "func", None)
            if isinstance(node, ast.Call) and function in (getattr(named, "id", ""), getattr(named, "attr", "")):
                yield node


def points() -> list[str]:
    """Of every call of `reached`, its one argument, which is a text."""
    found = []
    for call in calls_of("reached", [path for path in SHIPPED if path != OWN]):
        [point] = call.args
        assert isinstance(point, ast.Constant), ast.unparse(call)
        found.append(str(point.value))
    return found


def test_every_point_of_the_code_is_in_the_table_and_every_row_names_a_point() -> None:
    assert set(points()) == TABLE


def test_every_point_is_named_once_in_the_code() -> None:
    assert [point for point, times in Counter(points()).items() if times > 1] == []


def test_every_point_without_a_row_has_a_test_in_which_somebody_ends_there() -> None:
    ends = calls_of("dies", [ROOT / "tests" / "failpoints" / "test_moves.py"])
    named = {end.args[0].value for end in ends if isinstance(end.args[0], ast.Constant)}
    assert set(ALONE) <= named


def test_every_case_is_told_and_every_fate_has_a_case() -> None:
    assert {fate.case for fate in ONE_CALL} == set(CASES)


@pytest.mark.parametrize("way", ["failpoints.watch", "import watch", "_watcher"])
def test_nothing_that_is_shipped_sets_a_watcher(way: str) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in SHIPPED if path != OWN}
    assert [path for path, text in texts.items() if "failpoints" in text and way in text] == []


def test_a_point_reads_neither_environment_nor_settings() -> None:
    tree = ast.parse(OWN.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "collections.abc"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_a_point_that_is_watched_tells_its_name_and_one_that_is_not_does_nothing() -> None:
    told: list[str] = []
    failpoints.watch(told.append)
    failpoints.reached("move.step")
    failpoints.watch(None)
    failpoints.reached("move.step")
    assert told == ["move.step"]
