"""What stock Celery can do at most: a task that does nothing. `celery -A bench.peers.empty_celery worker`."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("empty", broker=os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, task_default_queue="peer-empty")


@app.task(name="empty.nothing")
def nothing(phone: str) -> None:
    """Not even a call."""
