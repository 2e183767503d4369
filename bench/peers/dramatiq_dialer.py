"""A dialer on dramatiq: one actor, one POST, a session for each thread. `dramatiq bench.peers.dramatiq_dialer`."""

from __future__ import annotations

import os
import threading

import dramatiq
import requests
from dramatiq.brokers.redis import RedisBroker

from bench.peers.posting import HEADERS, body, url

broker = RedisBroker(url=os.environ.get("PEER_REDIS", "redis://127.0.0.1:6379/0"))
dramatiq.set_broker(broker)
_threads = threading.local()


@dramatiq.actor(queue_name="peer-dramatiq", max_retries=3)
def dial(phone: str) -> None:
    session = getattr(_threads, "session", None)
    if session is None:
        session = _threads.session = requests.Session()
    session.post(url(), json=body(phone), headers=HEADERS, timeout=30).raise_for_status()
