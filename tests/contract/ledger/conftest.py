"""The ledger under test, on both databases, with one account set up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dialer.ledger import SqlLedger, open_ledger
from tests.contract.ledger.builders import ACCOUNT, House


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[SqlLedger]:
    ledger = open_ledger(ledger_url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    yield ledger
    ledger.close()


@pytest.fixture
def house(ledger: SqlLedger) -> House:
    return House(ledger)
