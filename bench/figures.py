"""Figures of one measurement repeated: their median, and how far they spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of `repeats` measurements, between the smallest and the largest."""

    median: float
    least: float
    most: float
    p95: float
    p99: float
    repeats: int

    def __str__(self) -> str:
        return f"{spelled(self.median)} ({spelled(self.least)} to {spelled(self.most)})"


def figure(values: Sequence[float]) -> Figure:
    hundredths = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    return Figure(median(values), min(values), max(values), hundredths[94], hundredths[98], len(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Of measurements that were made in turn: each of ours by the one of theirs beside it."""
    return figure([our / their for our, their in zip(ours, theirs, strict=True)])


def seconds(action: Callable[[], object]) -> float:
    began = perf_counter()
    action()
    return perf_counter() - began


def spelled(value: float) -> str:
    """Three digits that matter, at most."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def plain(result: Any) -> Any:
    """As results.json has it."""
    if isinstance(result, Figure):
        return {name: round(value, 4) for name, value in asdict(result).items()}
    if isinstance(result, dict):
        return {name: plain(value) for name, value in result.items()}
    return result
