"""Dialers on Celery as most would write them: one task, one POST. Late acks, for else a crash loses calls.

`celery -A bench.peers.celery_dialers worker`; PEER_REDIS and PEER_PROVIDER tell where.
"""

from __future__ import annotations

import os
import threading
from functools import cache

import httpx
import requests
from celery import Celery

from bench.peers.posting import HEADERS, body, url

app = Celery("dialers", broker=os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, task_acks_late=True, task_default_queue="peer-celery")
_threads = threading.local()


@app.task(name="dialers.requests", bind=True, max_retries=3)
def dial_requests(self: object, phone: str) -> None:
    requests.post(url(), json=body(phone), headers=HEADERS, timeout=30).raise_for_status()


@app.task(name="dialers.session", bind=True, max_retries=3)
def dial_session(self: object, phone: str) -> None:
    """With what a careful author adds: a session of its own, and so a connection, for each thread."""
    session = getattr(_threads, "session", None)
    if session is None:
        session = _threads.session = requests.Session()
    session.post(url(), json=body(phone), headers=HEADERS, timeout=30).raise_for_status()


@app.task(name="dialers.httpx", bind=True, max_retries=3)
def dial_httpx(self: object, phone: str) -> None:
    _client().post(url(), json=body(phone), headers=HEADERS).raise_for_status()


@cache
def _client() -> httpx.Client:
    """Shared by all threads, as its manual recommends."""
    return httpx.Client(timeout=30, limits=httpx.Limits(max_connections=None, max_keepalive_connections=None))
