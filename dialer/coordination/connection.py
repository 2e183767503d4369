"""Speaks to one Redis 6.2 or newer, or Valkey: never repeats a command, and turns every failure into RedisUnreachable.

A command whose answer was lost may have been executed; whoever asked dials nobody and asks again on his own terms.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, TypedDict
from urllib.parse import urlsplit

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from dialer.coordination.keys import EPOCH
from dialer.errors import ConfigInvalid, RedisUnreachable

#: To connect, and for one answer: a permit that takes longer is worth less than a prompt "no".
ANSWER_SECONDS = 2.0
#: The longest single blocking pop; a server that died half-open is noticed this much later.
BLOCK_SECONDS = 5.0
#: Redis 6.2 takes less than a millisecond for "forever".
SHORTEST_SECONDS = 0.01
READ_BYTES = 4096
SCHEMES = ("redis", "rediss", "unix")
VERBS = ("align", "arm", "derive", "epoch_stands", "permit", "raise_epoch", "throttle", "wake", "write")


class ServerFacts(TypedDict):
    """What a Redis says of itself."""

    server: str  #: redis | valkey
    version: str
    #: anything but noeviction may silently lose a signal or a witness
    maxmemory_policy: str
    persistence: str  #: aof | rdb | none | unknown
    #: a cluster would spread our keys over servers that share no script
    is_cluster: bool
    time: datetime


class Talk:
    """One connection of redis-py's, without the client around it, which costs several times as much as the exchange."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._process = os.getpid()
        # redis-py sets 64 KiB aside to read into; our answers are a few words.
        self._connection: Any = pool.connection_class(**{**pool.connection_kwargs, "socket_read_size": READ_BYTES})
        self._connection.connect()
        self._watch = select.poll()
        self._watch.register(self._connection._sock, select.POLLIN)

    @property
    def is_fit(self) -> bool:
        """The server said nothing that nobody asked for, and has not closed it; nor was it carried through a fork."""
        return self._process == os.getpid() and not self._watch.poll(0)

    def ask(self, *command: Any) -> Any:
        self._connection.send_command(*command, check_health=False)
        return self._connection.read_response()

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        return evaluated(self.ask, (script.sha, script.script), keys, arguments)

    def close(self) -> None:
        self._connection.disconnect()


def evaluated(ask: Callable[..., Any], script: tuple[str, Any], keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """What a script, given as its digest and its text, returns; a server that forgot it is taught it again."""
    digest, text = script
    command = ("EVALSHA", digest, len(keys), *keys, *arguments)
    try:
        return ask(*command)
    except NoScriptError:
        ask("SCRIPT", "LOAD", text)
        return ask(*command)


class RedisServer:
    """One Redis; connects when first asked, and again by itself. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.address = address_of(url)
        self._url = url
        self._redis = client(url, ANSWER_SECONDS)
        self._waiting = client(url, BLOCK_SECONDS + ANSWER_SECONDS)
        self._verbs = {verb: self._redis.register_script(script(verb)) for verb in VERBS}
        # The last used first: as many come to be as are busy at once, not as there are threads.
        self._resting: deque[Talk] = deque()

    @contextmanager
    def reach(self) -> Iterator[Redis]:
        """The client, for commands that need no script; raises RedisUnreachable."""
        try:
            yield self._redis
        except RedisError as error:
            raise RedisUnreachable(f"{self.address}: {error} (nobody is dialed meanwhile)") from error

    def run(self, verb: str, keys: Sequence[str], arguments: Sequence[str | int] = ()) -> Any:
        """Execute lua/VERB.lua in one step; a server that forgot the script is taught it again."""
        with self.talking() as talk:
            return talk.run(self._verbs[verb], keys, arguments)

    @contextmanager
    def talking(self) -> Iterator[Talk]:
        """A connection for one exchange after the other; raises RedisUnreachable."""
        with self.reach():
            talk = self._standing()
            try:
                yield talk
            except BaseException:
                talk.close()  # what was asked on it may still be answered
                raise
            self._resting.append(talk)

    def _standing(self) -> Talk:
        while self._resting:
            try:
                talk = self._resting.pop()
            except IndexError:  # another thread was faster
                break
            if talk.is_fit:
                return talk
            talk.close()
        return Talk(self._redis.connection_pool)

    def pop(self, key: str, seconds: float) -> bool:
        """Wait until something can be popped from a list; False when the time is over. Zero does not wait."""
        with self.reach() as redis:
            while seconds > 0:
                if self._waiting.brpop([key], timeout=max(SHORTEST_SECONDS, min(seconds, BLOCK_SECONDS))):
                    return True
                seconds -= BLOCK_SECONDS
            return redis.rpop(key) is not None

    def ping(self) -> ServerFacts:
        with self.reach() as redis:
            told: dict[str, Any] = {}
            for section in ("server", "memory", "persistence", "cluster"):
                told |= dict[str, Any](redis.info(section))
            seconds, micros = redis.time()
            return ServerFacts(
                server="valkey" if "valkey_version" in told else "redis",
                version=str(told.get("valkey_version", told["redis_version"])),
                maxmemory_policy=str(told.get("maxmemory_policy", "unknown")),
                persistence="aof" if told.get("aof_enabled") else snapshots(redis),
                is_cluster=bool(told.get("cluster_enabled")),
                time=datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros),
            )

    def stands_open(self) -> bool:
        """Whether somebody without name or password could read our keys."""
        stranger = client(without_credentials(self._url), ANSWER_SECONDS)
        try:
            stranger.get(EPOCH)
        except (AuthenticationError, ResponseError):  # no name, no right; or the door is shut to other hosts
            return False
        except RedisError as error:
            raise RedisUnreachable(f"{self.address}: {error}") from error
        finally:
            stranger.close()
        return True

    def close(self) -> None:
        while self._resting:
            self._resting.pop().close()
        self._redis.close()
        self._waiting.close()


def client(url: str, seconds: float) -> Redis:
    """Does not connect. redis-py repeats commands ten times by default; here it repeats none."""
    try:
        redis: Redis = Redis.from_url(
            url,
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=seconds,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            client_name="dialer",
        )
    except (ValueError, TypeError) as error:
        raise ConfigInvalid(f"redis_url {address_of(url)}: {error}") from error
    return redis


def address_of(url: str) -> str:
    """The url without user, password and options, fit for a message; ConfigInvalid for what we do not speak."""
    try:
        parts = urlsplit(url)
        place = parts.hostname or ""
        place += f":{parts.port}" if parts.port else ""
    except ValueError:  # its text may hold a piece of the password
        raise ConfigInvalid("redis_url: expected redis://HOST:PORT/DB, got what cannot be read as an address") from None
    if parts.scheme == "redis+cluster":
        raise ConfigInvalid("redis_url: redis+cluster:// is not supported, expected a single server: redis://…")
    if parts.scheme not in SCHEMES:
        expected = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ConfigInvalid(f"redis_url: expected {expected} (Valkey too), got {parts.scheme or 'no'} scheme")
    is_plain = parts.scheme == "unix" or parts.path[1:].isdigit()  # a stray / in a password would end up here
    return f"{parts.scheme}://{place}{parts.path if is_plain else ''}"


def without_credentials(url: str) -> str:
    """The same address, options and all, as a stranger would type it."""
    place = urlsplit(url).netloc
    bare = url.replace(place, place.rpartition("@")[2], 1) if place else url
    address, _, query = bare.partition("?")
    kept = [option for option in query.split("&") if option and not option.startswith(("username=", "password="))]
    return f"{address}?{'&'.join(kept)}" if kept else address


def script(verb: str) -> str:
    """The Lua text of one verb, complete."""
    folder = files("dialer.coordination") / "lua"
    return "\n".join((folder / f"{name}.lua").read_text(encoding="utf-8") for name in ("prelude", verb))


def snapshots(redis: Redis) -> str:
    """Whether it writes RDB files; managed servers often forbid the question."""
    try:
        told = redis.config_get("save")
    except RedisError:
        return "unknown"
    return "rdb" if told.get("save") else "none"
