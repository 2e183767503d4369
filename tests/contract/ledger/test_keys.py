"""API keys: found by their digest, revoked for good, their last use to the minute."""

from __future__ import annotations

from dialer.domain.client import ApiKey, Scope
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import keys
from tests.contract.ledger.builders import LONG_AGO, House

KEY, SECRET = "k" * 64, "s" * 64


def created(ledger: SqlLedger, digest: str = KEY, workspace: str = "w1") -> ApiKey:
    return ledger.keys.create(workspace, [Scope.ENQUEUE, Scope.READ], digest, SECRET)


def found(ledger: SqlLedger, digest: str = KEY) -> ApiKey:
    entry = ledger.keys.find(digest)
    assert entry is not None
    return entry[0]


def test_a_key_is_found_by_its_digest_and_by_nothing_else(ledger: SqlLedger) -> None:
    key = created(ledger)
    assert ledger.keys.find(KEY) == (key, SECRET)
    assert (key.workspace_id, key.scopes, key.revoked_at, key.last_used_at) == ("w1", ("enqueue", "read"), None, None)
    assert ledger.keys.find(SECRET) is None
    assert ledger.keys.find(key.key_id) is None


def test_entries_are_a_workspace_s_own_in_the_order_of_their_creation(ledger: SqlLedger) -> None:
    first, other, second = (created(ledger, word * 64, of) for word, of in (("a", "w1"), ("b", "w2"), ("c", "w1")))
    assert {key.key_id for key in ledger.keys.entries()} == {first.key_id, other.key_id, second.key_id}
    assert [key.key_id for key in ledger.keys.entries("w2")] == [other.key_id]
    assert [key.created_at for key in ledger.keys.entries()] == sorted(key.created_at for key in ledger.keys.entries())
    assert ledger.keys.entries("w3") == []


def test_a_revoked_key_is_kept_and_revoked_once(ledger: SqlLedger) -> None:
    key = created(ledger)
    other = created(ledger, "o" * 64)
    assert ledger.keys.revoke(key.key_id)
    revoked_at = found(ledger).revoked_at
    assert revoked_at is not None
    assert not ledger.keys.revoke(key.key_id)
    assert found(ledger).revoked_at == revoked_at
    assert not ledger.keys.revoke("00000000-0000-4000-8000-000000000000")
    assert found(ledger, "o" * 64) == other


def test_the_last_use_is_kept_to_the_minute(house: House, ledger: SqlLedger) -> None:
    key = created(ledger)
    ledger.keys.used(key.key_id)
    first = found(ledger).last_used_at
    assert first is not None
    ledger.keys.used(key.key_id)
    assert found(ledger).last_used_at == first
    house.rewrite(keys, keys.c.key_id == key.key_id, last_used_at=LONG_AGO)
    ledger.keys.used(key.key_id)
    latest = found(ledger).last_used_at
    assert latest is not None
    assert latest >= first
