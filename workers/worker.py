"""The worker process: what it checks before it takes a message, and what it leaves behind.

Celery decides when a message is run; what is done with one is `workers.seat`.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery.apps.worker import Worker
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from dialer.bootstrap import open_courier
from dialer.errors import ConfigInvalid
from workers import logs
from workers.desk import open_desk
from workers.exits import refuse
from workers.lanes import NOTICES, lanes_of, queues_of
from workers.logs import log
from workers.seat import Seat, new_identity, take

#: A heartbeat speaks for one process, and only these run all their calls in it. (Green threads stall with late acks.)
POOLS = ("thread", "solo")


class DialerWorker(Worker):
    """Celery's worker with our start and our end."""

    seat: Seat

    def on_before_init(self, **kwargs: Any) -> None:
        """First of all: whoever cannot dial says so in one line, before Celery says anything."""
        logs.set_up()
        # Celery's advice, at each lost connection, to let a lost Redis cut requests in half.
        warnings.simplefilter("ignore", CPendingDeprecationWarning)
        if os.geteuid() != 0:
            # A user that systemd makes for a unit has a group without a name, and Celery takes it for root's.
            warnings.simplefilter("ignore", SecurityWarning)
        self.desk = open_desk(self.app.settings)
        super().on_before_init(**kwargs)

    def prepare_args(self, **kwargs: Any) -> dict[str, Any]:
        """Lanes in their order, however -Q has them, and no chatter between workers: the ledger knows who is alive."""
        asked = set(kwargs.get("queues") or ()) - {NOTICES}
        if asked and len(lanes := lanes_of(asked)) == len(asked):
            kwargs["queues"] = queues_of(lanes)
        return {**kwargs, "without_gossip": True, "without_mingle": True}

    def on_init_blueprint(self) -> None:
        super().on_init_blueprint()
        pool = self.pool_cls.__module__.rpartition(".")[2]
        if pool not in POOLS:
            why = f"pool: expected threads or solo, got {pool}: a worker's heartbeat speaks for one process"
            refuse(ConfigInvalid(why))
        lanes = lanes_of(self.app.amqp.queues.consume_from)
        self.seat = Seat(self.desk, new_identity(self.hostname), lanes, open_courier(self.app.settings))
        take(self.seat)

    def emit_banner(self) -> None:
        """One line instead of Celery's twenty."""
        lanes = [lane.word for lane in self.seat.lanes]
        me = self.seat.identity
        log().info("worker.started", worker=me.worker, boot_id=me.boot_id, lanes=lanes, slots=self.concurrency)

    def start(self) -> None:
        self.seat.open()
        try:
            super().start()
        finally:
            self.seat.close()
            log().info("worker.stopped", worker=self.seat.identity.worker)
