"""Keys are all under one prefix, all different, and all described."""

from __future__ import annotations

from dialer.coordination import keys

ALL = [
    keys.EPOCH,
    keys.DEBT,
    keys.SIGNALS,
    keys.WAKE,
    keys.WAKE_TEST,
    keys.permits("main"),
    keys.pace("main"),
    keys.starts("main"),
    keys.armed("main"),
    keys.witness("call-1"),
    keys.ticked("ledger-1"),
    keys.requests("key-1"),
]


def test_every_key_is_under_the_prefix() -> None:
    assert all(key.startswith("dlr:") for key in ALL)


def test_no_two_keys_meet() -> None:
    others = [keys.permits("other"), keys.pace("other"), keys.starts("other"), keys.witness("call-2")]
    assert len({*ALL, *others}) == len(ALL) + len(others)


def test_every_key_is_described() -> None:
    described = [line.split()[0] for line in (keys.__doc__ or "").splitlines() if line.startswith("dlr:")]
    words = {"main": "<account>", "call-1": "<call", "ledger-1": "<ledger", "key-1": "<key"}
    spelled = list(ALL)
    for name, word in words.items():
        spelled = [key.replace(name, word) for key in spelled]
    assert sorted(described) == sorted(spelled)
