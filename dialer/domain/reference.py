"""Our id for an attempt, derived from it: the same attempt has the same reference, whoever asks and whenever."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID, uuid5

#: A ledger restored from a backup may have forgotten attempts with numbers up to this far ahead: each claim that was
#: deferred used one up.
NUMBERS_FORGOTTEN = 8


def reference_of(ledger_id: str, call_id: str, number: int) -> str:
    """Derived, never random: a ledger restored from a backup makes the same one again."""
    return str(uuid5(_namespace(ledger_id), f"{call_id}:{number}"))


@lru_cache(maxsize=16)
def _namespace(ledger_id: str) -> UUID:
    return UUID(ledger_id)


def forgotten_references(
    ledger_id: str, call_id: str, number: int, known: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """References that forgotten attempts may have had; `number` is that of the attempt standing for them.

    From the first number on: before the restored ledger was doubted it may have given numbers a second time, and used
    them up. `known`: references of attempts that it had when the backup was taken.
    """
    wanted = (reference_of(ledger_id, call_id, each) for each in range(1, number + 1))
    return tuple(reference for reference in wanted if reference not in known)


def as_id(text: object) -> str | None:
    """An id in the one spelling that the ledger keeps; None where it is none."""
    try:
        return str(UUID(text)) if isinstance(text, str) else None
    except ValueError:
        return None
