"""One worker process' seat: its name and boot id, its switchboard, and the calls it is working on.

It decides nothing about a call: that is `dialer.engine.dispatch`, whose answer it writes to the log.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Sequence
from threading import Lock

from dialer.domain.states import Lane
from dialer.engine import alerting
from dialer.engine.dispatch import WorkerIdentity, dispatch
from dialer.engine.unforeseen import fingerprint
from dialer.errors import DialerError, LedgerUnreachable, RedisUnreachable
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.courier import Courier
from workers import lines
from workers.aside import Aside
from workers.logs import log
from workers.outage import outages
from workers.telling import Telling

#: a beat after "stopped" would raise the dead
LAST_BEAT_SECONDS = 10.0
#: between two looks whether a scheduler ticks
LOOK_SECONDS = 5.0


class Seat:
    """Open from the start of the worker to its end; `dial` is called by the threads of its pool."""

    def __init__(
        self, desk: Switchboard, identity: WorkerIdentity, lanes: Sequence[Lane], courier: Courier | None = None
    ) -> None:
        """Without a courier it tells nobody anything: others do."""
        self.desk = desk
        self.identity = identity
        self.lanes = tuple(lanes)
        self._telling = Telling(desk, courier) if courier else None
        self._running = 0
        self._lock = Lock()
        #: by the clock that counts suspend; None = not yet
        self._beaten_at: float | None = None
        self._beating = Lock()
        self._heartbeat = Aside("heartbeat", self._beat, desk.rules.timing.heartbeat.total_seconds())
        self._watch = alerting.scheduler_watch()
        self._lookout = Aside("lookout", self._look_out, LOOK_SECONDS)

    def open(self) -> None:
        self._heartbeat.start()
        self._lookout.start()

    def dial(self, call_id: str, push_seq: int) -> None:
        """One message; whatever goes wrong is a line in the log, for the ledger knows what to do about it."""
        with self._lock:
            self._running += 1
        try:
            self._be_heard_of()
            self._dial(call_id, push_seq)
        except (LedgerUnreachable, RedisUnreachable) as error:
            outages.began(error)
        except Exception as error:  # noqa: BLE001 - a lost thread would be a lost slot; the rescue finds the call
            log().error("call.failed_here", exc_info=True, **_facts(call_id, push_seq, error))
        finally:
            with self._lock:
                self._running -= 1

    def tell(self, notice_id: str) -> None:
        """One notice, handed over: whoever is slow to hear it keeps no call waiting."""
        if self._telling is not None:
            self._telling.begin(notice_id)

    def close(self) -> None:
        """The pool has ended. Only a worker that left nothing running says that it stopped; else it is proven dead."""
        if self._telling is not None:
            self._telling.close()
        self._heartbeat.stop()
        self._lookout.stop()
        try:
            if self._heartbeat.wait(LAST_BEAT_SECONDS) and not self._running:
                self.desk.ledger.workers.stopped(self.identity.worker, self.identity.boot_id)
        except DialerError as error:
            log().warning("worker.stop_not_recorded", error=str(error))
        self.desk.ledger.close()

    def _dial(self, call_id: str, push_seq: int) -> None:
        done = dispatch(call_id, push_seq, self.desk, self.identity)
        reached("dispatch.done")
        outages.ended(LedgerUnreachable)  # Redis may be away all the same: then nobody is dialed, and that is an answer
        lines.dispatched(call_id, done)

    def _look_out(self) -> None:
        """A scheduler that is lost cannot say so itself."""
        lines.alerted(alerting.watch_scheduler(self.desk, self._watch))
        lines.rung(alerting.ring(self.desk))

    def _be_heard_of(self) -> None:
        """Before anything is claimed: the claim of a worker that the ledger has not heard of lately is a dead one's."""
        if self._is_heard_of():
            return
        with self._beating:
            if not self._is_heard_of():
                self._beat()

    def _is_heard_of(self) -> bool:
        lately = self.desk.rules.timing.dead_after.total_seconds() / 2
        return self._beaten_at is not None and self.desk.clock.boottime() - self._beaten_at < lately

    def _beat(self) -> None:
        begun = self.desk.clock.boottime()
        self.desk.ledger.workers.beat(self.identity.worker, self.identity.boot_id, self.lanes)
        self._beaten_at = begun
        outages.ended(LedgerUnreachable)


def _facts(call_id: str, push_seq: int, error: Exception) -> dict[str, object]:
    told = {"error": repr(error), "fingerprint": fingerprint(error)}
    return {"call_id": call_id, "push_seq": push_seq, **told}


def new_identity(node: str) -> WorkerIdentity:
    """Of this process. The process id keeps two workers of one name apart, the boot id two of one process id."""
    return WorkerIdentity(f"{node}/{os.getpid()}", str(uuid.uuid4()))


def host_of(worker: str) -> str:
    """The host in a worker's name, `celery@host/pid`."""
    return worker.partition("@")[2].rpartition("/")[0]


def this_host() -> str:
    return socket.gethostname()


_taken: list[Seat] = []


def take(seat: Seat) -> None:
    """The seat that this process' tasks find."""
    _taken[:] = [seat]


def seat() -> Seat:
    return _taken[0]
