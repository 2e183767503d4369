"""The HTTP client alone: one httpx.Client, one POST after the other. `python -m bench.peers.bare_httpx COUNT`.

Prints the milliseconds of CPU of one POST.
"""

from __future__ import annotations

import sys
import time

import httpx

from bench.peers.posting import HEADERS, body, url

WARM_UP = 50


def main(count: int) -> None:
    address = url()
    with httpx.Client() as client:
        for index in range(WARM_UP + count):
            if index == WARM_UP:
                began = time.process_time()
            client.post(address, json=body(f"+6139{index:07d}"), headers=HEADERS).raise_for_status()
    print(1000 * (time.process_time() - began) / count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
