"""Calls dispatched durably by one worker process, beside what others do in one: an empty task, and naive dialers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.contenders import PEERS, PROVIDER_MS, SLOTS, Ground, bare_httpx, ceiling, ours
from bench.figures import figure, ratio
from bench.processes import Pace
from bench.stage import POSTGRESQL, Stage
from bench.stub import Stub

EMPTY = ("celery_empty_threads", "celery_empty_solo")
NAIVE = ("celery_requests", "celery_session", "celery_httpx")
#: One after the other, 50 ms each: fewer will do.
SLOW = {"rq": 20, "celery_httpx": 2}
LEAST = 40


def measure(stage: Stage, kind: str, count: int, repeats: int) -> dict[str, Any]:
    """On PostgreSQL every peer, on SQLite, whose ledger they don't touch, the empty task only."""
    peers = PEERS if kind == POSTGRESQL else {name: PEERS[name] for name in EMPTY[:1]}
    paces: dict[str, list[Pace]] = defaultdict(list)
    bare, most = [], []
    with Stub() as stub:
        ground = Ground(stage, stub)
        for _ in range(repeats):
            most.append(ceiling(ground, 1.0))
            bare.append(bare_httpx(ground, count))
            paces["ours"].append(ours(ground, kind, count))
            for name, peer in peers.items():
                paces[name].append(peer.measure(ground, max(LEAST, count // SLOW.get(name, 1))))
    return _found(paces, bare, most) | {"count": count, "slots": SLOTS, "provider_ms": PROVIDER_MS}


def _found(paces: dict[str, list[Pace]], bare: list[float], most: list[float]) -> dict[str, Any]:
    rates = {name: [one.per_second for one in found] for name, found in paces.items()}
    cpu = {name: [one.cpu_ms_each for one in found] for name, found in paces.items()}
    found: dict[str, Any] = {
        "per_second": {name: figure(values) for name, values in rates.items()},
        "cpu_ms": {name: figure(values) for name, values in cpu.items()},
        "stub_per_second": figure(most),
        "httpx_post_cpu_ms": figure(bare),
        "cpu_by_httpx_post": ratio(cpu["ours"], bare),
        "by": {name: ratio(rates["ours"], values) for name, values in rates.items() if name != "ours"},
    }
    if all(name in rates for name in NAIVE):
        best = [max(each) for each in zip(*(rates[name] for name in NAIVE), strict=True)]
        found["by_best_naive_celery"] = ratio(rates["ours"], best)
    return found
