"""Alerts, dashboard and runbook: every metric in them is one that we export, and every alert has its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from dialer import Dialer
from dialer.api.metrics import Metrics
from dialer.ledger import open_ledger
from dialer.settings import Settings

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "ops/prometheus/dialer.rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "ops/grafana/dashboards/dialer.json").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "ops/runbook.md").read_text(encoding="utf-8")
#: What Prometheus itself records of whatever it scrapes.
ITS_OWN = {"up"}


def queries() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$account", ".*")


EXPRESSIONS = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES] + list(queries())


def metrics_in(expression: str) -> set[str]:
    """Every metric that an expression names; ValueError for what is no PromQL."""
    words = promql_parser.parse(expression).prettify()
    return set(re.findall(r"\b((?:dialer|flower|process)_\w+|up)\b", re.sub(r'"[^"]*"', "", words)))


@pytest.fixture
def exported(sqlite_url: str, redis_url: str) -> set[str]:
    """What `dialer serve` tells Prometheus of a house that has dialed, and of an account that tells its balance."""
    account: Any = {"kind": "outboundcalls", "base_url": "http://127.0.0.1:9", "api_key": "key"}
    told = {"database_url": sqlite_url, "redis_url": redis_url, "providers": {"sim": account}}
    ledger = open_ledger(sqlite_url)
    ledger.workers.lead("here/1", timedelta(seconds=5))
    ledger.workers.ticked("here/1")
    ledger.close()
    with Dialer(Settings.model_validate(told)) as dialer:
        text = Metrics(dialer).text().decode()
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_no_expression_names_a_metric_that_nobody_exports(title: str, expression: str, exported: set[str]) -> None:
    named = metrics_in(expression)
    assert named, title
    assert named <= exported | ITS_OWN, title


def test_a_metric_that_nobody_exports_would_be_noticed(exported: set[str]) -> None:
    assert not metrics_in("sum(rate(dialer_attempt_total[5m]))") <= exported


def test_an_expression_that_is_none_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        metrics_in("sum(rate(dialer_attempts_total[5m])")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_has_a_page_that_says_what_it_means_what_to_look_at_and_what_to_do(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["annotations"]["runbook"] == f"ops/runbook.md#{name.lower()}"
    assert alert["labels"]["severity"] in {"page", "ticket", "info"}
    (page,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    for part in ("**It means**: ", "**Look at**: ", "**Do**: "):
        assert page.count(part) == 1, f"{name}: {part}"


def test_every_page_is_of_an_alert() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}


def test_the_dashboard_asks_for_its_source_and_hides_nothing_behind_one_account() -> None:
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "account"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize(
    "shown",
    ["outcome", "dialer_due_lag", "dialer_look_ahead", "dialer_permits", "breaker", "dialer_unknowns", "tick_age"],
)
def test_the_dashboard_shows_what_the_house_is_judged_by(shown: str) -> None:
    assert shown in json.dumps(DASHBOARD["panels"])


def test_no_metric_carries_a_number_a_batch_or_a_workspace() -> None:
    labels = set(re.findall(r"by \(([^)]*)\)", json.dumps(EXPRESSIONS)))
    assert {label.strip() for group in labels for label in group.split(",")} <= {"account", "outcome", "lane", "stop"}
