"""The scheduler process: decides when each round of the engine runs, and who of several schedulers runs them.

What a round does is `dialer.engine.rounds`. Leadership is a lease for economy's sake; every move is safe without it.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from datetime import timedelta
from threading import Event

from dialer.engine import alerting, rounds
from dialer.engine.rounds import ReleaseMemory
from dialer.errors import DialerError
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.saying import finish
from dialer.settings import load_settings
from workers import lines, logs, notify
from workers.aside import Aside
from workers.asking import Asking
from workers.desk import open_desk
from workers.exits import refuse
from workers.logs import log
from workers.outage import Outage, outages
from workers.seat import this_host

LEASE = timedelta(seconds=5)
RENEW_SECONDS = 1.0
TICK_SECONDS = 1.0
#: between two ticks while a fast account has work: its look-ahead would run dry within a second
FAST_TICK_SECONDS = 0.25
FAST_CALLS_PER_SECOND = 10.0
HOUSEKEEPING_SECONDS = 2.0
#: while workers of an older version are at work
RECOUNT_SECONDS = 10.0
FORGET_SECONDS = 60.0
OUTAGE_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 10.0
#: what is still asking a provider at the end may finish for so long
LAST_WORDS_SECONDS = 1.0


class Scheduler:
    """Ticks while it leads, stands by while another does, and goes on by itself after whatever went wrong."""

    def __init__(self, desk: Switchboard, stopped: Event) -> None:
        self.holder = f"{this_host()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._desk = desk
        self._stopped = stopped
        self._memory, self._tests = ReleaseMemory(), ReleaseMemory()
        self._term: int | None = None
        self._renew_at = self._clean_at = desk.clock.boottime()
        self._failures = 0
        self._asking = Asking(desk)
        self._house, self._others = alerting.house_watch(), alerting.scheduler_watch()
        self._asides = [
            Aside("ask", self._leading(self._asking.once), 0.5),
            Aside("tests", self._release_tests, 0.0),
            Aside("relay", self._leading(lambda: lines.relayed(rounds.relay_outbox(desk))), 1.0),
            Aside("inbox", self._leading(lambda: lines.heeded(rounds.settle_inbox(desk))), 0.5),
            Aside("notices", self._leading(lambda: lines.handed_out(rounds.hand_out_notices(desk))), 0.5),
            Aside("forget", self._leading(lambda: lines.forgotten(rounds.forget(desk))), FORGET_SECONDS),
            Aside("recount", self._leading(lambda: lines.recounted(rounds.recount(desk))), RECOUNT_SECONDS),
            Aside("alerts", self._watch, 2.0),
            Aside("alarms", lambda: lines.rung(alerting.ring(desk)), 2.0),
            Aside("balances", self._leading(lambda: lines.read(rounds.read_balances(desk))), 1.0),
        ]
        self._is_fast = any(account.calls_per_second > FAST_CALLS_PER_SECOND for account in desk.accounts.values())

    def run(self) -> None:
        """Until stopped; then hands the lease back."""
        log().info("scheduler.started", holder=self.holder)
        for aside in self._asides:
            aside.start()
        while not self._stopped.is_set():
            self._guarded(self._round)
        notify.is_leaving()
        self._asking.close()
        for aside in self._asides:
            aside.stop()
        for aside in self._asides:
            aside.wait(LAST_WORDS_SECONDS / len(self._asides))
        self._resign()
        log().info("scheduler.stopped", holder=self.holder)

    def _release_tests(self) -> None:
        """On a thread of its own: the tick that is under way may have a million other calls to look at."""
        if self._term is None:
            self._stopped.wait(TICK_SECONDS)
            return
        try:
            if self._desk.signals.await_wake(TICK_SECONDS, is_test=True):
                lines.ticked(rounds.release_tests(self._desk, self._tests))
        except Outage:
            self._stopped.wait(OUTAGE_SECONDS)
            raise

    def _watch(self) -> None:
        """Whether any scheduler ticks, those that stand by look, too."""
        if self._term is not None:
            lines.alerted(alerting.watch_house(self._desk, self._house))
        lines.alerted(alerting.watch_scheduler(self._desk, self._others))

    def _leading(self, once: Callable[[], None]) -> Callable[[], None]:
        """Only while this scheduler leads. (While Redis is away, too: what providers tell is settled all the same.)"""
        return lambda: once() if self._term is not None else None

    def _guarded(self, once: Callable[[], None]) -> None:
        try:
            once()
            self._failures = 0
        except Outage as error:
            outages.began(error)
            notify.is_held_up(f"waiting: {error.code}")
            self._stopped.wait(OUTAGE_SECONDS)
        except Exception as error:  # noqa: BLE001 - a scheduler that gives up dials nobody for good
            self._failures += 1
            notify.is_held_up(f"failing: {type(error).__name__}, {self._failures} in a row")
            log().error("tick.failed", error=repr(error), in_a_row=self._failures, exc_info=True)
            self._stopped.wait(min(2.0**self._failures, LONGEST_BACKOFF_SECONDS))

    def _round(self) -> None:
        if not self._leads():
            notify.is_well("standing by")
            self._stopped.wait(TICK_SECONDS)
            return
        if not self._desk.signals.epoch_stands():
            pushed = rounds.rebuild(self._desk)
            log().warning("redis.rebuilt", pushed=pushed, why="it was new to us: empty, restarted, or another")
        report = rounds.tick(self._desk, self._memory)
        self._desk.ledger.workers.ticked(self.holder)
        self._keep_house()
        outages.ended()
        notify.is_well(f"leading, term {self._term}")
        lines.ticked(report)
        pause = FAST_TICK_SECONDS if self._is_fast and report.is_busy else TICK_SECONDS
        self._desk.signals.await_wake(pause)

    def _leads(self) -> bool:
        now = self._desk.clock.boottime()
        if self._term is not None and now < self._renew_at:
            return True
        term = self._desk.ledger.workers.lead(self.holder, LEASE)
        reached("lease.taken")
        self._renew_at = now + RENEW_SECONDS
        if (term is None) != (self._term is None):
            log().info("scheduler.leads" if term is not None else "scheduler.stands_by", holder=self.holder, term=term)
        self._term = term
        return term is not None

    def _keep_house(self) -> None:
        now = self._desk.clock.boottime()
        if now >= self._clean_at:
            self._clean_at = now + HOUSEKEEPING_SECONDS
            lines.kept_house(rounds.keep_house(self._desk))

    def _resign(self) -> None:
        try:
            self._desk.ledger.workers.resign(self.holder)
        except DialerError as error:
            log().warning("scheduler.lease_left", error=str(error), then="another takes it when it ends")


def main() -> int:
    """0 after a clean stop; 1 when Redis or the ledger cannot be reached at start, 2 for a wrong configuration."""
    logs.set_up()
    stopped = Event()
    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, lambda *_: stopped.set())
    try:
        settings = load_settings()
    except DialerError as error:
        refuse(error)
    desk = open_desk(settings)
    Scheduler(desk, stopped).run()
    desk.ledger.close()
    return 0


if __name__ == "__main__":
    code = main()
    finish()
    # At once: a question that a provider has not answered yet may be cut off, for it is asked again.
    os._exit(code)
