"""Every way in which a provider's answer goes wrong (contract, section 6), each met by a number of its own."""

from __future__ import annotations

from typing import Any

from tests.chaos.auditor import Verdict
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.ground import FAST, Ground, phones, ready
from tests.chaos.ledgers import SqliteBooks

PRIVATE = {"kind": "redirect", "location": "http://169.254.169.254/latest/meta-data/"}
#: It cannot be known from these whether the call was placed; whether it was, by the number's list.
PLACED: dict[str, Any] = {
    **{f"{status} placed": {"status": status, "placed": True} for status in (408, 409, 500, 502, 503, 504)},
    **{kind: kind for kind in ("reset", "close_without_answer", "half_close", "drip", "garbage", "timeout")},
    **{kind: kind for kind in ("html200", "empty200", "no_id", "big", "gzip_bomb")},
}
NOT_PLACED: dict[str, Any] = {
    **{f"{status} not placed": status for status in (408, 409, 500, 502, 503, 504)},
    "redirect": PRIVATE,
    "reset_before": "reset_before",
}
#: Refused, once: this number for good, or the account and the batch until somebody lifts it.
REJECTED: dict[str, Any] = {"400": 400, "422": 422}
GUARDED: dict[str, Any] = {
    "401": 401,
    "402": 402,
    "403": 403,
    "404": 404,
    **{f"429 {after}": {"status": 429, "retry_after": after} for after in ("1", "date+1", "-1", "soon")},
}
FAULTS = PLACED | NOT_PLACED | REJECTED | GUARDED
KINDS = {"batch_call": "202", "outboundcalls": "212", "inspra": "213"}


def test_every_fault_of_a_provider(form: Form, sqlite_books: SqliteBooks, prepare: Prepare, conclude: Conclude) -> None:
    """A list that shows a call late must not be taken for a proof that there was none."""
    rounds, list_delay = form.pick(1, 20), 2.0
    numbers = {kind: phones(rounds * len(FAULTS), area) for kind, area in KINDS.items()}
    rules = [
        {"phone": [listed[at] for at in range(index, len(listed), len(FAULTS))], "nth": 1, "fault": fault}
        for listed in numbers.values()
        for index, fault in enumerate(FAULTS.values())
    ]
    scenario = {"defaults": FAST | {"list_delay": list_delay}, "rules": rules}
    ground = prepare(sqlite_books, scenario, pace=20.0)
    ground.open(schedulers=1, workers=2)
    loaded = {kind: ground.load(kind, listed, kind) for kind, listed in numbers.items()}
    good = {kind: ground.load(f"good-{kind}", phones(30 * rounds, area, 5000), kind) for kind, area in KINDS.items()}
    ready(ground, [*ground.workers, *ground.schedulers])
    ground.rest(form.seconds(120.0, 1800.0), attended=True)
    verdict = conclude(ground, rounds * len(FAULTS) * len(KINDS))
    for kind, batch in good.items():
        assert set(_ends(ground, batch.batch_id).values()) <= {"reached", "handed_off"}, kind
    for kind in ("batch_call", "outboundcalls"):
        _assert_row_by_row(_ends(ground, loaded[kind].batch_id), numbers[kind], kind)
    _assert_nothing_is_hidden(verdict, _ends(ground, loaded["inspra"].batch_id), numbers["inspra"])


#: A closed port, a name that nobody has, and a server that speaks no TLS: the request never leaves.
ELSEWHERE = {
    "refusing": "http://127.0.0.1:1",
    "nameless": "http://nobody.invalid",
    "cleartext": "https://127.0.0.1:{port}",
}


def test_a_provider_that_cannot_be_reached_costs_no_attempt(
    form: Form, sqlite_books: SqliteBooks, prepare: Prepare, conclude: Conclude
) -> None:
    """Its breaker opens, its calls wait with all their attempts, and others are dialed meanwhile."""
    many = form.pick(15, 300)
    ground = prepare(sqlite_books, {"defaults": FAST}, pace=20.0, elsewhere=ELSEWHERE)
    ground.open(schedulers=1, workers=2)
    ready(ground, [*ground.workers, *ground.schedulers])
    areas = {name: str(302 + at) for at, name in enumerate(ELSEWHERE)}
    unreached = [ground.load(name, phones(many, area), name) for name, area in areas.items()]
    good = ground.load("good", phones(many, "202"), "batch_call")
    ground.until(lambda: _stops(ground) == dict.fromkeys(ELSEWHERE, "breaker"), "three breakers open")
    ground.until(lambda: ground.dialer.status(good.batch_id).state == "completed", "the others dialed")
    for batch in unreached:
        status = ground.dialer.status(batch.batch_id)
        assert (status.attempts, status.counts["closed"], status.counts["unknown"]) == (0, 0, 0), status
        assert "breaker" in str(status.why), status
        ground.say(batch, "terminate")
    ground.rest(form.seconds(60.0, 600.0))
    assert conclude(ground, len(ELSEWHERE)).unknown == 0


def _stops(ground: Ground) -> dict[str, str]:
    return {account.name: account.stop for account in ground.dialer.accounts() if account.stop is not None}


def _ends(ground: Ground, batch_id: str) -> dict[str, str]:
    return {call.phone: str(call.close_reason) for call in ground.dialer.calls(batch_id)}


def _assert_row_by_row(ends: dict[str, str], numbers: list[str], kind: str) -> None:
    for at, phone in enumerate(numbers):
        name = list(FAULTS)[at % len(FAULTS)]
        wanted = "reached" if name in PLACED or name in GUARDED else "rejected" if name in REJECTED else "unresolved"
        assert ends[phone] == wanted, f"{kind}: {name}: {phone} closed {ends[phone]}"


def _assert_nothing_is_hidden(verdict: Verdict, ends: dict[str, str], numbers: list[str]) -> None:
    """Inspra cannot be asked: what is not known for certain stays unresolved."""
    for at, phone in enumerate(numbers):
        name = list(FAULTS)[at % len(FAULTS)]
        if name in REJECTED:
            assert ends[phone] == "rejected", name
        elif name in GUARDED:
            assert ends[phone] == "handed_off", name
        else:
            assert ends[phone] in ("unresolved", "handed_off"), name
    assert verdict.unknown >= len(numbers) // 3
