"""One frame of `dialer top`: what fits the width and, on a terminal, the height; what is wrong stands first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dialer.cli.render import printable

#: From here on there is room for more columns.
WIDE = 110
NO_LIMIT = 1_000_000
STYLES = {
    "running": "green",
    "paused": "yellow",
    "terminated": "red",
    "open": "green",
    "probing": "yellow",
    "stopped": "red",
    "alive": "green",
    "silent": "red",
}
#: Its head, and a line that says how many more there are.
_LINES_OF_A_SECTION = 2
#: Of a batch, where there is no room for a table.
_NAME = 38


@dataclass(frozen=True, slots=True)
class Room:
    """How much there is of it; `height` in lines."""

    width: int
    height: int = NO_LIMIT

    @property
    def is_wide(self) -> bool:
        return self.width >= WIDE


def frame(record: dict[str, Any], room: Room) -> RenderableType:
    """A Glance as JSON, drawn."""
    head = [_clock(record), _flight(record), _lanes(record), *_halted(record), *_wrong(record, room)]
    left = max(0, room.height - len(head))
    accounts = _accounts(record, room, _share(left, 4))
    workers = _workers(record, room, _share(left, 5))
    left -= _height(accounts) + _height(workers) + _LINES_OF_A_SECTION
    batches = _batches_wide(record, max(1, left)) if room.is_wide else _batches(record, max(1, left))
    return Group(*head, *(each for each in (accounts, workers, *batches) if each is not None))


def _share(left: int, parts: int) -> int:
    return NO_LIMIT if left > NO_LIMIT // 2 else max(1, left // parts - 1)


def _height(table: Table | None) -> int:
    return 0 if table is None else table.row_count + 1


def _clock(record: dict[str, Any]) -> Text:
    at = record["at"].replace("T", " ")[:19]
    line = Text.assemble(("dialer top ", "bold"), f"{at}Z  ")
    if record["is_ticking"]:
        line.append("scheduler ok", "green").append(f" {record['last_tick_seconds']:.0f} s ago  ")
    else:
        line.append("scheduler NONE", "bold red").append("  ")
    is_well = record["redis"] is None
    return _cut(line.append("redis ok" if is_well else "redis FAILED", "green" if is_well else "bold red"))


def _flight(record: dict[str, Any]) -> Text:
    counts = record["in_flight"]
    words = f"{counts['queued']:,} queued  {counts['dialing']:,} dialing  {counts['in_progress']:,} in progress  "
    return _cut(Text.assemble(words, (f"{counts['unknown']:,} unknown", "yellow" if counts["unknown"] else "")))


def _lanes(record: dict[str, Any]) -> Text:
    line = Text("lanes: queued/workers ")
    for lane in record["lanes"]:
        style = "bold red" if lane["queued"] and not lane["workers"] else "" if lane["workers"] else "dim"
        line.append(f" {lane['lane']} {lane['queued']}/{lane['workers']} ", style)
    return _cut(line)


def _halted(record: dict[str, Any]) -> list[Text]:
    """What somebody has halted on purpose."""
    words = ["drained"] if record["drained_since"] else []
    words += [f"held: {printable(held)}" for held in record["held"]]
    return [_cut(Text(f"= {'; '.join(words)}", "bold yellow"))] if words else []


def _wrong(record: dict[str, Any], room: Room) -> list[Text]:
    most = len(record["wrong"]) if room.height == NO_LIMIT else max(2, room.height // 6)
    lines = [_cut(Text.assemble(("! ", "bold red"), (printable(words), "red"))) for words in record["wrong"][:most]]
    more = len(record["wrong"]) - most
    return [*lines, _cut(Text(f"! {more} more", "red"))] if more > 0 else lines


def _accounts(record: dict[str, Any], room: Room, most: int) -> Table | None:
    made = _section(("ACCOUNT", 16), ("STATE", 9), ("#CHANNELS", 11), ("#QUEUED", 7), ("#/S", 6), ("WHY", None))
    if room.is_wide:
        made = _section(
            ("ACCOUNT", 24),
            ("STATE", 9),
            ("#CHANNELS", 13),
            ("#QUEUED", 8),
            ("#/S", 7),
            ("#BALANCE", 12),
            ("WHY", None),
        )
    rows = []
    for each in record["accounts"]:
        balance = [] if not room.is_wide else [_number(each["balance"])]
        why = "held (`dialer pause`)" if each["held"] else each["reason"] or _unregistered(each)
        channels = f"{each['in_use']}/{each['channels']}"
        rows.append(
            [
                each["name"],
                _styled(each["state"]),
                channels,
                _number(each["queued"]),
                f"{each['calls_per_second']:g}",
                *balance,
                why,
            ]
        )
    # The most in need of a look first.
    rows.sort(key=lambda row: str(row[1]) == "open")
    return _filled(made, rows, most)


def _unregistered(each: dict[str, Any]) -> str:
    return "waits for a scheduler to register it" if each["state"] == "stopped" else ""


def _workers(record: dict[str, Any], room: Room, most: int) -> Table | None:
    name = 44 if room.is_wide else 30
    made = _section(("WORKER", name), ("STATE", 8), ("#DIALING", 8), ("#BEAT", 7), ("LANES", None))
    rows = [
        [
            each["worker"],
            _styled(each["state"]),
            _number(each["dialing"]),
            f"{each['silent_seconds']:.0f} s",
            " ".join(each["lanes"]),
        ]
        for each in record["workers"]
    ]
    rows.sort(key=lambda row: ("silent", "alive", "stopped").index(str(row[1])))
    return _filled(made, rows, most)


def _batches_wide(record: dict[str, Any], most: int) -> list[Table | None]:
    made = _section(
        *(("BATCH", 44), ("STATE", 10), ("DONE", 12), ("#CALLS", 11), ("#/MIN", 7), ("#FLIGHT", 7), ("#UNKNOWN", 8)),
        ("WHY NOTHING DIALS", None),
    )
    rows = []
    for each in sorted(record["batches"], key=lambda each: each["why"] is not None):
        share = _done(each)
        bar = f"{'█' * int(6 * share):░<6} {int(100 * share):>3}%"
        counts = _number(each["total"]), f"{each['rate_per_minute']:.0f}", _number(each["in_flight"])
        facts = [_end_of(_name(each), 44), _styled(each["state"]), bar, *counts, _number(each["counts"]["unknown"])]
        rows.append([*facts, each["why"] or ""])
    return [_filled(made, rows, most, more=max(0, record["open_batches"] - len(rows)))]


def _batches(record: dict[str, Any], most: int) -> list[Text]:
    """Without room for a column of reasons: each is said once, under the batches that share it."""
    groups = _by_reason(record["batches"])
    if not groups:
        return []
    each_group = max(1, most // len(groups) - 1)
    lines: list[Text] = []
    shown = 0
    for why, group in groups:
        picked = group[:each_group]
        if lines and len(lines) + len(picked) + 1 > most:
            break
        shown += len(picked)
        lines += map(_batch_line, picked)
        if why:
            many = f"{len(group):,} batches: " if len(group) > 1 else ""
            lines.append(_cut(Text(f"  └ {many}{printable(why)}", "dim")))
    if more := record["open_batches"] - shown:
        lines.append(Text(f"… {more:,} more", "dim"))
    head = f"{'BATCH':<{_NAME}} {'STATE':<9} {'DONE':>5} {'CALLS':>9} {'/MIN':>6} {'FLIGHT':>6}"
    return [_cut(Text(f"{head:<80}", "reverse")), *lines]


def _by_reason(batches: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """In the order in which the reasons first come; those that dial are first anyway."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in batches:
        groups.setdefault(each["why"] or "", []).append(each)
    return sorted(groups.items(), key=lambda pair: pair[0] != "")


def _batch_line(each: dict[str, Any]) -> Text:
    line = Text(f"{printable(_end_of(_name(each), _NAME)):<{_NAME}} ")
    line.append(f"{each['state']:<9} ", STYLES.get(each["state"], ""))
    line.append(
        f"{int(100 * _done(each)):>4}% {each['total']:>9,} {each['rate_per_minute']:>6.0f} {each['in_flight']:>6,}"
    )
    return _cut(line)


def _name(each: dict[str, Any]) -> str:
    return "/".join(each[part] for part in ("workspace_id", "agent_id", "batch_ref"))


def _done(each: dict[str, Any]) -> float:
    return each["counts"]["closed"] / each["total"] if each["total"] else 1.0


def _end_of(name: str, width: int) -> str:
    """Names differ at their end."""
    return name if len(name) <= width else f"…{name[-width + 1 :]}"


def _section(*columns: tuple[str, int | None]) -> Table:
    """A width of None takes what is left."""
    made = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="reverse")
    for name, width in columns:
        justify: Literal["left", "right"] = "right" if name.startswith("#") else "left"
        ratio = None if width else 1
        made.add_column(name.lstrip("#"), justify=justify, no_wrap=True, overflow="ellipsis", width=width, ratio=ratio)
    return made


def _filled(made: Table, rows: Sequence[Sequence[Any]], most: int, more: int = 0) -> Table | None:
    """`more`: how many there are besides these rows. A line that says so takes a row's place."""
    if not rows:
        return None
    is_cut = more > 0 or len(rows) > most
    shown = rows[: max(0, most - 1)] if is_cut else rows
    for row in shown:
        made.add_row(*_cells(row))
    if is_cut:
        made.add_row(Text(f"… {len(rows) - len(shown) + more:,} more", "dim"))
    return made


def _cells(row: Iterable[Any]) -> Iterable[Text]:
    return (each if isinstance(each, Text) else Text(printable(str(each))) for each in row)


def _styled(word: str) -> Text:
    return Text(word, STYLES.get(word, ""))


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
