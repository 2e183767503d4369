"""Answers a container's question, `python -m workers.health worker|scheduler`: 0 and a line when it is well, else 1.

Well is what the ledger says: a scheduler that ticked, a worker of this host whose heart beats. Redis is not asked, for
restarting a process does not bring Redis back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from dialer.bootstrap import open_own_ledger
from dialer.errors import DialerError
from dialer.ports import Ledger
from dialer.settings import Settings, load_settings
from workers.seat import host_of, this_host


def worker(ledger: Ledger, settings: Settings) -> tuple[bool, str]:
    """Whether any worker of this host lives."""
    rows = ledger.workers.all(settings.house_rules().timing.dead_after)
    alive = [row.worker for row in rows if row.is_alive and host_of(row.worker) == this_host()]
    return bool(alive), f"alive: {', '.join(alive)}" if alive else f"no worker of {this_host()} has a fresh heartbeat"


def scheduler(ledger: Ledger, settings: Settings) -> tuple[bool, str]:
    """Whether any scheduler ticks: one that stands by is as well as the one that leads."""
    last, now = ledger.workers.last_tick(), ledger.now()
    if last is None:
        return False, "no scheduler has ticked yet"
    is_fresh = now - last <= settings.house_rules().timing.dead_after
    return is_fresh, f"last tick {(now - last).total_seconds():.1f} s ago"


CHECKS: dict[str, Callable[[Ledger, Settings], tuple[bool, str]]] = {"worker": worker, "scheduler": scheduler}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.health", description="Is it well? Exit code 0 says yes.")
    parser.add_argument("process", choices=sorted(CHECKS))
    asked = parser.parse_args(arguments).process
    try:
        settings = load_settings()
        ledger = open_own_ledger(settings)
        is_well, line = CHECKS[asked](ledger, settings)
        ledger.close()
    except DialerError as error:
        is_well, line = False, str(error)
    print(f"{asked}: {line}")  # noqa: T201 - its one line
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
