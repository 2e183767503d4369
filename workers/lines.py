"""Turns what the engine reports into log lines: one for each move, by the ids of batch, call and attempt."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.domain.upkeep import Alert
from dialer.engine.alerting import Rung
from dialer.engine.dispatch import Dispatched
from dialer.engine.inbox import Heeded
from dialer.engine.reconcile import Asked
from dialer.engine.rounds import HouseReport, TickReport
from dialer.engine.telling import Told
from dialer.engine.unforeseen import Unforeseen
from workers.logs import log

#: What moved nothing is only worth a line to whoever debugs: a full account refuses many times a second.
_IDLE = frozenset({"ignored", "refused", "not_claimed", "later"})
#: Nobody foresaw it, or a provider's answer came too late to move its call.
_ALARMING = frozenset({"failed", "late"})
#: What fails in each tick is said once; so many different things are remembered.
_TOLD_AT_MOST = 1000
_told: set[tuple[str, str]] = set()


def _failed(failed: Iterable[Unforeseen]) -> None:
    for one in failed:
        key = one.about, one.fingerprint
        say = log().debug if key in _told else log().error
        say("item.failed", about=one.about, why=one.why, fingerprint=one.fingerprint)
        if len(_told) >= _TOLD_AT_MOST:
            _told.clear()
        _told.add(key)


def _doubted(doubt: str | None) -> None:
    """Once when it begins, once when it is over."""
    began = {key for key in _told if key[0] == "doubt"}
    if doubt is not None and not began:
        log().error("ledger.doubted", why=doubt)
        _told.add(("doubt", doubt))
    elif doubt is None and began:
        log().info("ledger.trusted")
        _told.difference_update(began)


def dispatched(call_id: str, done: Dispatched) -> None:
    facts = {key: value for key, value in done.facts.items() if value is not None}
    say = log().debug if done.event in _IDLE else log().info
    if done.event in _ALARMING:
        say = log().error
    say(f"call.{done.event}", batch_id=done.batch_id, call_id=call_id, attempt=done.number, why=done.why, **facts)


def asked(one: Asked) -> None:
    seen = one.attempt
    say = log().error if one.fingerprint else log().debug if one.event in _IDLE else log().info
    facts = {"fingerprint": one.fingerprint} if one.fingerprint else {}
    say(f"call.{one.event}", batch_id=seen.batch_id, call_id=seen.call_id, attempt=seen.number, why=one.detail, **facts)


def ticked(report: TickReport) -> None:
    _failed(report.failed)
    _doubted(report.doubt)
    for batch_id in report.runs:
        log().info("run.loaded", batch_id=batch_id)
    for batch_id in report.completed:
        log().info("batch.completed", batch_id=batch_id)
    moved = {
        "renewed": report.renewed,
        "promoted": report.promoted,
        "pushed": report.pushed,
        "expired": report.expired,
        "terminated": report.terminated,
    }
    if any(moved.values()):
        log().info("tick.moved", **{name: count for name, count in moved.items() if count})


def kept_house(report: HouseReport) -> None:
    _failed(report.failed)
    for batch_id in report.rolled_back:
        log().error("batch.halted", batch_id=batch_id, why="Redis knows a later word: the ledger was rolled back")
    if report.orphans:
        log().warning("calls.orphaned", count=report.orphans, why="their worker is dead; the provider is asked")
    if report.repushed:
        log().warning("calls.pushed_again", count=report.repushed, why="nobody took their messages")


def alerted(changed: Iterable[Alert]) -> None:
    for alert in changed:
        facts = {"kind": alert.kind.value, "subject": alert.subject, "why": alert.detail}
        if alert.over_at is None:
            log().error("alert.began", **facts)
        else:
            log().info("alert.over", **facts)


def rung(done: Iterable[Rung]) -> None:
    for each in done:
        tiding = each.tiding
        facts = {"alert": tiding.document()["id"], "kind": tiding.alert.kind.value, "channel": tiding.channel}
        if each.why is None:
            log().info("alert.told", **facts)
        else:
            log().warning("alert.not_told", why=each.why, tries=tiding.tries + 1, **facts)


def recounted(count: int) -> None:
    if count:
        log().warning("tallies.recounted", batches=count, why="workers of an older version, which do not count")


def relayed(count: int) -> None:
    if count:
        log().info("control.relayed", count=count)


def heeded(hints: Iterable[Heeded]) -> None:
    for hint in hints:
        say = log().error if hint.fingerprint else log().debug if hint.event in _IDLE else log().info
        facts = {"fingerprint": hint.fingerprint} if hint.fingerprint else {}
        say(f"webhook.{hint.event}", account=hint.account, entry=hint.entry_id, why=hint.detail, **facts)


def handed_out(count: int) -> None:
    if count:
        log().debug("notices.handed_out", count=count)


def told(one: Told) -> None:
    if one.event != "ignored":
        say = log().warning if one.event == "dead" else log().info
        say(f"notice.{one.event}", notice_id=one.notice_id, call_id=one.call_id, why=one.detail)


def forgotten(count: int) -> None:
    if count:
        log().info("webhooks.forgotten", count=count)


def read(count: int) -> None:
    if count:
        log().debug("balances.read", count=count)
