"""What a person waits for who asks how things stand, with many calls in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.crowd import Crowd
from bench.figures import figure, seconds
from bench.numbers import numbers
from bench.stage import Stage
from dialer import Dialer


def measure(stage: Stage, kind: str, count: int, repeats: int) -> dict[str, Any]:
    with stage.ledger(kind) as url:
        crowd = Crowd(stage, url, count).take_statistics()
        [phone] = numbers(1)
        with Dialer(stage.settings(url)) as dialer:
            asked: dict[str, Callable[[], object]] = {
                "status_of_half_of_them": lambda: dialer.status(crowd.batch_ids["paused"]),
                "status_of_a_tenth_of_them": lambda: dialer.status(crowd.batch_ids["running"]),
                "explain": lambda: dialer.explain(crowd.batch_ids["paused"], phone),
                "batches": dialer.batches,
                "calls_first_page": lambda: next(dialer.calls(crowd.batch_ids["paused"])),
            }
            found = {name: figure([1000 * seconds(ask) for _ in range(repeats)]) for name, ask in asked.items()}
    return {"calls": count, **{f"{name}_ms": value for name, value in found.items()}}
