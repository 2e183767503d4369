"""What `dialer check` says of the Redis that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from dialer import Dialer
from dialer.domain.status import CheckLine
from dialer.settings import Settings
from tests.system.guarded import GuardedRedis
from workers.embedded_redis import EmbeddedRedis

Check = Callable[[str], dict[str, CheckLine]]


@pytest.fixture
def check(sqlite_url: str) -> Check:
    def lines(redis_url: str) -> dict[str, CheckLine]:
        account: Any = {"kind": "inspra", "base_url": "http://127.0.0.1:9"}
        settings = Settings.model_validate(
            {"database_url": sqlite_url, "redis_url": redis_url, "providers": {"sim": account}}
        )
        with Dialer(settings) as dialer:
            return {line.name: line for line in dialer.check()}

    return lines


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedRedis]:
    with GuardedRedis(tmp_path / "guarded", persistent=True) as redis:
        yield redis


def test_an_open_redis_is_warned_of(check: Check, redis_url: str) -> None:
    line = check(redis_url)["redis access"]
    assert (line.ok, line.is_warning) == (True, True)
    assert "users.acl" in line.detail


def test_one_that_asks_everybody_who_he_is_is_not(check: Check, guarded: GuardedRedis) -> None:
    with Redis.from_url(guarded.url) as redis:
        redis.acl_setuser("admin", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all"])
        redis.execute_command("AUTH", "admin", "")
        redis.acl_setuser("default", enabled=False)
        assert "redis access" not in check(guarded.url_of("http"))
        redis.acl_setuser("default", enabled=True)  # for whoever ends the server


def test_a_password_that_strangers_do_not_need_is_no_lock(check: Check, guarded: GuardedRedis) -> None:
    assert check(guarded.url_of("http"))["redis access"].is_warning


def test_a_wrong_password_is_one_line_that_does_not_tell_it(check: Check, guarded: GuardedRedis) -> None:
    line = check(guarded.url_of("worker").replace("worker-secret", "gu3ssed"))["redis"]
    assert not line.ok
    assert "gu3ssed" not in line.detail
    assert "\n" not in line.detail


def test_eviction_is_a_failure_and_missing_persistence_a_warning(check: Check, own_redis: EmbeddedRedis) -> None:
    assert "redis persistence" not in check(own_redis.url)
    with Redis.from_url(own_redis.url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.config_set("appendonly", "no")
    lines = check(own_redis.url)
    assert not lines["redis eviction"].ok
    assert (lines["redis persistence"].ok, lines["redis persistence"].is_warning) == (True, True)
