"""A batch over a Redis that speaks TLS alone, and what happens when its certificate cannot be checked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ops.tls import TlsRedis
from tests.system.flower import running_flower
from tests.system.site import Site, numbers
from workers import programs


@pytest.fixture
def redis(tmp_path: Path, tool: Callable[[str], str]) -> Iterator[TlsRedis]:
    with TlsRedis(tmp_path / "tls", tool("openssl")) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str, redis: TlsRedis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("DIALER_REDIS_URL", redis.url)
    with Site(tmp_path, sqlite_url) as site:
        yield site


def test_a_batch_goes_through_a_redis_that_speaks_tls_alone(site: Site) -> None:
    site.schedule()
    site.hire()
    with running_flower(site) as flower:
        site.until(lambda: "worker0" in flower("/api/workers?refresh=1"), "Flower to see the worker")
        phones = numbers("201", 20)
        batch_id = site.load("tls", phones, provider="batch_call")
        assert site.end_of(batch_id).closed["reached"] == len(phones)
    checks = {line.name: line for line in site.dialer.check()}
    assert checks["redis"].ok
    assert "redis access" not in checks
    site.assert_nobody_was_called_twice(batch_id)


@pytest.mark.parametrize("command", [programs.scheduler(), programs.worker("lone", 2)], ids=["scheduler", "worker"])
def test_a_certificate_that_cannot_be_checked_is_one_line_and_exit_code_1(
    command: list[str], site: Site, redis: TlsRedis
) -> None:
    environment = os.environ | {"DIALER_REDIS_URL": redis.bare_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["REDIS_UNREACHABLE"]
    assert "certificate" in lines[0].lower()
    assert "tls-secret" not in done.stderr
