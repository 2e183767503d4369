"""What ops/redis/users.acl allows: all that each process needs, by what it did, and nothing beside that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from dialer import Dialer
from dialer.coordination import open_coordination
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Grant
from dialer.settings import load_settings
from tests.contract.coordination.rigs import a_claim, an_account
from tests.system.flower import running_flower
from tests.system.guarded import ACL, ROLES, GuardedRedis, GuardedSite, Witness, filled, granted
from tests.system.site import AGENT, WORKSPACE, numbers

#: Granted, though the run below does not need it each time, and why.
SELDOM = {
    "ping": "asked by a connection that was idle for five seconds",
    "script|exists": "before a script of Celery's transport is run",
    "script|load": "when Redis has forgotten our scripts",
    "del": "a worker's or Flower's mailbox, when it leaves",
    "srem": "likewise",
    "punsubscribe": "likewise",
    "llen": "of lanes, for people who look",
    "hget": "a pause that an account's answer set",
    "hset": "likewise",
    "hdel": "a signal that is over",
    "rpop": "a wake-up call, after the wait for one",
    "ltrim": "a wake-up call",
    "time": "by `dialer check`, whose connection may be over before it was seen",
    "zrem": "permits, when a call is over",
}


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[GuardedSite]:
    with GuardedSite(tmp_path, sqlite_url) as guarded:
        yield guarded


def test_each_process_may_do_what_it_does_and_nothing_else(site: GuardedSite) -> None:
    """A batch, a test call, a pause, a wiped Redis, somebody who looks: each process by a user of its own."""
    with Witness(site.redis.port).watching() as witness, everybody_at_work(site), operator() as dialer:
        phones = numbers("201", 30)
        batch_id = site.load("users", phones, provider="slow")
        site.until(lambda: len(site.placed(phones)) >= 3, "calls")
        dialer.pause_batch(WORKSPACE, AGENT, "users")
        dialer.test_call(
            {
                "workspace_id": WORKSPACE,
                "agent_id": AGENT,
                "batch_ref": "t",
                "provider": "slow",
                "phone": "+12025550190",
            }
        )
        site.until(lambda: bool(site.placed(["+12025550190"])), "a test call")
        dialer.resume_batch(WORKSPACE, AGENT, "users")
        assert dialer.throttle
        assert dialer.throttle.wait("key", 10.0) == 0
        redial(site, witness)
        assert all(line.ok for line in dialer.check())
        with Redis.from_url(site.redis.url) as redis:
            redis.flushall()
        site.end_of(batch_id)
    assert site.denials() == []
    for role in ("scheduler", "worker", "http", "flower"):
        assert granted(role) - witness.of(role) <= set(SELDOM), role
    site.assert_nobody_was_called_twice(batch_id)


@contextmanager
def everybody_at_work(site: GuardedSite) -> Iterator[None]:
    site.become("scheduler")
    site.schedule()
    site.become("worker")
    site.hire()
    site.hire(slots=2, lanes=[Lane.TEST])
    site.become("flower")
    with running_flower(site) as ask:
        site.become("http")
        site.until(lambda: ask("/api/workers?refresh=1").count("worker") >= 2, "Flower to see the workers")
        yield
        for page in ("/api/queues/length", "/broker", "/workers", "/tasks", "/metrics"):
            assert ask(page)


def redial(site: GuardedSite, witness: Witness) -> None:
    """What the scheduler asks of Redis before it sends an unknown attempt once more."""
    with closing(open_coordination(site.guarded.url_of("scheduler"))) as coordination:
        claim = a_claim()
        assert isinstance(coordination.admission.permit(an_account(), Lane.NORMAL, claim.reference), Grant)
        assert coordination.admission.arm(claim, 5) is Armed.GO
        site.until(lambda: "zcount" in witness.of("scheduler"), "the witness to have seen whose connection that is")


@contextmanager
def operator() -> Iterator[Dialer]:
    """Who types commands, and `dialer serve`."""
    with Dialer(load_settings()) as dialer:
        yield dialer


FORBIDDEN = [
    ("flushall",),
    ("config", "get", "save"),
    ("keys", "*"),
    ("acl", "list"),
    ("shutdown",),
    ("replicaof", "127.0.0.1", "1"),
    ("script", "flush"),
    ("eval", "return 1", "0"),
    ("get", "somebody:else"),
    ("set", "somebody:else", "1"),
    ("monitor",),
    ("client", "list"),
]


@pytest.fixture(scope="module")
def guarded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedRedis]:
    with GuardedRedis(tmp_path_factory.mktemp("guarded"), persistent=False) as redis:
        yield redis


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
def test_nobody_of_ours_may_read_or_change_what_is_not_ours(
    role: str, command: tuple[str, ...], guarded_redis: GuardedRedis
) -> None:
    with Redis.from_url(guarded_redis.url_of(role)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("worker", ("set", "dlr:ticked:x", "1")),
        ("worker", ("lpush", "dlr:wake", "1")),
        ("scheduler", ("lpush", "dlr:_kombu.x", "1")),
        ("scheduler", ("lpush", "dlr:x.celery.pidbox", "1")),
        ("http", ("lpush", "dlr:witness:x", "1")),
        ("http", ("set", "dlr:epoch", "1")),
        ("worker", ("set", "dlr:requests:x", "1")),
        ("flower", ("lpush", "dlr:dialer.test", "1")),
        ("flower", ("get", "dlr:epoch")),
        ("flower", ("hset", "dlr:signals", "all", "go:9")),
    ],
)
def test_no_role_may_do_another_s_work(role: str, command: tuple[str, ...], guarded_redis: GuardedRedis) -> None:
    with Redis.from_url(guarded_redis.url_of(role)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)


def test_who_has_no_name_may_do_nothing_and_the_health_check_may_ping(tmp_path: Path) -> None:
    text = ACL.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "user default off resetkeys resetchannels -@all"
    assert text.splitlines()[1] == "user health on nopass resetkeys resetchannels -@all +ping"


def test_a_file_whose_passwords_were_not_filled_in_is_no_file_for_redis(tmp_path: Path) -> None:
    redis = GuardedRedis(tmp_path / "redis", persistent=False)
    redis.users.write_text(ACL.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(Exception, match="did not start"):
        redis.start()


def test_redis_7_0_is_given_no_word_that_it_does_not_know() -> None:
    """Debian 12's own; it does not start with a file that names CLIENT SETINFO."""
    older = filled(REDIS_VERSION="7.0.15", REDIS_WORKER_PASSWORD="w")
    newer = filled(REDIS_VERSION="7.2.4", REDIS_WORKER_PASSWORD="w")
    assert "setinfo" not in older
    assert newer.replace(" +client|setinfo", "") == older != newer


def test_the_one_user_for_all_may_do_what_the_roles_may_together() -> None:
    together = set().union(*(granted(role) for role in ("scheduler", "worker", "http", "flower")))
    assert granted("dialer") == together
