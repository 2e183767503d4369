"""Commands about webhooks, typed against a ledger of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dialer.cli import app
from dialer.cli.desk import Desk
from dialer.domain.placement import Progress
from dialer.domain.states import Outcome
from tests.integration.engine.rig import SECOND, Rig, an_account, phones
from tests.receiver import SECRET

Typed = Callable[..., Result]
[PHONE] = phones(1)
URL = "https://owner.example/calls"


@pytest.fixture
def rig(sqlite_url: str) -> Iterator[Rig]:
    """Two agents' calls have ended, and their owners are to be told."""
    rig = Rig(sqlite_url, accounts={"au": an_account(options={"webhook_url": "https://d.example/webhooks/au/hush"})})
    for workspace in ("w1", "w2"):
        rig.dialer.agents.add(workspace_id=workspace, agent_id="a1", webhook_url=URL, webhook_secret=SECRET)
        rig.load([PHONE], workspace_id=workspace)
    rig.step()
    over = Progress(ended=True, outcome=Outcome.ANSWERED)
    rig.provider.told = {"call-1": over, "call-2": over}
    rig.ask(5 * SECOND)
    yield rig
    rig.close()


@pytest.fixture
def typed(rig: Rig) -> Typed:
    def run(*words: str) -> Result:
        desk = Desk(open_dialer=lambda: rig.dialer)
        return CliRunner().invoke(app, ["webhooks", *words], obj=desk, catch_exceptions=False)

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_notices_are_listed_for_all_or_one_workspace(typed: Typed) -> None:
    everyone = told(typed("list", "--json"))
    assert [notice["workspace_id"] for notice in everyone] == ["w2", "w1"]
    assert {notice["stands"] for notice in everyone} == {"due"}
    assert len(told(typed("list", "--workspace", "w1", "--json"))) == 1
    assert len(told(typed("list", "--limit", "1", "--json"))) == 1
    assert told(typed("list", "--dead", "--json")) == []
    shown = typed("list").stdout
    assert "w1/a1" in shown
    assert SECRET not in shown + json.dumps(everyone)


def test_one_notice_is_shown_with_what_it_says(typed: Typed) -> None:
    [notice] = told(typed("list", "--workspace", "w1", "--json"))
    shown = told(typed("show", notice["notice_id"], "--json"))
    assert (shown["url"], shown["message"]["type"], shown["message"]["data"]["phone"]) == (URL, "call.ended", PHONE)
    assert SECRET not in typed("show", notice["notice_id"]).stdout


def test_dead_ones_are_visible_and_replayed_by_workspace_or_one_by_one(typed: Typed, rig: Rig) -> None:
    first, second = (notice["notice_id"] for notice in told(typed("list", "--json")))
    for notice_id in (first, second):
        rig.ledger.notices.later(notice_id, None, "answered 410 Gone")
    assert len(told(typed("list", "--dead", "--json"))) == 2
    assert told(typed("replay", "--dead", "--workspace", "w1", "--json")) == {"replayed": 1}
    assert told(typed("replay", first, "--json")) == {"replayed": 1}
    assert told(typed("list", "--dead", "--json")) == []
    assert rig.ledger.notices.due(10) == [second, first]


@pytest.mark.parametrize("words", [(), ("--dead", "0194f5a0-0000-7000-8000-000000000001")])
def test_a_replay_wants_one_notice_or_all_dead_ones(typed: Typed, words: tuple[str, ...]) -> None:
    refused = typed("replay", *words)
    assert refused.exit_code == 2
    assert "give one of NOTICE or --dead" in refused.stderr


@pytest.mark.parametrize("verb", ["show", "replay"])
@pytest.mark.parametrize("name", ["no-id", "0194f5a0-0000-7000-8000-000000000001"])
def test_a_notice_that_nobody_wrote_is_one_line_and_exit_code_1(typed: Typed, verb: str, name: str) -> None:
    refused = typed(verb, name)
    assert refused.exit_code == 1
    assert "NOTICE_UNKNOWN" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_addresses_are_what_each_provider_is_to_be_told(typed: Typed) -> None:
    assert told(typed("addresses", "--json")) == {"au": "https://d.example/webhooks/au/hush"}
    assert "https://d.example/webhooks/au/hush" in typed("addresses").stdout
