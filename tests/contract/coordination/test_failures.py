"""Whatever Redis cannot do is one clear error, asked once; never a default that lets a call go."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from dialer.clock import SystemClock
from dialer.coordination import Coordination, open_coordination
from dialer.domain.states import Lane
from dialer.errors import ConfigInvalid, RedisUnreachable
from dialer.ports.coordination import Grant, Signal
from dialer.testing.coordination import FakeCoordination
from tests.contract.coordination.rigs import a_claim, an_account
from workers.embedded_redis import EmbeddedRedis, free_port

VERBS: dict[str, Callable[[Coordination | FakeCoordination], object]] = {
    "permit": lambda ports: ports.admission.permit(an_account(), Lane.NORMAL, "ref-1"),
    "arm": lambda ports: ports.admission.arm(a_claim()),
    "free": lambda ports: ports.admission.free("main", "ref-1"),
    "derive": lambda ports: ports.admission.derive("main", ["ref-1"], 15),
    "held": lambda ports: ports.admission.held("main"),
    "write": lambda ports: ports.signals.write(Signal("all", "hold", 1)),
    "align": lambda ports: ports.signals.align([]),
    "epoch_stands": lambda ports: ports.signals.epoch_stands(),
    "raise_epoch": lambda ports: ports.signals.raise_epoch(),
    "wake": lambda ports: ports.signals.wake(),
    "await_wake": lambda ports: ports.signals.await_wake(0.1),
}
every_verb = pytest.mark.parametrize("ask", VERBS.values(), ids=VERBS)


@pytest.fixture
def opened() -> Iterator[Callable[[str], Coordination]]:
    coordinations: list[Coordination] = []

    def open_one(url: str) -> Coordination:
        coordinations.append(open_coordination(url))
        return coordinations[-1]

    yield open_one
    for coordination in coordinations:
        coordination.close()


@every_verb
def test_an_unreachable_redis_is_named_without_its_password(
    opened: Callable[[str], Coordination], ask: Callable[[Coordination], object]
) -> None:
    port = free_port()
    coordination = opened(f"redis://ada:s3cret@127.0.0.1:{port}/0?client_name=s3cret")
    with pytest.raises(RedisUnreachable) as caught:
        ask(coordination)
    assert str(caught.value).startswith(f"REDIS_UNREACHABLE: redis://127.0.0.1:{port}/0: ")
    assert "s3cret" not in str(caught.value)


@every_verb
def test_the_double_is_unreachable_alike(ask: Callable[[FakeCoordination], object]) -> None:
    fake = FakeCoordination()
    fake.redis.is_up = False
    with pytest.raises(RedisUnreachable):
        ask(fake)


def test_asking_what_it_is_needs_it_too(opened: Callable[[str], Coordination]) -> None:
    with pytest.raises(RedisUnreachable):
        opened(f"redis://127.0.0.1:{free_port()}/0").ping()


def test_a_wrong_password_is_told(own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]) -> None:
    with opened(own_redis.url).server.reach() as redis:
        redis.config_set("requirepass", "right")
    with pytest.raises(RedisUnreachable, match="password") as caught:
        opened(own_redis.url.replace("//", "//:wr0ng@")).signals.epoch_stands()
    assert "wr0ng" not in str(caught.value)
    assert not opened(own_redis.url.replace("//", "//:right@")).signals.epoch_stands()


def test_a_question_whose_answer_is_lost_is_not_asked_again(opened: Callable[[str], Coordination]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        calls = []

        def hang_up() -> None:
            for _ in range(2):
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                calls.append(caller)
                caller.recv(4096)
                caller.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(RedisUnreachable):
            opened(f"redis://127.0.0.1:{listener.getsockname()[1]}").signals.wake()
        assert len(calls) == 1
        socket.create_connection(listener.getsockname()).close()
        thread.join()


def test_a_frozen_redis_costs_seconds_and_is_asked_once(
    own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]
) -> None:
    coordination, clock = opened(own_redis.url), SystemClock()
    coordination.signals.raise_epoch()
    for ask in (VERBS["epoch_stands"], VERBS["permit"]):
        ask(coordination)  # so that the server knows the scripts
    with coordination.server.reach() as redis:
        redis.config_resetstat()
    os.kill(own_redis.pid, signal.SIGSTOP)
    began = clock.boottime()
    try:
        with pytest.raises(RedisUnreachable, match="Timeout"):
            coordination.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    assert clock.boottime() - began < 4
    assert coordination.signals.epoch_stands()
    with coordination.server.reach() as redis:
        scripts = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert scripts == 2  # the one that froze, and the one after


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(
    own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]
) -> None:
    coordination = opened(own_redis.url)
    coordination.signals.raise_epoch()
    os.kill(own_redis.pid, signal.SIGSTOP)
    with pytest.raises(RedisUnreachable):
        coordination.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    os.kill(own_redis.pid, signal.SIGCONT)
    assert coordination.admission.held("nobody") == 0
    assert coordination.signals.epoch_stands() is True


def test_a_full_redis_grants_nothing_and_says_so(
    own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]
) -> None:
    coordination = opened(own_redis.url)
    coordination.signals.raise_epoch()
    coordination.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    with coordination.server.reach() as redis:
        redis.config_set("maxmemory", 1)
    for verb in ("permit", "arm", "write", "raise_epoch", "wake"):
        ask = VERBS[verb]
        if verb == "permit":
            ask = new_call
        with pytest.raises(RedisUnreachable, match="maxmemory"):
            ask(coordination)
    coordination.admission.free("main", "ref-1")
    assert coordination.admission.held("main") == 0


def new_call(ports: Coordination | FakeCoordination) -> object:
    return ports.admission.permit(an_account("other"), Lane.NORMAL, "ref-2")


def test_after_an_outage_it_goes_on_by_itself(own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]) -> None:
    coordination = opened(own_redis.url)
    coordination.signals.raise_epoch()
    own_redis.kill()
    with pytest.raises(RedisUnreachable):
        coordination.signals.epoch_stands()
    own_redis.restart(empty=False)
    assert not coordination.signals.epoch_stands()
    coordination.signals.raise_epoch()
    assert isinstance(coordination.admission.permit(an_account(), Lane.NORMAL, "ref-1"), Grant)


def test_a_server_that_forgot_the_scripts_is_taught_again(live: Coordination) -> None:
    live.signals.raise_epoch()
    with live.server.reach() as redis:
        redis.script_flush()
    assert live.signals.epoch_stands()


def test_it_tells_what_it_is(live: Coordination) -> None:
    facts = live.ping()
    assert facts["server"] in {"redis", "valkey"}
    assert tuple(int(part) for part in facts["version"].split(".")[:2]) >= (6, 2)
    assert (facts["maxmemory_policy"], facts["persistence"], facts["is_cluster"]) == ("noeviction", "none", False)
    assert abs(facts["time"] - SystemClock().utc()) < timedelta(seconds=5)


def test_it_tells_of_an_append_only_file_and_of_snapshots(
    own_redis: EmbeddedRedis, opened: Callable[[str], Coordination]
) -> None:
    coordination = opened(own_redis.url)
    assert coordination.ping()["persistence"] == "aof"
    with coordination.server.reach() as redis:
        redis.config_set("appendonly", "no")
        redis.config_set("save", "900 1")
    assert coordination.ping()["persistence"] == "rdb"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+cluster://:s3cret@h:1", "redis+cluster:// is not supported"),
        ("valkey://:s3cret@h:1", "expected redis://"),
        ("http://:s3cret@h:1", "expected redis://"),
        ("", "expected redis://"),
        ("redis://:s3cret@h:port", "cannot be read"),
        ("redis://:s3cret/@h:1", "cannot be read"),
        ("redis://:s3cret@h:1?socket_timeout=s3cret", "socket_timeout"),
    ],
)
def test_an_address_it_cannot_use_is_refused_at_once(url: str, expected: str) -> None:
    with pytest.raises(ConfigInvalid, match=expected.replace("+", r"\+")) as caught:
        open_coordination(url)
    assert "redis_url" in str(caught.value)
    assert "s3cret" not in str(caught.value)
