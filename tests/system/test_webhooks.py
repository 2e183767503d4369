"""Webhooks of both directions through real processes: the end of a call is heard over HTTP, and its owner is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.receiver import SECRET, Receiver
from tests.system.site import ACCOUNTS, AGENT, QUICK, WORKSPACE, Site

KEY = 'api_key = "oc_test"\n'
HEARING = 'webhook_allow = ["127.0.0.1"]\n' + ACCOUNTS.replace(KEY, KEY + 'webhook_secret = "hush-hush"\n')
#: Batches until a webhook was sooner than the scheduler's own question.
MOST_TURNS = 10
PHONES = [f"+1202555{line:04d}" for line in range(100, 105)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def site(tmp_path: Path, ledger_url: str) -> Iterator[Site]:
    with Site(tmp_path, ledger_url, {"defaults": QUICK}, HEARING) as site:
        yield site


def test_the_end_of_a_call_comes_in_by_webhook_and_goes_out_by_webhook(site: Site, receiver: Receiver) -> None:
    address = site.serve()
    hook = f"{address}/webhooks/outboundcalls/hush-hush"
    site.simulator.play({"defaults": QUICK, "accounts": {"outboundcalls": {"webhook_url": hook}}})
    site.dialer.agents.add(
        workspace_id=WORKSPACE,
        agent_id=AGENT,
        provider="outboundcalls",
        webhook_url=receiver.url,
        webhook_secret=SECRET,
    )
    receiver.answers(503)
    site.schedule()
    site.hire()
    batch_id = site.load("spring", PHONES, provider="outboundcalls")
    status = site.end_of(batch_id)
    assert status.closed["reached"] == len(PHONES)
    site.until(lambda: len(set(receiver.ids())) == len(PHONES) < len(receiver.ids()), "every ending told, one twice")
    assert receiver.unverified == []
    told = {one.said["data"]["phone"]: one.said["data"]["attempt"] for one in receiver.received}
    assert {phone: attempt["outcome"] for phone, attempt in told.items()} == dict.fromkeys(PHONES, "answered")
    assert all(attempt["summary"] for attempt in told.values())
    site.assert_nobody_was_called_twice(batch_id)
    for turn in range(MOST_TURNS):  # a scheduler that asks by itself, after three seconds, may have been faster
        if any("webhook.asked" in line for line in site.lines):
            break
        site.end_of(site.load(f"again-{turn}", PHONES, provider="outboundcalls"))
    assert any("webhook.asked" in line for line in site.lines), "no call was asked about at its webhook's word"
    assert not any("hush-hush" in line or SECRET in line for line in site.lines)


def test_a_webhook_for_nobody_is_answered_at_once_and_without_the_secret_not_at_all(site: Site) -> None:
    address = site.serve()
    said = json.dumps({"data": {"id": "call-of-a-stranger"}}).encode()
    with urlopen(Request(f"{address}/webhooks/outboundcalls/hush-hush", said), timeout=10) as answer:
        assert json.load(answer) == {"status": "stored"}
    with pytest.raises(OSError, match="404"):
        urlopen(Request(f"{address}/webhooks/outboundcalls/guessed", said), timeout=10)
