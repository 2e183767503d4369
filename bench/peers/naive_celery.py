"""The dialer that most would write first: one Celery task for each number, late acks, and `self.retry` on an error.

Written as fairly as we can: JSON, prefetch of one, late acks with the message rejected back when its worker is lost, a
visibility timeout short enough to see a redelivery, a total of three tries, and the HTTP timeout of ours. It runs as
`celery -A bench.peers.naive_celery worker`, told where Redis and the provider are by NAIVE_REDIS and NAIVE_PROVIDER.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from celery import Celery

TIMEOUT_SECONDS = 2.0
RETRY_SECONDS = 1

app = Celery("naive", broker=os.environ.get("NAIVE_REDIS", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_serializer="json",
    # The default is an hour: nothing that a killed worker held would be seen again before.
    broker_transport_options={"visibility_timeout": 10, "unacked_restore_interval": 1},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
)


@app.task(bind=True, name="naive.dial", max_retries=2)
def dial(self: Any, phone: str) -> None:
    """Dial one number; a server that cannot be reached, is slow or answers 5xx is tried again."""
    try:
        place(phone)
    except HTTPError as error:
        if error.code >= 500:
            raise self.retry(exc=error, countdown=RETRY_SECONDS) from error
    except OSError as error:
        raise self.retry(exc=error, countdown=RETRY_SECONDS) from error


def place(phone: str) -> None:
    """One placement request, as any HTTP client sends it."""
    tasks = [{"to_number": phone}]
    body = {"name": phone, "from_number": "+12025550198", "tasks": tasks, "agent_id": "agent-1", "send_now": True}
    headers = {"Content-Type": "application/json", "X-API-KEY": "key", "X-API-SECRET": "secret"}
    url = os.environ["NAIVE_PROVIDER"] + "/batch-call"
    with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=TIMEOUT_SECONDS) as answer:
        answer.read()


def load(phones: list[str], redis_url: str) -> None:
    """All of them, at once: there is no ledger to hold them."""
    with app.connection_for_write(redis_url) as connection:
        for phone in phones:
            dial.apply_async((phone,), connection=connection)
