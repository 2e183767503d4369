"""Notices are sent on threads of their own: whoever hands one over is free at once, whatever the receiver does."""

from __future__ import annotations

from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Event
from typing import Any, cast

from dialer.domain.notice import Notice
from dialer.domain.states import AttemptState
from dialer.errors import LedgerUnreachable
from dialer.ports import Switchboard
from dialer.ports.courier import Courier
from workers.outage import outages
from workers.telling import SLOTS, WAITING, Telling

PATIENCE_SECONDS = 5.0
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Ledger:
    """Only as much of one as a notice needs to be given up; `look` is what happens meanwhile."""

    def __init__(self, look: Any) -> None:
        self.notices = self
        self.reading = self
        self.looked: SimpleQueue[str] = SimpleQueue()
        self._look = look

    def get(self, notice_id: str) -> Notice:
        self.looked.put(notice_id)
        self._look(notice_id)
        return Notice(notice_id, "w1", "a1", "call-1", 1, AttemptState.ENDED, NOON, due_at=NOON)

    def call(self, call_id: str) -> None:
        return None

    def later(self, *what: Any) -> None:
        """Given up: its agent names no webhook."""


class Desk:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger


def telling(ledger: Ledger) -> Telling:
    return Telling(cast(Switchboard, Desk(ledger)), cast(Courier, None))


def test_whoever_hands_over_is_free_at_once_and_a_flood_is_left_to_the_ledger() -> None:
    go_on = Event()
    ledger = Ledger(lambda _: go_on.wait(PATIENCE_SECONDS))
    one = telling(ledger)
    for number in range(SLOTS + WAITING + 50):
        one.begin(f"notice-{number}")
    began = {ledger.looked.get(timeout=PATIENCE_SECONDS) for _ in range(SLOTS)}
    assert began == {f"notice-{number}" for number in range(SLOTS)}
    assert ledger.looked.empty(), "no more at once than there are slots"
    go_on.set()
    rest = {ledger.looked.get(timeout=PATIENCE_SECONDS) for _ in range(WAITING)}
    assert f"notice-{SLOTS + WAITING}" not in rest
    one.close()
    assert ledger.looked.empty()


def test_what_is_being_sent_at_the_end_is_sent_to_its_end_and_what_waits_is_left() -> None:
    go_on = Event()
    ledger = Ledger(lambda _: go_on.wait(PATIENCE_SECONDS))
    one = telling(ledger)
    for number in range(SLOTS + 5):
        one.begin(f"notice-{number}")
    for _ in range(SLOTS):
        ledger.looked.get(timeout=PATIENCE_SECONDS)
    go_on.set()
    one.close()
    assert ledger.looked.qsize() <= 5


def test_whatever_goes_wrong_with_one_the_next_is_told() -> None:
    def look(notice_id: str) -> None:
        if notice_id == "down":
            raise LedgerUnreachable
        if notice_id == "odd":
            raise ValueError(notice_id)

    ledger = Ledger(look)
    one = telling(ledger)
    for name in ("down", "odd", "good"):
        one.begin(name)
    assert sorted(ledger.looked.get(timeout=PATIENCE_SECONDS) for _ in range(3)) == ["down", "good", "odd"]
    one.close()
    outages.ended()
