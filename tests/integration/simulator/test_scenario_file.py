"""Scenarios in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialer.errors import InvalidInput
from dialer.simulator.scenario import Scenario


def test_a_scenario_is_read_from_a_file_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({"seed": 3}), encoding="utf-8-sig")
    assert Scenario.read(path).seed == 3


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"seed": 1}}'])
def test_a_file_that_is_not_json_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=r"SCENARIO_UNREADABLE: .*scenario\.json: is not JSON"):
        Scenario.read(path)


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"SCENARIO_UNREADABLE: .*cannot be read"):
        Scenario.read(tmp_path / "absent.json")


def test_the_example_of_the_documentation_is_a_scenario() -> None:
    text = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
    scenario = Scenario.of(json.loads(text.split("```json\n")[1].split("```")[0]))
    assert len(scenario.rules) == 5
    assert scenario.account("outboundcalls").rate_limit == 20
