"""A dialer whose providers are another dialer's served APIs, which dials by a simulator: both keep their promise.

Every part is a process of its own: two schedulers, two workers, two Redis, and the `dialer serve` between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dialer.ledger import migrate
from tests.system.site import ACCOUNTS, WORKSPACE, Site, numbers

RETRY = {"no_answer": 1, "busy": 1, "failed": 1}

UPSTREAM = """
[providers.inspra]
kind = "inspra"
base_url = "URL/k/KEY/"
caller_id = "+61255509999"
calls_per_second = 50.0

[providers.batch_call]
kind = "batch_call"
base_url = "URL"
api_key = "KEY"
api_secret = "SECRET"
caller_id = "+12025550198"
calls_per_second = 50.0

[providers.outboundcalls]
kind = "outboundcalls"
base_url = "URL/api/v1"
api_key = "KEY"
calls_per_second = 50.0

# Its variables travel by way of contacts.
[providers.listed]
kind = "outboundcalls"
base_url = "URL/api/v1"
api_key = "KEY"
contact_list_id = "spring"
calls_per_second = 50.0

[timing]
absent_seconds = 3.0
give_up_seconds = 20.0
heartbeat_seconds = 0.3
dead_after_seconds = 1.5
"""

#: One key asks for all accounts of the dialer above.
UNHURRIED = """
[http]
requests_per_second = 0
"""

#: Numbers by their last digits; everybody else answers.
SCENARIO: dict[str, Any] = {
    "defaults": {"ring_seconds": 0.1, "talk_seconds": 0.2},
    "rules": [
        {"phone": "*01", "nth": 1, "outcome": "no_answer"},
        {"phone": "*02", "outcome": "busy"},
        {"phone": "*03", "nth": 1, "fault": {"status": 502, "placed": True}},
        {"phone": "*04", "fault": 422},
        {"phone": "*05", "outcome": "voicemail"},
    ],
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """The dialer that a user loads, and the one below that serves it."""
    with ExitStack() as stack:
        below = stack.enter_context(site(tmp_path_factory.mktemp("below"), SCENARIO, ACCOUNTS + UNHURRIED))
        below.schedule()
        below.hire(slots=8)
        url = below.serve()
        key = below.dialer.keys.create(WORKSPACE)
        below.dialer.contacts.create_list(WORKSPACE, "spring")
        accounts = UPSTREAM.replace("URL", url).replace("KEY", key.api_key).replace("SECRET", key.api_secret)
        above = stack.enter_context(site(tmp_path_factory.mktemp("above"), None, accounts))
        above.schedule()
        above.hire(slots=8)
        yield above, below


def site(home: Path, scenario: dict[str, Any] | None, accounts: str) -> Site:
    url = f"sqlite:///{home / 'ledger.db'}"
    migrate(url)
    return Site(home, url, scenario, accounts)


def ends(above: Site, batch_id: str) -> dict[str, tuple[str, str | None]]:
    """Close reason and outcome by the last two digits of the number."""
    above.end_of(batch_id)
    return {call.phone[-2:]: (str(call.close_reason), call.outcome) for call in above.calls(batch_id)}


def assert_nobody_was_called_twice(chain: tuple[Site, Site], batch_id: str) -> None:
    """By the simulator's own book: one call at most for each attempt of the dialer that the user loaded."""
    above, below = chain
    assert below.simulator.summary()["doubled"]["references"] == {}
    for call in above.calls(batch_id):
        assert len(below.placed([call.phone])) <= len(call.attempts), call


@pytest.mark.parametrize("kind", ["batch_call", "outboundcalls"])
def test_a_batch_is_dialed_through_a_served_dialect_and_every_outcome_comes_back(
    chain: tuple[Site, Site], kind: str
) -> None:
    above, below = chain
    phones = numbers({"batch_call": "201", "outboundcalls": "202"}[kind], 8)
    batch_id = above.load(f"chain-{kind}", phones, provider=kind, max_retries=1, retry=RETRY)
    told = ends(above, batch_id)
    assert told.pop("02") == ("exhausted", "busy")
    assert told.pop("04") == ("exhausted", "failed")  # the dialer below knows why it was rejected, and says so
    assert told.pop("05") == ("exhausted", "voicemail")
    assert set(told.values()) == {("reached", "answered")}
    assert len(below.placed([phones[1]])) == 2  # nobody there at first
    assert_nobody_was_called_twice(chain, batch_id)
    [rejected] = [call for call in above.calls(batch_id) if call.phone.endswith("04")]
    assert "rejected" in str(rejected.attempts[-1].detail) or kind == "outboundcalls"


def test_variables_travel_by_way_of_contacts(chain: tuple[Site, Site]) -> None:
    above, below = chain
    [phone] = numbers("203", 1, first=10)
    spec = {"workspace_id": WORKSPACE, "agent_id": "sales", "batch_ref": "contacts", "provider": "listed"}
    loaded = above.dialer.load_batch(spec, calls=[{"phone": phone, "variables": {"FIRST_NAME": "Kim", "n": 1}}])
    assert set(ends(above, loaded.batch_id).values()) == {("reached", "answered")}
    [below_call] = below.dialer.calls(phone=phone)
    assert below_call.variables == {"FIRST_NAME": "Kim", "n": 1}
    assert_nobody_was_called_twice(chain, loaded.batch_id)


def test_inspra_s_dialect_takes_a_batch_and_hands_over_what_it_is_told_to_stop(chain: tuple[Site, Site]) -> None:
    above, below = chain
    phones = numbers("204", 4, first=10)
    batch_id = above.load("chain-inspra", phones, provider="inspra")
    assert {reason for reason, _ in ends(above, batch_id).values()} == {"handed_off"}
    below.until(lambda: len(below.placed(phones)) == len(phones), "the calls of the dialer below")
    [found] = [each for each in below.dialer.batches(WORKSPACE) if each.batch_ref == "chain-inspra"]
    below.end_of(found.batch_id)
    assert_nobody_was_called_twice(chain, batch_id)
    above.dialer.terminate_batch(WORKSPACE, "agent-1", "chain-inspra")
    below.until(lambda: below.dialer.status(found.batch_id).state in ("completed", "terminated"), "its word")


def is_called(below: Site, phone: str) -> bool:
    return len(below.placed([phone])) == 1


def test_a_test_call_goes_through_each_dialect(chain: tuple[Site, Site]) -> None:
    above, below = chain
    for kind, phone in zip(("inspra", "batch_call", "outboundcalls"), numbers("205", 3, first=10), strict=True):
        spec = {"workspace_id": WORKSPACE, "agent_id": "agent-1", "provider": kind, "phone": phone}
        ref = above.dialer.test_call(spec)
        above.end_of(ref.batch_id)
        below.until(partial(is_called, below, phone), f"a test call by {kind}")
