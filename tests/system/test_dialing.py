"""Batches dialed from end to end, on both kinds of ledger, by real processes against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dialer import BatchStatus
from tests.system.site import AGENT, WORKSPACE, Site, numbers

RETRY = {"no_answer": 1, "busy": 1, "failed": 1}


def closed(site: Site, batch_id: str) -> dict[str, str]:
    """Close reasons by the last two digits of the number."""
    return {call.phone[-2:]: str(call.close_reason) for call in site.calls(batch_id)}


def nothing_left_to_dial(site: Site, batch_id: str) -> BatchStatus:
    """Its status once every number is over or with its provider."""
    open_states = ("waiting", "ready", "queued", "dialing")
    site.until(lambda: not any(site.dialer.status(batch_id).counts[state] for state in open_states), "nothing to dial")
    return site.dialer.status(batch_id)


def test_every_number_ends_for_the_reason_that_its_provider_gave(site: Site) -> None:
    """At once on the three kinds of provider, the last of which tells no outcome."""
    telling = {"batch_call": numbers("201", 10), "outboundcalls": numbers("202", 10)}
    fields = {"max_retries": 1, "retry": RETRY}
    batches = {kind: site.load(f"all-{kind}", phones, provider=kind, **fields) for kind, phones in telling.items()}
    silent = site.load("all-inspra", numbers("203", 6), provider="inspra")
    for batch_id in batches.values():
        assert site.end_of(batch_id).state == "completed"
        reasons = closed(site, batch_id)
        assert reasons.pop("02") == "exhausted"
        assert reasons.pop("04") == "rejected"
        # Its request died before the provider did anything: it is in no list, and is not dialed again on a guess.
        assert reasons.pop("07") == "unresolved"
        assert set(reasons.values()) == {"reached"}
        site.assert_nobody_was_called_twice(batch_id)
    site.end_of(silent)
    reasons = closed(site, silent)
    assert reasons.pop("03") == "unresolved"  # it cannot be asked what its 502 meant
    assert reasons.pop("04") == "rejected"
    assert set(reasons.values()) == {"handed_off"}
    site.assert_nobody_was_called_twice(silent)


def test_a_pause_stops_new_requests_and_a_resume_goes_on(site: Site) -> None:
    phones = numbers("204", 40, first=10)
    batch_id = site.load("paused", phones, provider="slow")
    site.until(lambda: len(site.placed(phones)) >= 5, "five calls")
    receipt = site.dialer.pause_batch(WORKSPACE, AGENT, "paused")
    before = len(site.placed(phones))
    site.until(lambda: site.dialer.status(batch_id).in_flight == 0, "nothing in flight")
    assert len(site.placed(phones)) <= before + receipt.in_flight
    settled = len(site.placed(phones))
    site.dialer.wait(batch_id, timeout=1.5)  # as long as nine calls of this account
    assert len(site.placed(phones)) == settled < len(phones)
    assert site.dialer.status(batch_id).state == "paused"
    site.dialer.resume_batch(WORKSPACE, AGENT, "paused")
    site.until(lambda: len(site.placed(phones)) > settled, "calls after the resume", seconds=3)
    site.dialer.terminate_batch(WORKSPACE, AGENT, "paused")
    site.assert_nobody_was_called_twice(batch_id)


def test_a_terminated_batch_places_nothing_more_and_says_so_of_every_number(site: Site) -> None:
    phones = numbers("205", 60, first=10)
    batch_id = site.load("terminated", phones, provider="slow")
    site.until(lambda: len(site.placed(phones)) >= 3, "three calls")
    receipt = site.dialer.terminate_batch(WORKSPACE, AGENT, "terminated")
    before = len(site.placed(phones))
    status = nothing_left_to_dial(site, batch_id)
    assert len(site.placed(phones)) <= before + receipt.in_flight
    assert status.state == "terminated"
    assert status.closed["terminated"] >= len(phones) - before - receipt.in_flight
    site.assert_nobody_was_called_twice(batch_id)


def test_a_test_call_overtakes_what_waits(site: Site) -> None:
    backlog = numbers("206", 60, first=10)
    batch_id = site.load("backlog", backlog, provider="slow")
    site.until(lambda: len(site.placed(backlog)) >= 2, "a backlog under way")
    phone = "+12065550190"
    test = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "probe", "provider": "slow", "phone": phone}
    site.dialer.test_call(test)
    took = site.until(lambda: bool(site.placed([phone])), "the test call")
    assert took < 3.0
    assert len(site.placed(backlog)) < 40
    site.dialer.terminate_batch(WORKSPACE, AGENT, "backlog")
    site.assert_nobody_was_called_twice(batch_id)


def test_nobody_is_called_once_the_batch_has_expired(site: Site) -> None:
    site.end_of(site.load("warm", numbers("207", 1, first=5)))  # whatever starts slowly has started
    phones = numbers("207", 85, first=10)
    exp = datetime.now(UTC) + timedelta(seconds=6)
    batch_id = site.load("expiring", phones, provider="slow", exp=exp.isoformat())
    status = nothing_left_to_dial(site, batch_id)
    late = [call for call in site.placed(phones) if call["placed_wall"] >= exp.timestamp()]
    assert late == []
    assert status.closed["expired"] > 0
    assert len(site.placed(phones)) > 0
    site.assert_nobody_was_called_twice(batch_id)
