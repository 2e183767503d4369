"""A Celery application with our settings and our task's name, whose task only writes down that it ran.

Run by a real worker in a process of its own: `celery -A tests.integration.workers.bare_app worker`.
"""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from redis import Redis

from workers.celery_app import SETTINGS
from workers.lanes import TASK_NAME, TELL_NAME

redis_url = os.environ["BARE_REDIS_URL"]
seconds = float(os.environ.get("BARE_TASK_SECONDS", "0"))

app: Any = Celery("bare")
app.conf.update(SETTINGS | {"broker_url": redis_url, "include": []})
redis = Redis.from_url(redis_url)


@app.task(name=TASK_NAME, bind=True)
def dial(self: Any, call_id: str, push_seq: int) -> None:
    lane = self.request.delivery_info["routing_key"]
    redis.rpush("started", f"{call_id} {push_seq} {lane} {time.monotonic()}")
    time.sleep(seconds)
    redis.rpush("ended", f"{call_id} {push_seq} {lane} {time.monotonic()}")


@app.task(name=TELL_NAME)
def tell(notice_id: str) -> None:
    redis.rpush("ended", f"{notice_id} 0 notices {time.monotonic()}")
