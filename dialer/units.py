"""Decides what the shipped service files say on this machine: which program, configuration and directories they name.

The files in ops/ name the places of the guide (`docs/operations.md`) and work there as they are. Starting them is
systemd's or supervisor's matter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dialer.errors import ConfigInvalid

Starter = Literal["systemd", "supervisor"]

#: What the shipped files name; longer ones first, for the others are beginnings of them.
PROGRAM: Final = "/opt/dialer/bin"
CONFIGURATION: Final = "/etc/dialer/dialer.toml"
ETC: Final = "/etc/dialer"
STATE: Final = "/var/lib/dialer"
LOGS: Final = "/var/log/dialer"
USER: Final = "user=dialer"

#: Neither systemd nor supervisor reads these otherwise than they stand.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./@+:-]+")


@dataclass(frozen=True)
class Places:
    """Where things are on this machine; all absolute."""

    #: holds `dialer` and `celery`
    program: Path
    #: below it lie etc/ and var/
    prefix: Path
    configuration: Path
    #: whom supervisor runs the processes as; systemd makes a user of its own
    user: str = "dialer"

    def below(self, place: str) -> Path:
        """`/etc/dialer` and its like, below the prefix."""
        return self.prefix / place.lstrip("/")


@dataclass(frozen=True)
class Unit:
    """One file to be written."""

    path: Path
    text: str
    #: a person may have edited it: left as it is where it exists
    is_yours: bool = False


def units(starter: Starter, places: Places) -> Iterator[Unit]:
    """Every file that this starter needs. ConfigInvalid for a path that it would not read as it stands."""
    for path in (places.program, places.prefix, places.configuration):
        _expect_plain(path)
    ops = shipped()
    if starter == "systemd":
        for file in sorted((ops / "systemd").glob("*.service")):
            yield Unit(places.below("/etc/systemd/system") / file.name, _placed(file, systemd_names(places)))
    else:
        file = ops / "supervisor" / "dialer.conf"
        yield Unit(places.below("/etc/supervisor/conf.d") / file.name, _placed(file, supervisor_names(places)))
    flower = (ops / "flower" / "flowerconfig.py").read_text(encoding="utf-8")
    yield Unit(places.below(ETC) / "flowerconfig.py", flower, is_yours=True)


def directories(starter: Starter, places: Places) -> list[Path]:
    """What must exist before the first start; systemd makes its own."""
    return [places.below(STATE), places.below(LOGS)] if starter == "supervisor" else []


def systemd_names(places: Places) -> dict[str, str]:
    # Not the state: StateDirectory= is below /var/lib whatever the prefix.
    return {
        PROGRAM: str(places.program),
        CONFIGURATION: str(places.configuration),
        ETC: str(places.below(ETC)),
    }


def supervisor_names(places: Places) -> dict[str, str]:
    return systemd_names(places) | {
        STATE: str(places.below(STATE)),
        LOGS: str(places.below(LOGS)),
        USER: f"user={places.user}",
    }


def shipped() -> Path:
    """The directory ops/: of the clone that this package runs from, else the copy inside the package."""
    package = Path(__file__).parent
    clone = package.parent / "ops"
    return clone if (clone / "systemd").is_dir() else package / "ops"


def write(unit: Unit) -> bool:
    """Whether anything changed; a file is replaced whole. ConfigInvalid where it cannot be written."""
    try:
        if unit.path.exists() and (unit.is_yours or unit.path.read_text(encoding="utf-8") == unit.text):
            return False
        unit.path.parent.mkdir(parents=True, exist_ok=True)
        draft = unit.path.with_name(f".{unit.path.name}.{os.getpid()}")
        draft.write_text(unit.text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(unit.path)
    except OSError as error:
        raise ConfigInvalid(f"{unit.path}: cannot be written: {error.strerror or error}") from None
    return True


def _placed(file: Path, names: dict[str, str]) -> str:
    """The shipped text, every name in one pass: what was put in is not read again."""
    pattern = re.compile("|".join(rf"{re.escape(name)}(?![\w-])" for name in names))
    return pattern.sub(lambda found: names[found[0]], file.read_text(encoding="utf-8"))


def _expect_plain(path: Path) -> None:
    if not _PLAIN.fullmatch(str(path)):
        expected = "expected a path of letters, digits and _ . / @ + : -, which service files read as it stands"
        raise ConfigInvalid(f"{path}: {expected}")
