"""Asks providers about live attempts, many at once, so that one slow answer holds up neither a tick nor other calls.

Whose turn it is the ledger knows; what an answer means is `dialer.engine.reconcile`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from dialer.domain.call import OpenAttempt
from dialer.engine.reconcile import ask
from dialer.ports import Switchboard
from workers import lines
from workers.logs import log
from workers.outage import Outage, outages

#: Questions at once; a question takes as long as its provider takes.
SLOTS = 16


class Asking:
    """`once` asks about as many as there is room for, and does not wait for the answers."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk
        self._pool = ThreadPoolExecutor(SLOTS, thread_name_prefix="ask")
        self._under_way = 0
        self._lock = Lock()

    def once(self) -> None:
        room = SLOTS - self._under_way
        if room <= 0:
            return
        for attempt in self._desk.ledger.attempts.due(room):
            with self._lock:
                self._under_way += 1
            self._pool.submit(self._ask, attempt)

    def close(self) -> None:
        """Asks nothing more; does not wait for what is under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, attempt: OpenAttempt) -> None:
        try:
            lines.asked(ask(self._desk, attempt))
        except Outage as error:
            outages.began(error)
        except Exception as error:  # noqa: BLE001 - asked again when its next look is due
            facts = {"batch_id": attempt.batch_id, "call_id": attempt.call_id, "attempt": attempt.number}
            log().error("call.not_asked", error=repr(error), exc_info=True, **facts)
        finally:
            with self._lock:
                self._under_way -= 1
