"""Finds the adapter of an account by its kind: ours are registered as entry points, just as a stranger's are."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from dialer.domain.placement import Account
from dialer.errors import ConfigInvalid
from dialer.ports.voice import VoiceProvider

GROUP = "dialer.providers"
_VERBS = ("prepare", "place", "progress", "find", "relay", "balance")


def kinds() -> tuple[str, ...]:
    """Every kind that an account may have, sorted."""
    return tuple(sorted(_registered()))


def build(account: Account) -> VoiceProvider:
    """The account's adapter, without any network; raises ConfigInvalid for a kind that is unknown or unusable."""
    found = _registered().get(account.kind)
    if not found:
        raise ConfigInvalid(f"providers.{account.name}.kind: {_unknown(account.kind)}")
    if len(found) > 1:
        raise ConfigInvalid(
            f"provider kind {account.kind!r}: several packages claim it: {', '.join(map(_source, found))}"
        )
    adapter = _load(found[0])
    try:
        provider: VoiceProvider = adapter(account)
        lacking = [verb for verb in _VERBS if not callable(getattr(provider, verb, None))]
        lacking += [] if hasattr(provider, "capabilities") else ["capabilities"]
    except ConfigInvalid as error:
        raise ConfigInvalid(f"providers.{account.name}: {error.message}") from error
    except Exception as error:
        # Its text may hold a key of the account: only the kind of error is told.
        raise ConfigInvalid(
            f"providers.{account.name}: {_source(found[0])} refused it: {type(error).__name__}"
        ) from error
    if lacking:
        raise ConfigInvalid(
            f"provider kind {account.kind!r}: {_source(found[0])} is no VoiceProvider: no {', '.join(lacking)}"
        )
    return provider


def _registered() -> Mapping[str, list[EntryPoint]]:
    by_kind: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        # The same package may be found twice, installed and beside the sources: one adapter, not a conflict.
        by_kind.setdefault(entry.name, {})[entry.value] = entry
    return {kind: list(entries.values()) for kind, entries in by_kind.items()}


def _load(entry: EntryPoint) -> type:
    try:
        adapter = entry.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigInvalid(f"provider kind {entry.name!r}: {_source(entry)} cannot be loaded: {why}") from error
    if not callable(adapter):
        raise ConfigInvalid(f"provider kind {entry.name!r}: {_source(entry)} is not callable: expected a class")
    return adapter  # type: ignore[no-any-return]


def _source(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "an unnamed package"
    return f"{entry.value} of {package}"


def _unknown(kind: str) -> str:
    known = kinds()
    near = get_close_matches(kind, known, n=1, cutoff=0.5)
    nearest = f"; did you mean {near[0]!r}?" if near else ""
    return f"{kind!r} is no kind of provider: expected one of {', '.join(known) or '(none is installed)'}{nearest}"
