"""Celery's own way of publishing, as its documentation has it: one `apply_async` for each call, over one connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from celery import Celery

from workers.lanes import TASK_NAME


class OneByOne:
    """Connected once; every message goes to the lane `normal`, as wide as Celery makes it."""

    def __init__(self, redis_url: str) -> None:
        self._app = Celery("peer", broker=redis_url)
        self._app.conf.update(task_ignore_result=True, broker_transport_options={"global_keyprefix": "dlr:"})

        @self._app.task(name=TASK_NAME)
        def dial(call_id: str, push_seq: int) -> None: ...

        self._dial = dial
        self._connection = self._app.connection_for_write()
        self._producer = self._app.amqp.Producer(self._connection)

    def publish(self, calls: Sequence[tuple[str, int]]) -> None:
        for call in calls:
            self._dial.apply_async(call, queue="dialer.normal", producer=self._producer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close()
        self._connection.close()
        self._app.close()
