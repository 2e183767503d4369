"""Keeps one private Redis in a directory of its own, from start to end; which binary it is, redis_binary decides.

The directory is locked by an open file that the server inherits: while either this process or the server lives, nobody
starts a second one there. A watcher ends the server when this process is gone, `kill -9` included.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dialer.errors import DialerError, RedisUnreachable
from workers.leash import end_process, is_alive, watch
from workers.redis_binary import find_server

HOST = "127.0.0.1"
PATIENCE_SECONDS = 10.0
STEP_SECONDS = 0.01


class AlreadyUp(DialerError):
    """This directory's Redis is already running."""

    default_code = "ALREADY_UP"


class EmbeddedRedis:
    """One private Redis on a free loopback port: `with EmbeddedRedis(directory, persistent=True) as redis: redis.url`.

    `persistent` keeps an append-only file in DIRECTORY/redis, so the next start finds what the last one knew.
    DIRECTORY/redis.json tells others its url and pid. Raises AlreadyUp, NoRedisServer or RedisUnreachable.
    """

    def __init__(self, directory: Path, persistent: bool) -> None:
        self.directory = directory.resolve()
        self.persistent = persistent
        self.port = 0
        self._files = self.directory / "redis"
        self._lock: IO[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Of the server; RedisUnreachable when it is not running."""
        if self._server is None:
            raise RedisUnreachable(f"the embedded Redis in {self.directory} is not running")
        return self._server.pid

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> Self:
        """Returns when the server answers."""
        binary = find_server()
        self._files.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or lock_directory(self.directory)
        try:
            self._run_on_a_free_port(binary)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; does nothing when it is stopped already."""
        self._end(signal.SIGTERM)
        (self.directory / "redis.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """What a power cut does: `kill -9`, with files and record left lying. `restart` brings it back."""
        self._end(signal.SIGKILL)

    def restart(self, empty: bool) -> None:
        """Stops and starts on the same port; `empty` forgets everything, as a lost disk would."""
        self._end(signal.SIGTERM)
        if empty:
            shutil.rmtree(self._files)
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run_on_a_free_port(self, binary: Path) -> None:
        for _ in range(5):  # another program may take the port between our look and the server's bind
            self.port = self.port or free_port()
            self._server = self._spawn(binary)
            self._watcher = watch(self._server.pid)
            if self._answers(self._server):
                return self._record()
            self._end(signal.SIGKILL)
            if "in use" not in self._last_words():
                break
            self.port = 0
        raise RedisUnreachable(f"{binary} did not start: {self._last_words()} (its log: {self._log})")

    def _spawn(self, binary: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(binary), *self._options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for us: the server must outlive the workers that it serves
            pass_fds=[self._lock.fileno()] if self._lock else [],
        )

    def _options(self) -> Iterator[str]:
        options = {
            "bind": HOST,
            "port": str(self.port),
            "protected-mode": "yes",
            "daemonize": "no",
            "dir": str(self._files),
            "logfile": str(self._log),
            "save": "",
            "appendonly": "yes" if self.persistent else "no",
            "maxmemory-policy": "noeviction",  # an evicted signal or witness would dial somebody
        }
        for name, value in options.items():
            yield from (f"--{name}", value)

    def _answers(self, server: subprocess.Popen[bytes]) -> bool:
        """Waits until the server answers; False when it died or another program's server sits on the port."""
        for _ in range(int(PATIENCE_SECONDS / STEP_SECONDS)):
            if server.poll() is not None:
                return False
            if answering_pid(self.port) == server.pid:
                return True
            time.sleep(STEP_SECONDS)
        return False

    def _record(self) -> None:
        facts = {"url": self.url, "pid": self.pid, "owner": os.getpid(), "started_at": server_time(self.port)}
        draft = self.directory / f"redis.json.{os.getpid()}"
        draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")
        draft.replace(self.directory / "redis.json")

    def _end(self, by: signal.Signals) -> None:
        if self._server is not None:
            end_process(self._server, by)
            self._server = None
        if self._watcher is not None:  # after the server, and before its input closes: its pid may be another's soon
            end_process(self._watcher, signal.SIGKILL)
            self._watcher = None

    @property
    def _log(self) -> Path:
        return self._files / "server.log"

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return " / ".join(lines[-3:]) or "it left no log"


def lock_directory(directory: Path) -> IO[str]:
    """Holds DIRECTORY/redis.lock, or raises AlreadyUp; waits for a server whose owner has just died."""
    lock = (directory / "redis.lock").open("a", encoding="utf-8")
    for _ in range(int(PATIENCE_SECONDS / STEP_SECONDS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_alive(recorded(directory).get("owner", 0)):
                break
            time.sleep(STEP_SECONDS)
        else:
            return lock
    lock.close()
    facts = recorded(directory)
    raise AlreadyUp(f"{directory} has a running Redis at {facts.get('url', '?')} (pid {facts.get('pid', '?')})")


def recorded(directory: Path) -> dict[str, Any]:
    """What redis.json says, dead or alive; empty when there is none."""
    try:
        facts = json.loads((directory / "redis.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def running_url(directory: Path) -> str | None:
    """The url of the server that runs in this directory now, if one does; a dead one's record does not count."""
    facts = recorded(directory)
    url, pid = str(facts.get("url", "")), facts.get("pid")
    port = re.search(r":(\d+)/", url)
    return url if port and answering_pid(int(port[1])) == pid else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answering_pid(port: int) -> int | None:
    """The process id of the Redis that answers on this loopback port."""
    try:
        with connect(port) as redis:
            return int(redis.info("server")["process_id"])
    except RedisError:
        return None


def server_time(port: int) -> str:
    """ISO 8601 in UTC, by the server's own clock."""
    with connect(port) as redis:
        seconds, _ = redis.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def connect(port: int) -> Redis:
    return Redis(host=HOST, port=port, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
