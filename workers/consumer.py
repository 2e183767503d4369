"""Celery's consumer, made to come back within a second of Redis' return and to say only once that it is gone."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from dialer.errors import RedisUnreachable
from workers.outage import outages

RETRY_SECONDS = 1.0


class PatientConsumer(Consumer):
    """Celery's own waits up to half a minute between two tries, and writes a line for each."""

    def ensure_connected(self, conn: Any) -> Any:
        conn = conn.ensure_connection(
            lambda error, _: _gone(error),
            interval_start=RETRY_SECONDS,
            interval_step=0,
            interval_max=RETRY_SECONDS,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        outages.ended(RedisUnreachable)
        return conn

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        _gone(exc)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        _gone(exc)
        if self.task_consumer is not None:
            # What it holds it is working on: not to be put back, nor dumped to a file when that fails.
            self.task_consumer.channel.qos.restore_at_shutdown = False
        super().on_connection_error_after_connected(exc)


def _gone(error: BaseException) -> None:
    outages.began(RedisUnreachable(str(error)))
