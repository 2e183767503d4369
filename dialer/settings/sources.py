"""Where the configuration comes from: the file, secret files, the environment; what it may say is decided in `shape`.

The only module that reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dialer.errors import ConfigInvalid

PREFIX: Final = "DIALER_"
#: Variables of ours that are no settings.
CONFIG_VARIABLE: Final = "DIALER_CONFIG"
DEBUG_VARIABLE: Final = "DIALER_DEBUG"
DEFAULT_FILE: Final = "dialer.toml"
#: Where Docker, Podman and Kubernetes mount secrets; systemd names its directory in the environment.
SECRETS_DIRECTORY: Final = Path("/run/secrets")

#: Path of a key in the tree, e.g. ("providers", "inspra_au", "token").
KeyPath = tuple[str, ...]


@dataclass
class Tree:
    """Values by their place, later sources over earlier ones, and where each came from if not from the file."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def put(self, path: KeyPath, value: Any, origin: str) -> None:
        branch = self.values
        for key in path[:-1]:
            below = branch.setdefault(key, {})
            if not isinstance(below, dict):
                raise ConfigInvalid(f"{origin}: there is a value at {key!r} already, not a table")
            branch = below
        branch[path[-1]] = value
        self.origins[path] = origin


def configuration_path(path: Path | str | None = None) -> Path:
    """The file that is, or would be, read: the argument, DIALER_CONFIG, or ./dialer.toml."""
    return Path(path or os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE).absolute()


def named_configuration() -> Path | None:
    """The file that DIALER_CONFIG names."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named).absolute() if named else None


def is_file_named(path: Path | str | None) -> bool:
    """Whether somebody asked for that very file, so that it must be there."""
    return bool(path or os.environ.get(CONFIG_VARIABLE))


def is_debugging() -> bool:
    """Whether DIALER_DEBUG asks for tracebacks; asked for before there are settings, and when they are broken."""
    return os.environ.get(DEBUG_VARIABLE, "").lower() not in {"", "0", "false", "no"}


def read_file(path: Path) -> dict[str, Any]:
    """The file's tables; ConfigInvalid when it is not readable TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigInvalid(f"{path}: there is no such file; `dialer init` writes one") from None
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise ConfigInvalid(f"{path}: is nested too deeply") from None


def environment() -> dict[str, str]:
    """Our variables, those apart that are no settings."""
    apart = {CONFIG_VARIABLE, DEBUG_VARIABLE}
    return {name: text for name, text in os.environ.items() if name.startswith(PREFIX) and name not in apart}


def secret_files() -> Iterator[tuple[Path, str]]:
    """Files named like our variables, in any letter case, and their text without its last line break."""
    named = os.environ.get("CREDENTIALS_DIRECTORY")
    for directory in (SECRETS_DIRECTORY, *([Path(named)] if named else [])):
        for path in sorted(directory.iterdir()) if directory.is_dir() else ():
            if path.name.upper().startswith(PREFIX) and path.is_file():
                yield path, _secret_text(path)


def _secret_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{path}: is not UTF-8 text") from None


def key_path(variable: str) -> KeyPath:
    """DIALER_PROVIDERS__OUT__API_KEY is ("providers", "out", "api_key"); account names may have __ in them too."""
    first, _, rest = variable[len(PREFIX) :].lower().partition("__")
    if first != "providers":
        return (first, *rest.split("__")) if rest else (first,)
    account, _, key = rest.rpartition("__")
    return (first, account, key) if account else (first, key) if key else (first,)


def overlay(tree: Tree, overrides: Mapping[str, Any], path: KeyPath = ()) -> None:
    """Put arguments over everything; tables are merged key by key."""
    for key, value in overrides.items():
        if isinstance(value, Mapping) and value:
            overlay(tree, value, (*path, key))
        else:
            tree.put((*path, key), value, ".".join((*path, key)))
