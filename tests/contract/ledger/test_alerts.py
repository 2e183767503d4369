"""Alerts and tidings: once when it begins, once when it is over, whoever looks and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select

from dialer.domain.upkeep import AlertKind, Condition
from dialer.ledger import SqlLedger
from dialer.ledger.upkeep_tables import alerts, tidings
from tests.contract.ledger.builders import HOUR, MINUTE, House

STOPPED, PAUSED, LOST = AlertKind.ACCOUNT_STOPPED, AlertKind.BATCH_PAUSED, AlertKind.SCHEDULER_LOST
KINDS = (STOPPED, PAUSED)
BOTH = ("command", "webhook")


def stopped(subject: str = "au") -> Condition:
    return Condition(STOPPED, subject, f"account {subject} stopped (auth): HTTP 401")


def due(ledger: SqlLedger) -> list[tuple[str, str, bool]]:
    return [(each.alert.subject, each.channel, each.is_over) for each in ledger.alerts.due(BOTH, 10)]


def put_off(house: House) -> None:
    """A minute has passed since they were handed out."""
    with house.ledger._transactions.write() as connection:
        for tiding_id, due_at in connection.execute(select(tidings.c.tiding_id, tidings.c.due_at)).all():
            if due_at is not None:
                this = tidings.update().where(tidings.c.tiding_id == tiding_id)
                connection.execute(this.values(due_at=due_at - MINUTE))


def test_what_is_wrong_begins_once_and_is_over_once(ledger: SqlLedger) -> None:
    [began] = ledger.alerts.observe(KINDS, [stopped()], ["webhook"])
    assert (began.kind, began.subject, began.over_at) == (STOPPED, "au", None)
    assert ledger.alerts.observe(KINDS, [stopped()], ["webhook"]) == []
    assert ledger.alerts.open() == [began]
    [over] = ledger.alerts.observe(KINDS, [], ["webhook"])
    assert over.alert_id == began.alert_id
    assert over.over_at is not None
    assert over.over_at >= began.began_at
    assert ledger.alerts.open() == []
    assert ledger.alerts.observe(KINDS, [], ["webhook"]) == []


def test_the_same_thing_later_is_another_alert(ledger: SqlLedger) -> None:
    [first] = ledger.alerts.observe(KINDS, [stopped()], [])
    ledger.alerts.observe(KINDS, [], [])
    [second] = ledger.alerts.observe(KINDS, [stopped()], [])
    assert second.alert_id > first.alert_id


def test_who_looks_at_some_kinds_ends_no_others(ledger: SqlLedger) -> None:
    ledger.alerts.observe([LOST], [Condition(LOST, "", "no tick")], [])
    ledger.alerts.observe(KINDS, [stopped("au"), stopped("us")], [])
    ledger.alerts.observe(KINDS, [stopped("us")], [])
    assert sorted((alert.kind, alert.subject) for alert in ledger.alerts.open()) == [(STOPPED, "us"), (LOST, "")]


def test_eight_who_look_at_once_make_one_alert(ledger: SqlLedger) -> None:
    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(ledger.alerts.observe, KINDS, [stopped()], ["webhook"]) for _ in range(8)]
        assert sum(len(look.result()) for look in looks) == 1
    assert due(ledger) == [("au", "webhook", False)]


def test_each_channel_is_told_of_the_beginning_and_then_of_the_end(house: House, ledger: SqlLedger) -> None:
    ledger.alerts.observe(KINDS, [stopped()], BOTH)
    [command, webhook] = ledger.alerts.due(BOTH, 10)
    assert due(ledger) == []  # handed out
    ledger.alerts.told(command.tiding_id)
    ledger.alerts.observe(KINDS, [], BOTH)
    assert due(ledger) == [("au", "command", True)]  # the webhook has not heard of the beginning yet
    ledger.alerts.later(webhook.tiding_id, None, "gave up")
    assert due(ledger) == [("au", "webhook", True)]


def test_a_tiding_that_was_not_told_is_handed_out_again(house: House, ledger: SqlLedger) -> None:
    ledger.alerts.observe(KINDS, [stopped()], ["webhook"])
    [tiding] = ledger.alerts.due(BOTH, 10)
    put_off(house)  # whoever had it died
    [again] = ledger.alerts.due(BOTH, 10)
    assert (again.tiding_id, again.tries) == (tiding.tiding_id, 0)
    ledger.alerts.later(tiding.tiding_id, HOUR, "HTTP 500")
    put_off(house)
    assert due(ledger) == []
    ledger.alerts.later(tiding.tiding_id, timedelta(0), "HTTP 500")
    [third] = ledger.alerts.due(BOTH, 10)
    assert third.tries == 2
    ledger.alerts.told(tiding.tiding_id)
    ledger.alerts.later(tiding.tiding_id, timedelta(0), "an answer that came late")
    assert due(ledger) == []


def test_a_channel_that_nobody_has_gets_nothing(ledger: SqlLedger) -> None:
    ledger.alerts.observe(KINDS, [stopped()], [])
    ledger.alerts.observe(KINDS, [], BOTH)  # configured since: it was not to be told of the beginning
    ledger.alerts.observe(KINDS, [stopped("us")], ["webhook"])
    assert ledger.alerts.due([], 10) == []
    assert ledger.alerts.due(["command"], 10) == []
    assert due(ledger) == [("us", "webhook", False)]


def test_a_kind_that_a_later_version_knows_is_left_to_it(house: House, ledger: SqlLedger) -> None:
    ledger.alerts.observe(KINDS, [stopped()], ["webhook"])
    house.rewrite(alerts, alerts.c.subject == "au", kind="something_new")
    assert ledger.alerts.open() == []
    assert due(ledger) == []
    assert ledger.alerts.observe(KINDS, [], ["webhook"]) == []
