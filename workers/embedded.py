"""Everything on one machine: `python -m workers.embedded up` by your dialer.toml, `… demo` on a stage of its own.

Starts and ends the processes, in order; what each of them does is its own matter.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock

from dialer.errors import DialerError
from dialer.ledger import migrate
from dialer.settings import Settings, load_settings
from workers import logs, programs, serving
from workers.celery_app import CONCURRENCY
from workers.children import Child, end_in_order
from workers.desk import open_desk
from workers.embedded_redis import AlreadyUp, EmbeddedRedis
from workers.exits import refuse
from workers.logs import log

LOOK_SECONDS = 0.5
#: beyond the longest deadline of a request, which a worker that ends waits for
MARGIN_SECONDS = 15.0


def up() -> int:
    """Until SIGTERM or Ctrl-C; a second one ends what still waits for its requests."""
    logs.set_up()
    try:
        settings = load_settings()
        with ExitStack() as stack:
            stack.enter_context(only_one(settings.state_directory()))
            redis = stack.enter_context(embedded_redis(settings))
            make_ready(settings)
            run(settings, redis)
    except DialerError as error:
        refuse(error)
    return 0


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Holds DIRECTORY/up.lock; AlreadyUp when another process does."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "up.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyUp(f"`dialer up` runs already for {directory.parent} (pid {lock.read().strip()})") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def embedded_redis(settings: Settings) -> Iterator[EmbeddedRedis | None]:
    """One of our own where the configuration says so."""
    if settings.redis_url.get_secret_value() != "embedded":
        yield None
        return
    with EmbeddedRedis(settings.state_directory(), persistent=True) as redis:
        log().info("redis.started", url=redis.url)
        yield redis


def make_ready(settings: Settings) -> None:
    """An SQLite ledger is brought up to date; everything else that could keep us from dialing is said here, once."""
    if settings.ledger_url().startswith("sqlite:"):
        migrate(settings.ledger_url())
    open_desk(settings).ledger.close()


def run(settings: Settings, redis: EmbeddedRedis | None) -> None:
    stopped = Event()
    heads, workers = children(settings)

    def on_signal(*_: object) -> None:
        if stopped.is_set():  # the second time: requests under way become unknown, and are asked about
            for worker in workers:
                worker.end(signal.SIGKILL)
        stopped.set()

    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, on_signal)
    try:
        while not stopped.wait(LOOK_SECONDS):
            for child in (*heads, *workers):
                child.mend()
            if redis is not None and not redis.is_running:
                log().error("redis.died", then="started again")
                redis.restart(empty=False)
    finally:
        end_in_order(heads, workers)
        log().info("up.stopped")


def children(settings: Settings) -> tuple[list[Child], list[Child]]:
    """Scheduler and HTTP API, which bring work in, then the workers; not started yet."""
    deadlines = [account.deadline_seconds for account in settings.accounts().values()]
    patience = max(deadlines, default=0.0) + MARGIN_SECONDS
    write = Printer()
    if sys.stderr.isatty():
        os.environ["FORCE_COLOR"] = "1"  # for our children, who write to us and not to the terminal
    heads = [Child("scheduler", programs.scheduler(), write, MARGIN_SECONDS)]
    if serving.is_installed():
        heads.append(Child("serve", programs.serving(), write, MARGIN_SECONDS))
    else:
        log().warning("serve.not_installed", then='the HTTP API is left out: pip install "dialer[http]"')
    workers = [
        Child("worker", programs.worker("worker", CONCURRENCY), write, patience),
        Child("tests", programs.test_worker(), write, patience),
    ]
    return heads, workers


class Printer:
    """Lines of several processes on one stream, each behind its process' name."""

    def __init__(self) -> None:
        self._lock = Lock()

    def __call__(self, name: str, line: str) -> None:
        with self._lock:
            sys.stderr.write(f"{name:<9} | {line}\n")
            sys.stderr.flush()


def demo(calls: int, *, as_json: bool) -> int:
    """In a directory of its own, which is gone afterwards; nothing of the user's configuration is read."""
    from workers.demo.play import play

    # As exceptions, so that everything is cleared away; SIGINT, too, which a shell may have told us to ignore.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory(prefix="dialer-demo-", ignore_cleanup_errors=True) as home:
        forget_configuration(Path(home))
        return play(Path(home), calls, as_json=as_json)


def forget_configuration(home: Path) -> None:
    """For this process and its children: a demo must never load its numbers into somebody's ledger."""
    for name in [name for name in os.environ if name.startswith("DIALER_") or name == "CREDENTIALS_DIRECTORY"]:
        del os.environ[name]
    os.environ["DIALER_CONFIG"] = str(home / "dialer.toml")
    # In the environment, too, where they outrank a file of secrets.
    os.environ["DIALER_DATABASE_URL"] = f"sqlite:///{home / 'dialer.db'}"
    os.environ["DIALER_REDIS_URL"] = "embedded"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.embedded")
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("up", help="scheduler, workers and an embedded Redis, by your dialer.toml")
    stage = parts.add_parser("demo", help="the whole system against simulated providers")
    stage.add_argument("--calls", type=int, default=120, metavar="N", help="numbers to dial in all (default: 120)")
    stage.add_argument("--json", action="store_true", help="one JSON document on stdout instead of tables")
    chosen = parser.parse_args(arguments)
    if chosen.part == "up":
        return up()
    return demo(chosen.calls, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
