"""An outage is two lines in the log, however long it lasts and however many threads notice."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from dialer.errors import LedgerUnreachable, RedisUnreachable
from workers.outage import Outages


def test_an_outage_is_said_once_and_its_end_once() -> None:
    outages = Outages()
    with capture_logs() as lines:
        for _ in range(3):
            outages.began(RedisUnreachable("no answer"))
        outages.ended()
        outages.ended()
    assert [line["event"] for line in lines] == ["redis.lost", "redis.back"]


def test_the_next_outage_is_said_again() -> None:
    outages = Outages()
    with capture_logs() as lines:
        for _ in range(2):
            outages.began(LedgerUnreachable("gone"))
            outages.ended()
    assert [line["event"] for line in lines] == ["ledger.lost", "ledger.back"] * 2


@pytest.mark.parametrize("first", [RedisUnreachable, LedgerUnreachable])
def test_redis_and_the_ledger_are_told_apart(first: type[RedisUnreachable | LedgerUnreachable]) -> None:
    outages = Outages()
    with capture_logs() as lines:
        outages.began(first())
        outages.began(RedisUnreachable())
        outages.began(LedgerUnreachable())
    assert sorted(line["event"] for line in lines) == ["ledger.lost", "redis.lost"]


def test_only_what_is_back_is_said_to_be_back() -> None:
    outages = Outages()
    with capture_logs() as lines:
        outages.began(RedisUnreachable())
        outages.began(LedgerUnreachable())
        outages.ended(LedgerUnreachable)
    assert [line["event"] for line in lines] == ["redis.lost", "ledger.lost", "ledger.back"]
