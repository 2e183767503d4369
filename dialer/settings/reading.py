"""Makes Settings of the sources, and one clear line of everything that is wrong with them; secrets never show."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dialer.errors import ConfigInvalid
from dialer.settings.shape import (
    BatchCallSettings,
    HttpSettings,
    InspraSettings,
    OutboundCallsSettings,
    PluginSettings,
    ProviderSettings,
    Settings,
    TimingSettings,
)
from dialer.settings.sources import (
    KeyPath,
    Tree,
    configuration_path,
    environment,
    is_file_named,
    key_path,
    overlay,
    read_file,
    secret_files,
)

_PROVIDERS: Final[dict[str, type[ProviderSettings]]] = {
    "inspra": InspraSettings,
    "batch_call": BatchCallSettings,
    "outboundcalls": OutboundCallsSettings,
}
_ADDRESSES: Final = {"database_url", "redis_url", "alert_webhook"}
_MAY_BE_SECRET: Final = _ADDRESSES | {"token", "api_key", "api_secret", "webhook_secret", "options"}


def load_settings(path: Path | str | None = None, **overrides: Any) -> Settings:
    """Read the configuration: file, then secret files, then environment, then `overrides`, later ones winning.

    `path` = instead of DIALER_CONFIG or ./dialer.toml. Raises ConfigInvalid, one line for each thing that is wrong.
    """
    file = configuration_path(path)
    tree = Tree(read_file(file) if file.exists() or is_file_named(path) else {})
    is_configured = file.exists()
    for secret, text in secret_files():
        tree.put(key_path(secret.name), text, str(secret))
    for variable, text in environment().items():
        tree.put(key_path(variable), text, variable)
    overlay(tree, overrides)
    if not is_configured and not tree.origins:
        raise ConfigInvalid(f"there is no configuration: neither {file} nor DIALER_… variables; run `dialer init`")
    return _validated(tree, file).at(file.parent)


def _validated(tree: Tree, file: Path) -> Settings:
    try:
        settings = Settings.model_validate(tree.values)
    except ValidationError as error:
        lines = [_line(problem, tree, file) for problem in error.errors(include_url=False)]
        raise ConfigInvalid("\n".join(dict.fromkeys(lines))) from None
    if settings.default_provider and settings.default_provider not in settings.providers:
        origin = _origin(("default_provider",), tree, file)
        hint = _nearest(settings.default_provider, settings.providers, "providers are")
        raise ConfigInvalid(f"{origin}: expected the name of a provider, got {settings.default_provider!r}; {hint}")
    return settings


def _line(problem: ErrorDetails, tree: Tree, file: Path) -> str:
    path = _path(problem)
    origin = _origin(path, tree, file)
    match problem["type"]:
        case "extra_forbidden":
            return f"{origin}: is not a known key; {_nearest(path[-1], _known_keys(path[:-1], tree), 'known are')}"
        case "missing":
            return f"{origin}: is missing{_similar_account(path, tree)}"
        case "string_pattern_mismatch" if problem["loc"][-1] == "[key]":
            return f"{origin}: expected an account name of a-z, 0-9 and _"
        case "value_error":
            return f"{origin}: {_got(problem['msg'].removeprefix('Value error, '), path, problem)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{origin}: expected a table"
        case _:
            expected = problem["msg"].removeprefix("Input should be ").removeprefix("Input should have ")
            return f"{origin}: {_got(f'expected {expected}', path, problem)}"


def _got(expected: str, path: KeyPath, problem: ErrorDetails) -> str:
    """Add the value, unless it may be a secret or the expectation quotes it already."""
    value = problem["input"]
    if _MAY_BE_SECRET & set(path) or isinstance(value, dict | BaseModel):
        return expected
    parts = list(value) if isinstance(value, tuple | list | set | frozenset) else [value]
    quoted = any(f"{part!r:.80}" in expected for part in parts)
    return expected if quoted else f"{expected}, got {value!r:.120}"


def _path(problem: ErrorDetails) -> KeyPath:
    """Where it is in the configuration: without the tag of the provider's kind and without pydantic's own marks."""
    path = [str(part) for part in problem["loc"]]
    if path[0] == "providers" and len(path) > 2:
        del path[2]
    return tuple(part for part in path if part != "[key]")


def _origin(path: KeyPath, tree: Tree, file: Path) -> str:
    """The variable or secret file that set it, else its place in the file."""
    for length in range(len(path), 0, -1):
        if path[:length] in tree.origins:
            return tree.origins[path[:length]]
    return _origin_within(path, tree) or f"{file.name}: {'.'.join(path)}"


def _origin_within(section: KeyPath, tree: Tree) -> str | None:
    return next((origin for path, origin in tree.origins.items() if path[: len(section)] == section), None)


def _known_keys(section: KeyPath, tree: Tree) -> list[str]:
    shape: type[BaseModel] = Settings
    if section[:1] in (("timing",), ("http",)):
        shape = TimingSettings if section[0] == "timing" else HttpSettings
    elif section[:1] == ("providers",) and len(section) == 2:
        shape = _PROVIDERS.get(tree.values["providers"][section[1]].get("kind"), PluginSettings)
    return list(shape.model_fields)


def _nearest(word: str, known: Any, listed_as: str) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"{listed_as}: {', '.join(known) or 'none'}"


def _similar_account(path: KeyPath, tree: Tree) -> str:
    """A variable with a mistyped account name would begin an account of its own: say so."""
    beginner = _origin_within(path[:2], tree)
    if path[:1] != ("providers",) or path[2:] != ("kind",) or beginner is None:
        return ""
    others = [name for name, table in tree.values["providers"].items() if isinstance(table, dict) and "kind" in table]
    near = get_close_matches(path[1], others, n=1, cutoff=0.5)
    meant = f"; did you mean the account {near[0]!r}?" if near else ""
    return f", and {beginner} sets a key of that account{meant}"
