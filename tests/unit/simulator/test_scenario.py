"""What a scenario may say, and how clearly a wrong one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.errors import InvalidInput
from dialer.simulator.scenario import Scenario


@pytest.mark.parametrize(
    ("said", "where", "hint"),
    [
        ({"rule": []}, "scenario:", "nearest is 'rules'"),
        ({"rules": {}}, "scenario.rules:", "a list of rules"),
        ({"rules": [{"outcom": "busy"}]}, "scenario.rules[0]:", "nearest is 'outcome'"),
        ({"rules": [{"outcome": "bussy"}]}, "scenario.rules[0].outcome:", "nearest is 'busy'"),
        ({"rules": [{"outcome": {"busy": 0}}]}, "scenario.rules[0].outcome:", "weight above 0"),
        ({"rules": [{}, {"fault": "rest"}]}, "scenario.rules[1].fault.kind:", "nearest is 'reset'"),
        ({"rules": [{"fault": 99}]}, "scenario.rules[0].fault.status:", "200 to 599"),
        ({"rules": [{"fault": True}]}, "scenario.rules[0].fault:", "an object"),
        ({"rules": [{"fault": {"kind": "reset_before", "placed": True}}]}, "scenario.rules[0].fault.placed:", "never"),
        ({"rules": [{"fault": {"status": 429, "retry_after": "1\r\nX: y"}}]}, "retry_after:", "printable"),
        ({"rules": [{"phone": ""}]}, "scenario.rules[0].phone:", "a text"),
        ({"rules": [{"nth": 0}]}, "scenario.rules[0].nth:", "a whole number from 1"),
        ({"rules": [{"nth": "third"}]}, "scenario.rules[0].nth:", "3+"),
        ({"rules": [{"probability": 1.5}]}, "scenario.rules[0].probability:", "from 0 to 1"),
        ({"rules": [{"dialect": "inspira"}]}, "scenario.rules[0].dialect:", "nearest is 'inspra'"),
        ({"defaults": {"ring_seconds": [3, 1]}}, "scenario.defaults.ring_seconds:", "from <= to"),
        ({"defaults": {"talk_seconds": -1}}, "scenario.defaults.talk_seconds:", "a number from 0"),
        ({"defaults": {"talk_seconds": float("nan")}}, "scenario.defaults.talk_seconds:", "a number from 0"),
        ({"defaults": {"talk_seconds": 10**400}}, "scenario.defaults.talk_seconds:", "a number from 0"),
        ({"defaults": {"fault": 503}}, "scenario.defaults.fault:", "in a rule"),
        ({"defaults": {"draft": "yes"}}, "scenario.defaults.draft:", "true or false"),
        ({"accounts": {"outboundcals": {}}}, "scenario.accounts:", "nearest is 'outboundcalls'"),
        ({"accounts": {"inspra": {"ballance": 1}}}, "scenario.accounts.inspra:", "nearest is 'balance'"),
        ({"accounts": {"inspra": {"keys": "k"}}}, "scenario.accounts.inspra.keys:", "a list of texts"),
        ({"accounts": {"outboundcalls": {"webhook_url": "https://x"}}}, "webhook_url:", "http://"),
        ({"seed": "x"}, "scenario.seed:", "a whole number"),
        ([], "scenario:", "an object"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place_and_what_was_expected(said: Any, where: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Scenario.of(said)
    assert refused.value.code == "SCENARIO_INVALID"
    assert where in str(refused.value)
    assert hint in str(refused.value)


def test_a_fault_may_be_a_status_a_kind_or_an_object() -> None:
    said = [{"fault": 502}, {"fault": "reset"}, {"fault": {"status": 502, "placed": True}}, {"fault": None}]
    faults = [rule.script.fault for rule in Scenario.of({"rules": said}).rules]
    assert [(fault.name, fault.placed) if fault else None for fault in faults] == [
        ("http 502", False),
        ("reset", True),
        ("http 502", True),
        None,
    ]


def test_a_redirect_is_a_301_with_a_location() -> None:
    fault = Scenario.of({"rules": [{"fault": "redirect"}]}).rules[0].script.fault
    assert fault
    assert (fault.name, fault.location) == ("http 301", "/elsewhere")


def test_a_rule_says_only_what_differs_from_the_defaults() -> None:
    scenario = Scenario.of({"defaults": {"ring_seconds": 7}, "rules": [{"phone": "+1*", "outcome": "busy"}]})
    assert scenario.rules[0].script.ring_seconds == (7.0, 7.0)
    assert scenario.defaults.outcome == {"answered": 1.0}
