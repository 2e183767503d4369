"""A dialer on RQ: one job, one POST. An RQ worker does one job after the other, each in a fork of its own."""

from __future__ import annotations

import requests

from bench.peers.posting import HEADERS, body, url

QUEUE = "peer-rq"


def dial(phone: str) -> None:
    requests.post(url(), json=body(phone), headers=HEADERS, timeout=30).raise_for_status()


def main() -> None:
    import os

    from redis import Redis
    from rq import Worker

    connection = Redis.from_url(os.environ["PEER_REDIS"])
    Worker([QUEUE], connection=connection).work(logging_level="ERROR")


if __name__ == "__main__":
    main()
