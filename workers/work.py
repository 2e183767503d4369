"""`python -m workers.work`: one worker process, or several under one command.

The same worker as `celery -A workers.celery_app worker` starts, without Celery's command line around it: that brings
an interactive shell and every installed command along, 50 MB that no call needs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from threading import Event
from typing import Any

from celery.utils.nodenames import default_nodename, host_format

from workers import logs
from workers.celery_app import CONCURRENCY, app
from workers.children import Child, end_in_order
from workers.logs import log

LOOK_SECONDS = 0.5
#: beyond the longest deadline of a request, which a worker that ends waits for
MARGIN_SECONDS = 15.0
#: glibc gives each thread a heap of its own, of which it returns little: so many are enough.
ARENAS = 2


def alone(queues: str, slots: int, name: str, events: bool) -> int:
    """This process is the worker, until it is told to end; its exit code."""
    worker: Any = app.Worker(
        hostname=host_format(default_nodename(name)),
        queues=queues.split(","),
        concurrency=slots,
        task_events=events or None,
        loglevel="WARNING",
    )
    worker.start()
    return int(worker.exitcode or 0)


def together(arguments: list[str], name: str, count: int) -> int:
    """So many processes, each started again when it dies; SIGTERM or SIGINT ends them all in order, a second one at
    once: requests under way become unknown then, and are asked about."""
    logs.set_up()
    patience = max((each.deadline_seconds for each in app.settings.accounts().values()), default=0.0) + MARGIN_SECONDS
    node, _, host = name.partition("@")
    workers = [
        Child(
            f"{node}-{number}",
            [*single(), *arguments, "-n", f"{node}-{number}@{host or '%h'}"],
            lambda _, line: print_line(line),
            patience,
        )
        for number in range(1, count + 1)
    ]
    stopped = Event()

    def on_signal(*_: object) -> None:
        if stopped.is_set():
            for worker in workers:
                worker.end(signal.SIGKILL)
        stopped.set()

    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, on_signal)
    try:
        while not stopped.is_set():
            for worker in workers:
                worker.mend()
            stopped.wait(LOOK_SECONDS)
    finally:
        end_in_order(workers)
        log().info("workers.stopped", count=count)
    return 0


def single() -> list[str]:
    return [sys.executable, "-m", "workers.work"]


def print_line(line: str) -> None:
    """A child's line is one of ours already."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.work")
    parser.add_argument("-Q", dest="queues", required=True, metavar="QUEUES", help="queues of lanes, commas between")
    parser.add_argument("-c", dest="slots", type=int, default=CONCURRENCY, metavar="N", help="requests at once")
    parser.add_argument("-n", dest="name", default="dialer@%h", metavar="NAME", help="node name; %%h is the host")
    parser.add_argument("-E", dest="events", action="store_true", help="tell Flower of each message")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="so many of them")
    chosen = parser.parse_args(arguments)
    if chosen.processes == 1:
        return alone(chosen.queues, chosen.slots, chosen.name, chosen.events)
    same = ["-Q", chosen.queues, "-c", str(chosen.slots), *(["-E"] if chosen.events else [])]
    return together(same, chosen.name, chosen.processes)


def spare_heaps() -> None:
    """Before any thread allocates. glibc reads this only when a process starts, so it is started anew, once."""
    if "MALLOC_ARENA_MAX" not in os.environ:  # noqa: TID251 - glibc's variable, not a setting
        os.environ["MALLOC_ARENA_MAX"] = str(ARENAS)  # noqa: TID251
        os.execv(sys.executable, [*single(), *sys.argv[1:]])  # noqa: S606 - ourselves, with our own arguments


if __name__ == "__main__":
    spare_heaps()
    sys.exit(main())
