"""Our alerts in the real Prometheus: read by it, tried by its own unit tests, and evaluated on a dialer that dials."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.integration.test_prometheus import ALERTS, queries
from tests.system.site import Site, numbers
from workers.embedded_redis import HOST, free_port
from workers.leash import end_process, watch

ROOT = Path(__file__).parents[2]
RULES = ROOT / "ops" / "prometheus" / "dialer.rules.yml"


def test_prometheus_own_tests_of_the_alerts_pass(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """When each fires, and that it does not otherwise."""
    told = (ROOT / "tests/ops/alerts.test.yml").read_text(encoding="utf-8")
    cases = yaml.safe_load(told)["tests"]
    tried = {case["alertname"] for group in cases for case in group["alert_rule_test"] if case["exp_alerts"]}
    assert tried == {alert["alert"] for alert in ALERTS}
    (tmp_path / "alerts.test.yml").write_text(told.replace("[RULES]", f"[{RULES}]"), encoding="utf-8")
    run = [tool("promtool"), "test", "rules", str(tmp_path / "alerts.test.yml")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "compose.yml"])
def test_its_configuration_is_one(name: str, tool: Callable[[str], str]) -> None:
    run = [tool("promtool"), "check", "config", str(RULES.with_name(name))]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """The real one, on a free port; `ask("query", query="up")`."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{HOST}:{port}/api/v1"

    def ask(self, path: str, **arguments: str) -> Any:
        try:
            with urlopen(f"{self._base}/{path}?{urlencode(arguments)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except HTTPError as refused:
            with refused:
                raise AssertionError(f"{arguments}: {refused.read().decode()}") from None

    def sees_the_dialer(self) -> bool:
        try:
            targets = self.ask("targets")["activeTargets"]
        except (OSError, AssertionError):  # not there yet, or not ready yet
            return False
        return [target["health"] for target in targets] == ["up"]


@contextmanager
def running(home: Path, binary: str, scraped: int) -> Iterator[Prometheus]:
    """By the shipped configuration, its port and its pace apart."""
    told = yaml.safe_load((RULES.with_name("prometheus.yml")).read_text(encoding="utf-8"))
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told["rule_files"] = [str(RULES)]
    assert told["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:8080"]}]
    told["scrape_configs"][0]["static_configs"] = [{"targets": [f"{HOST}:{scraped}"]}]
    home.mkdir()
    (home / "prometheus.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    port = free_port()
    command = [binary, f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={HOST}:{port}"], stdout=log, stderr=log)
    watcher = watch(process.pid)
    try:
        yield Prometheus(port)
    finally:
        end_process(process, signal.SIGTERM)
        end_process(watcher, signal.SIGKILL)


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    with Site(tmp_path, sqlite_url) as site:
        yield site


def test_it_evaluates_every_alert_and_every_panel_on_a_dialer_that_dials(
    site: Site, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    site.schedule()
    site.hire()
    port = free_port()
    serve = [sys.executable, "-m", "workers.serving", "--port", str(port)]
    http = subprocess.Popen(serve, env=os.environ, stderr=subprocess.DEVNULL)
    try:
        with running(tmp_path / "prometheus", tool("prometheus"), port) as prometheus:
            site.until(prometheus.sees_the_dialer, "Prometheus to see the dialer")
            batch_id = site.load("watched", numbers("201", 30), provider="batch_call")
            site.end_of(batch_id)
            ended = 'sum(dialer_attempts_total{outcome="answered"})'
            site.until(lambda: value(prometheus, ended) == 30.0, "Prometheus to see the batch's end")
            rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
            assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
            assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []
            site.end_of(site.load("balance", numbers("202", 3), provider="outboundcalls"))  # whose balance is asked for
            site.until(lambda: empty_panels(prometheus) == [], "every panel to show something")
    finally:
        end_process(http, signal.SIGTERM)


def empty_panels(prometheus: Prometheus) -> list[str]:
    """Every question of the dashboard that is answered with nothing, or with what is no number."""
    return [f"{title}: {query}" for title, query in queries() if is_empty(value(prometheus, query))]


def is_empty(shown: float | None) -> bool:
    return shown is None or not math.isfinite(shown)


def value(prometheus: Prometheus, query: str) -> float | None:
    found = prometheus.ask("query", query=query)["result"]
    return float(found[0]["value"][1]) if found else None
