"""Loading with all checks, and the same rows by the database's own bulk path; each in a process of its own.

`python -m bench.loading ours|csv|bulk …` is that process: it prints its seconds, and the most memory it held.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.crowd import AGENT, SEED_NUMBER, WORKSPACE, call_row, cohorts_of
from bench.figures import figure, ratio, seconds
from bench.memory import peak_megabytes
from bench.numbers import numbers
from bench.peers.bulk import Row, bulk
from bench.stage import Stage, execute
from dialer import Dialer
from dialer.ledger.backend import NEW_CALL_COLUMNS
from dialer.ledger.ids import IdMaker
from dialer.settings import load_settings

SPEC = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "load"}


def measure(stage: Stage, kind: str, few: int, many: int, repeats: int) -> dict[str, Any]:
    ours, from_csv, raw = [], [], []
    for _ in range(repeats):
        ours.append(run(stage, kind, "ours", many))
        raw.append(run(stage, kind, "bulk", many))
        from_csv.append(run(stage, kind, "csv", many))
    small = run(stage, kind, "csv", few)
    ours_s, csv_s, raw_s = ([each["seconds"] for each in way] for way in (ours, from_csv, raw))
    return {
        "rows": many,
        "generator_rows_per_second": figure([many / each for each in ours_s]),
        "csv_rows_per_second": figure([many / each for each in csv_s]),
        "bulk_rows_per_second": figure([many / each for each in raw_s]),
        "generator_by_bulk": ratio(raw_s, ours_s),
        "csv_by_bulk": ratio(raw_s, csv_s),
        "few_rows": few,
        "few_peak_megabytes": figure([small["peak_megabytes"]]),
        "many_peak_megabytes": figure([each["peak_megabytes"] for each in from_csv]),
    }


def run(stage: Stage, kind: str, way: str, count: int) -> dict[str, float]:
    """One load into an empty ledger."""
    with stage.ledger(kind) as url:
        arguments = [str(stage.configuration(url)), url, str(count)]
        if way == "csv":
            arguments.append(str(csv_file(stage.home, count)))
        elif way == "bulk":
            prepare(stage, url)
        command = [sys.executable, "-m", "bench.loading", way, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        told: dict[str, float] = json.loads(done.stdout)
        return told


def prepare(stage: Stage, url: str) -> None:
    """The batch and the cohort that the peer's rows belong to."""
    with Dialer(stage.settings(url)) as dialer:
        dialer.load_batch(SPEC, [{"phone": SEED_NUMBER}])
    execute(url, "DELETE FROM calls", *(["VACUUM calls"] if not url.startswith("sqlite:") else []))


def csv_file(home: Path, count: int) -> Path:
    path = home / f"numbers-{count}.csv"
    if not path.exists():
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["phone"])
            writer.writerows([phone] for phone in numbers(count))
    return path


def load(configuration: str, calls: object, count: int) -> None:
    with Dialer(load_settings(configuration)) as dialer:
        receipt = dialer.load_batch(SPEC, calls)
    assert receipt.accepted == count, receipt


def rows(url: str, count: int) -> Iterator[Row]:
    [(batch_id, cohort_id)] = cohorts_of(url).values()
    ids, now = IdMaker(), datetime.now(UTC)
    for phone in numbers(count):
        yield call_row(ids, batch_id, cohort_id, phone, "ready", now)


def main(way: str, configuration: str, url: str, count: int, path: str = "") -> None:
    match way:
        case "ours":
            took = seconds(lambda: load(configuration, ({"phone": phone} for phone in numbers(count)), count))
        case "csv":
            took = seconds(lambda: load(configuration, path, count))
        case _:
            took = seconds(lambda: bulk(url, "calls", NEW_CALL_COLUMNS, rows(url, count)))
    print(json.dumps({"seconds": took, "peak_megabytes": peak_megabytes()}))


if __name__ == "__main__":
    way, configuration, url, count, *path = sys.argv[1:]
    main(way, configuration, url, int(count), *path)
