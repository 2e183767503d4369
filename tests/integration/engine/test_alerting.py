"""Who is called when something is wrong, and that it is once when it begins and once when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dialer.domain.placement import AnswerKind
from dialer.domain.states import HoldScope, StopKind
from dialer.domain.upkeep import Tiding
from dialer.engine import alerting, control
from dialer.engine.guards import UNKNOWNS_LEFT_OPEN
from dialer.ledger.tables import lease
from dialer.ports import Switchboard
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, MINUTE, SECOND, Rig, an_account, phones, refusal

PHONE = phones(1)[0]


@dataclass
class Pager:
    """An alarm that remembers, or refuses."""

    channel: str = "command"
    told: list[Tiding] = field(default_factory=list)
    refusing: str | None = None

    def tell(self, tiding: Tiding) -> str | None:
        if self.refusing is None:
            self.told.append(tiding)
        return self.refusing

    @property
    def words(self) -> list[tuple[str, str, str]]:
        return [(each.document()["event"] or "", each.alert.kind.value, each.alert.subject) for each in self.told]


@dataclass
class Post:
    """One process that looks and tells, again and again."""

    rig: Rig
    pager: Pager
    house: alerting.Watch = field(default_factory=alerting.house_watch)
    others: alerting.Watch = field(default_factory=alerting.scheduler_watch)

    @property
    def desk(self) -> Switchboard:
        return replace(self.rig.desk, alarms=[self.pager])

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            alerting.watch_house(self.desk, self.house)
            alerting.watch_scheduler(self.desk, self.others)
            alerting.ring(self.desk)

    def restart(self) -> None:
        self.house, self.others = alerting.house_watch(), alerting.scheduler_watch()


@pytest.fixture
def post(rig: Rig) -> Post:
    return Post(rig, Pager())


def batch_id(rig: Rig, ref: str = "spring") -> str:
    return rig.dialer.find_batch(f"w1/a1/{ref}").batch_id


def stop_by_auth(rig: Rig) -> None:
    rig.load(phones(1))
    rig.provider.answers(PHONE, refusal(AnswerKind.AUTH, 401))
    rig.step()


def stop_by_credit(rig: Rig) -> None:
    rig.load(phones(1))
    rig.provider.answers(PHONE, refusal(AnswerKind.CREDIT, 402))
    rig.step()


def paused_by_a_wrong_agent(rig: Rig) -> None:
    rig.load(phones(1))
    rig.provider.answers(PHONE, refusal(AnswerKind.CONFIGURATION, 404))
    rig.step()


def paused_by_unknowns(rig: Rig) -> None:
    rig.load(phones(UNKNOWNS_LEFT_OPEN + 1))
    for number in phones(UNKNOWNS_LEFT_OPEN + 1):
        rig.provider.answers(number, refusal(AnswerKind.UNKNOWN, 502))
    rig.step()


def resume_account(rig: Rig) -> None:
    rig.ledger.accounts.lift("au")


def resume_batch(rig: Rig) -> None:
    rig.resume(rig.dialer.find_batch("w1/a1/spring"))


@pytest.mark.parametrize(
    ("wrong", "kind", "mended"),
    [
        (stop_by_auth, "account_stopped", resume_account),
        (stop_by_credit, "credit_guard_closed", resume_account),
        (paused_by_a_wrong_agent, "batch_paused", resume_batch),
        (paused_by_unknowns, "too_many_unknowns", resume_batch),
    ],
    ids=["auth", "credit", "wrong agent", "unknown cap"],
)
def test_it_is_told_once_when_it_begins_and_once_when_it_is_over(
    rig: Rig, post: Post, wrong: Callable[[Rig], None], kind: str, mended: Callable[[Rig], None]
) -> None:
    wrong(rig)
    post.look(times=3)
    subject = "au" if kind in ("account_stopped", "credit_guard_closed") else batch_id(rig)
    assert post.pager.words == [("began", kind, subject)]
    post.restart()
    post.look(times=3)
    assert len(post.pager.told) == 1
    mended(rig)
    post.look(times=3)
    post.restart()
    post.look()
    assert post.pager.words == [("began", kind, subject), ("over", kind, subject)]
    assert post.pager.told[0].document()["id"] != post.pager.told[1].document()["id"]


def test_a_pause_of_an_operator_calls_nobody(rig: Rig, post: Post) -> None:
    rig.pause(rig.load(phones(1)))
    control.press(rig.desk, HoldScope.ALL, "", on=True)
    rig.dialer.upkeep.drain()
    post.look()
    assert post.pager.told == []


def test_a_stop_that_is_being_probed_is_not_over_yet(rig: Rig, post: Post) -> None:
    stop_by_auth(rig)
    post.look()
    rig.later(16 * MINUTE)
    post.look()
    assert [event for event, *_ in post.pager.words] == ["began"]
    rig.step()  # the probe is accepted
    post.look()
    assert [event for event, *_ in post.pager.words] == ["began", "over"]


def test_a_throttled_account_is_worth_a_call_after_a_minute_only(rig: Rig, post: Post) -> None:
    rig.ledger.accounts.stop("au", StopKind.THROTTLED, "HTTP 429", 10 * SECOND)
    post.look()
    assert post.pager.told == []
    rig.later(61 * SECOND)
    post.look()
    assert post.pager.words == [("began", "account_stopped", "au")]


def test_a_low_balance_closes_the_credit_guard_and_one_not_read_yet_does_not(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(minimum_balance=25.0)})
    post = Post(rig, Pager())
    post.look(times=1)
    rig.ledger.accounts.set_balance("au", 100.0)
    post.look()
    assert post.pager.told == []
    rig.ledger.accounts.set_balance("au", 3.0)
    post.look()
    assert post.pager.words == [("began", "credit_guard_closed", "au")]
    assert "balance 3 is below the minimum of 25" in post.pager.told[0].alert.detail
    rig.ledger.accounts.set_balance("au", 100.0)
    post.look()
    assert post.pager.words[1:] == [("over", "credit_guard_closed", "au")]


def test_a_lost_scheduler_is_told_by_another_process_and_is_over_when_one_ticks(rig: Rig, post: Post) -> None:
    silent_after = alerting.SILENT_TIMES * rig.rules.timing.dead_after
    rig.clock.advance((silent_after + SECOND).total_seconds())
    seats = [post, Post(rig, post.pager), Post(rig, post.pager)]
    for _ in range(3):
        for each in seats:
            alerting.watch_scheduler(each.desk, each.others)
            alerting.ring(each.desk)
    assert post.pager.words == [("began", "scheduler_lost", "")]
    rig.beat()
    for each in seats:
        alerting.watch_scheduler(each.desk, each.others)
        alerting.ring(each.desk)
    assert post.pager.words == [("began", "scheduler_lost", ""), ("over", "scheduler_lost", "")]


def test_a_ledger_on_which_none_ever_ticked_has_lost_none(new_rig: NewRig) -> None:
    rig = new_rig()
    with rig.ledger._transactions.write() as connection:
        connection.execute(update(lease).values(ticked_at=None))
    rig.clock.advance(HOUR.total_seconds())
    post = Post(rig, Pager())
    post.look()
    assert post.pager.told == []


def test_no_number_is_in_what_is_told(rig: Rig, post: Post) -> None:
    rig.load(phones(1))
    words = "the number +61 3 8777 0000, also 0387770000 or (03) 8777-0000, is not yours; since 2026-11-23T01:02:03Z"
    rig.provider.answers(PHONE, replace(refusal(AnswerKind.AUTH, 401), detail=words))
    rig.step()
    post.look()
    document: dict[str, Any] = post.pager.told[0].document()
    for text in (document["detail"], document["text"]):
        assert "8777" not in text
        assert "since 2026-11-23T01:02:03Z" in text
    assert document["detail"].count("[number]") == 3


def test_an_alarm_that_refuses_is_told_again_later_and_the_end_waits_for_it(rig: Rig, post: Post) -> None:
    stop_by_auth(rig)
    post.pager.refusing = "HTTP 500"
    post.look(times=4)
    post.pager.refusing = None
    rig.ledger.accounts.lift("au")
    post.look()
    assert post.pager.told == []
    rig.later(10 * SECOND)
    post.look()
    assert [(event, tiding.tries) for (event, *_), tiding in zip(post.pager.words, post.pager.told, strict=True)] == [
        ("began", 1),
        ("over", 0),
    ]


def test_an_alarm_that_never_hears_is_given_up_after_a_day(rig: Rig, post: Post) -> None:
    stop_by_auth(rig)
    post.look()
    post.pager.refusing, tries, began = "HTTP 500", 0, rig.now
    rig.ledger.accounts.lift("au")
    alerting.watch_house(post.desk, post.house)
    while rig.now - began < timedelta(days=3):
        tries += len(alerting.ring(post.desk))
        rig.clock.advance(HOUR.total_seconds() / 6)
    assert tries == alerting.MOST_TRIES


def test_without_an_alarm_it_is_remembered_all_the_same(rig: Rig) -> None:
    stop_by_auth(rig)
    watch = alerting.house_watch()
    for _ in range(2):
        alerting.watch_house(rig.desk, watch)
    assert alerting.ring(rig.desk) == []
    assert [alert.subject for alert in rig.ledger.alerts.open()] == ["au"]
