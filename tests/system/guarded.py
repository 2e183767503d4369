"""A site whose Redis lets each process do what ops/redis/users.acl says, and that writes down what each of them did."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

from redis import Redis

from tests.system.site import Site
from workers.embedded_redis import EmbeddedRedis

ACL = Path(__file__).parents[2] / "ops" / "redis" / "users.acl"
ROLES = ("scheduler", "worker", "http", "flower", "dialer")
#: The file keeps everybody else out; the test itself comes in by the default user, on loopback.
DOOR = "user default off resetkeys resetchannels -@all"
OPEN_DOOR = "user default on nopass ~* &* +@all"


class GuardedRedis(EmbeddedRedis):
    """One private Redis with the shipped users; each one's password is its name and `-secret`."""

    def __init__(self, directory: Path, persistent: bool) -> None:
        super().__init__(directory, persistent)
        directory.mkdir(parents=True, exist_ok=True)
        self.users = directory / "users.acl"
        self.users.write_text(with_passwords(), encoding="utf-8")

    def url_of(self, role: str) -> str:
        return self.url.replace("://", f"://{role}:{role}-secret@")

    def _options(self) -> Iterator[str]:
        yield from super()._options()
        yield from ("--aclfile", str(self.users))


def with_passwords() -> str:
    """The shipped users for the Redis of this machine, as the guide fills them in, but for the test's own door."""
    passwords = {f"REDIS_{role.upper()}_PASSWORD": f"{role}-secret" for role in ROLES}
    text = filled(**passwords)
    assert DOOR in text
    return text.replace(DOOR, OPEN_DOOR)


def filled(**variables: str) -> str:
    """What ops/redis/fill_users.sh prints."""
    run = ["sh", str(ACL.with_name("fill_users.sh")), str(ACL)]
    environment = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(run, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout


class GuardedSite(Site):
    """`site.become("worker")`: whose eyes the next process, or this one, sees Redis with."""

    def __init__(self, home: Path, ledger_url: str, scenario: dict[str, Any] | None = None) -> None:
        super().__init__(home, ledger_url, scenario)
        self.redis = self.guarded = GuardedRedis(home / ".dialer", persistent=True)

    def __enter__(self) -> Self:
        super().__enter__()
        self._stack.callback(os.environ.pop, "DIALER_REDIS_URL", None)
        return self

    def become(self, role: str) -> None:
        os.environ["DIALER_REDIS_URL"] = self.guarded.url_of(role)

    def denials(self) -> list[str]:
        """What somebody wanted to do and was not allowed to."""
        with Redis.from_url(self.redis.url, decode_responses=True) as redis:
            rows: Any = redis.acl_log()
            return [f"{row['username']}: {row['reason']} {row['object']}" for row in rows]


class Witness:
    """Which commands each user gave, scripts' own included, by what the server tells who is watching."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._did: dict[str, set[str]] = defaultdict(set)  # by the port of the connection: whose it is comes later
        self._users: dict[str, set[str]] = defaultdict(set)
        self._over = Event()

    def of(self, role: str) -> set[str]:
        return set().union(*(self._did[port] for port, users in self._users.items() if role in users))

    @contextmanager
    def watching(self) -> Iterator[Self]:
        began = Event()
        threads = [Thread(target=self._watch, args=(began,), daemon=True), Thread(target=self._ask, daemon=True)]
        for thread in threads:
            thread.start()
        assert began.wait(10)
        try:
            yield self
        finally:
            self._over.set()
            with Redis(port=self._port) as redis:
                redis.echo("over")  # so that whoever listens hears something, and looks up
            for thread in threads:
                thread.join(10)

    def _watch(self, began: Event) -> None:
        who = ""
        with Redis(port=self._port, decode_responses=True, socket_timeout=None) as redis, redis.monitor() as heard:
            began.set()
            for line in heard.listen():
                if self._over.is_set():
                    return
                if line["client_type"] != "lua":  # a script's commands follow the line of who called it
                    who = line["client_port"]
                self._did[who].add(command_of(line["command"]))

    def _ask(self) -> None:
        with Redis(port=self._port, decode_responses=True) as redis:
            while not self._over.wait(0.02):
                for row in redis.client_list():
                    self._users[row["addr"].rpartition(":")[2]].add(row["user"])


def command_of(line: str) -> str:
    """`client|setname`, `get`."""
    first, *rest = line.lower().split()
    return f"{first}|{rest[0]}" if first in {"client", "script", "config"} and rest else first


def granted(role: str) -> set[str]:
    """Every command that the file gives to a user on this machine's Redis, those in a selector of its own included."""
    line = next(line for line in with_passwords().splitlines() if line.startswith(f"user {role} "))
    return set(re.findall(r"\+([a-z|]+)", line))
