"""Figures as tables: a full run writes bench/results.json and docs/performance.md, a quick one results.quick.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import spelled

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench ARGS=--full -->", "<!-- end of figures -->"
TICKS = {
    "tick": "whole tick",
    "release": "of it, release",
    "tick_after_load": "whole tick before the database took statistics",
}
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def keep(results: dict[str, Any]) -> str:
    """Writes the figures where they belong, those of an earlier run kept where this one measured none; their tables."""
    is_full = results["form"] == "full"
    path = ROOT / "bench" / ("results.json" if is_full else "results.quick.json")
    known = json.loads(path.read_text(encoding="utf-8")) if is_full and path.exists() else {}
    merged = {**known, **results}
    for name, value in known.items():
        if isinstance(value, dict) and name != "machine":
            merged[name] = {**value, **results.get(name, {})}
    path.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")
    if is_full:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{tables(merged)}\n{END}{after}", encoding="utf-8")
    return tables(merged)


def tables(results: dict[str, Any]) -> str:
    machine = results["machine"]
    conditions = (
        f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}, PostgreSQL {machine['postgresql']} with fsync on; servers, peers and ours on the "
        "same cores. Medians, least and most in brackets."
    )
    lines = [
        "",
        conditions,
        "",
        "| figure | SQLite | PostgreSQL |",
        "|---|---|---|",
    ]
    return "\n".join([*lines, *rows(results)])


def rows(results: dict[str, Any]) -> Iterator[str]:
    for name, benchmark in PARTS.items():
        measured = {kind: benchmark(found) for kind, found in results.get(name, {}).items()}
        for figure in dict.fromkeys(figure for table in measured.values() for figure in table):
            cells = [measured.get(kind, {}).get(figure, "") for kind in TITLES]
            yield f"| {figure} | {' | '.join(cells)} |"


def _release(found: dict[str, Any]) -> dict[str, str]:
    table = {}
    for part, words in TICKS.items():
        if part not in found:
            continue
        for which in ("few", "many"):
            title = f"{words}, {found['pushed']} calls pushed, {found[f'{which}_waiting']:,} waiting"
            table[f"{title} (ms)"] = _spread(found[part][f"{which}_ms"])
        table[f"**{words}: many ÷ few waiting**"] = _ratio(found[part]["many_by_few"])
    table["released, marked and pushed (calls/s)"] = _spread(found["released_per_second"])
    table["the same number by `apply_async`, one by one (calls/s)"] = _spread(found["apply_async_per_second"])
    table["**released ÷ `apply_async`**"] = _ratio(found["released_by_apply_async"])
    return table


def _load(found: dict[str, Any]) -> dict[str, str]:
    count = f"{found['rows']:,} numbers"
    return {
        f"load_batch of {count} from a generator (rows/s)": _spread(found["generator_rows_per_second"]),
        f"load_batch of {count} from CSV (rows/s)": _spread(found["csv_rows_per_second"]),
        "the same rows by COPY / executemany (rows/s)": _spread(found["bulk_rows_per_second"]),
        "**load_batch from a generator ÷ bulk path**": _ratio(found["generator_by_bulk"]),
        "**load_batch from CSV ÷ bulk path**": _ratio(found["csv_by_bulk"]),
        f"most memory of a process that loads {found['few_rows']:,} (MB)": _spread(found["few_peak_megabytes"]),
        f"most memory of a process that loads {count} (MB)": _spread(found["many_peak_megabytes"]),
    }


def _serving(found: dict[str, Any]) -> dict[str, str]:
    clients, rows = f"by {found['clients']} clients", f"{found['rows']:,} numbers"
    return {
        f"POST /test-call {clients} (requests/s)": _spread(found["test_calls_per_second"]),
        f"the same framework, nothing behind it, {clients} (requests/s)": _spread(found["bare_per_second"]),
        "**bare endpoint ÷ POST /test-call, requests/s**": _ratio(found["bare_by_test_calls"]),
        "POST /test-call, p99 (ms)": _spread(found["test_call_p99_ms"]),
        "bare endpoint, p99 (ms)": _spread(found["bare_p99_ms"]),
        f"POST /load-json of {rows} in chunks of 10,000 (rows/s)": _spread(found["load_json_rows_per_second"]),
        f"Python API, {rows} in one load (rows/s)": _spread(found["python_rows_per_second"]),
        "**Python API ÷ POST /load-json, seconds**": _ratio(found["python_by_load_json"]),
    }


def _resident(found: dict[str, Any]) -> dict[str, str]:
    there = f"with {found['calls']:,} calls in the ledger (MB)"
    while_it = f"{there[:-5]}, over {found['minutes']} minutes"
    return {
        f"**scheduler, resident** {there}": _spread(found["scheduler_megabytes"]),
        f"its slope {while_it} (MB/hour)": spelled(found["scheduler_megabytes_per_hour"]),
        f"**worker of {found['worker_slots']} slots, resident** {there}": _spread(found["worker_megabytes"]),
        f"**Redis, beyond what it holds empty** {there}": _spread(found["redis_megabytes"]),
    }


def _scale(found: dict[str, Any]) -> dict[str, str]:
    return {f"bytes of a call on disk, indexes and all, {found['calls']:,} calls": spelled(found["bytes_per_call"])}


def _reading(found: dict[str, Any]) -> dict[str, str]:
    words = {
        "status_of_half_of_them_ms": "`status` of a batch of half of them",
        "status_of_a_tenth_of_them_ms": "`status` of a batch of a tenth of them",
        "explain_ms": "`explain` of one number",
        "batches_ms": "`batches`, all six of them",
        "calls_first_page_ms": "`calls`, the first page of 500",
        "calls_unresolved_ms": "`calls` of a close reason that none has",
        "calls_of_one_outcome_ms": "`calls` of an outcome that none has",
    }
    return {f"{title}, {found['calls']:,} calls (ms; p99)": _slowest(found[name]) for name, title in words.items()}


def _slowest(figure: dict[str, float]) -> str:
    return f"{spelled(figure['median'])}; **{spelled(figure['p99'])}**"


def _dispatch(found: dict[str, Any]) -> dict[str, str]:
    at = f"{found['slots']} slots, {found['provider_ms']} ms provider"
    table = {f"{name}, one process, {at} (calls/s)": _spread(rate) for name, rate in found["per_second"].items()}
    table |= {f"**ours ÷ {name}**": _ratio(ratio) for name, ratio in found["by"].items()}
    if "by_best_naive_celery" in found:
        table["**ours ÷ best naive Celery dialer**"] = _ratio(found["by_best_naive_celery"])
    table["worker CPU of a call of ours (ms)"] = _spread(found["cpu_ms"]["ours"])
    table["**the same ÷ CPU of one bare httpx POST**"] = _ratio(found["cpu_by_httpx_post"])
    table["the stub's own ceiling (requests/s)"] = _spread(found["stub_per_second"])
    return table


def _pacing(found: dict[str, Any]) -> dict[str, str]:
    table = {}
    for pace, at in found["at"].items():
        of = f"at {pace} calls a second, {found['workers']} workers"
        table[f"**share of the pace used** {of}"] = _spread(at["used"])
        table[f"most starts in any second {of}; allowed {at['starts_allowed']}"] = _spread(
            at["most_starts_in_a_second"]
        )
        allowed = spelled(at["arrivals_allowed"])
        table[f"most arrivals in any second {of}; allowed {allowed}"] = _spread(at["most_arrivals_in_a_second"])
    channels = found["channels"]
    table[f"most calls at once with {channels['allowed']} channels"] = _spread(channels["most"])
    return table


def _latency(found: dict[str, Any]) -> dict[str, str]:
    behind = f"behind {found['calls']:,} calls (ms; p99)"
    return {
        f"test call, API to request, free slots, {behind}": _slowest(found["test_call_free_ms"]),
        f"test call, every slot of the big pool busy, {behind}": _slowest(found["test_call_busy_ms"]),
        "a pause has returned, to the last request (ms; p99)": _slowest(found["last_start_after_pause_ms"]),
    }


PARTS = {
    "dispatch": _dispatch,
    "pacing": _pacing,
    "latency": _latency,
    "load": _load,
    "serving": _serving,
    "release": _release,
    "reading": _reading,
    "resident": _resident,
    "scale": _scale,
}


def _spread(figure: dict[str, float]) -> str:
    if figure["repeats"] == 1:
        return spelled(figure["median"])
    return f"{spelled(figure['median'])} ({spelled(figure['least'])} – {spelled(figure['most'])})"


def _ratio(figure: dict[str, float]) -> str:
    return f"**{figure['median']:.2f}** ({figure['least']:.2f} – {figure['most']:.2f})"
