"""What a person waits for who asks how things stand, with many calls in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.crowd import PREFIX, Crowd
from bench.figures import figure, seconds
from bench.stage import Stage
from dialer import Dialer


def ask_all(stage: Stage, crowd: Crowd, repeats: int) -> dict[str, Any]:
    phone = f"{PREFIX}{crowd.count // 4:08d}"
    ids = crowd.batch_ids
    with Dialer(stage.settings(crowd.url)) as dialer:
        asked: dict[str, Callable[[], object]] = {
            "status_of_half_of_them": lambda: dialer.status(ids["paused"]),
            "status_of_a_tenth_of_them": lambda: dialer.status(ids["template"]),
            "explain": lambda: dialer.explain(ids["paused"], phone),
            "batches": dialer.batches,
            "calls_first_page": lambda: next(dialer.calls(ids["paused"])),
            "calls_unresolved": lambda: list(dialer.calls(ids["running"], state="unresolved")),
            "calls_of_one_outcome": lambda: list(dialer.calls(ids["running"], outcome="busy")),
        }
        found = {name: figure([1000 * seconds(ask) for _ in range(repeats)]) for name, ask in asked.items()}
    return {"calls": crowd.count, **{f"{name}_ms": value for name, value in found.items()}}
