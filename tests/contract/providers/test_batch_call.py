"""What the batch-call adapter puts on the wire, and what it makes of what comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.placement import Absent, Account, AnswerKind, Found, NotTold, Placement, Progress, Sought
from dialer.domain.states import Outcome
from dialer.providers.batch_call import BatchCall
from dialer.testing import fault_server
from dialer.testing.fault_server import Act, FaultServer, said

NOW = datetime(2026, 11, 23, 9, 0, 0, 123_000, tzinfo=UTC)
DRAFT = {"status": "success", "data": {"batch_call_id": "b1", "status": "draft"}}
PHONE = "+12137774445"


def an_account(server: FaultServer) -> BatchCall:
    options = {"api_key": "key-of-tests", "api_secret": "secret-of-tests"}
    account = Account("us", "batch_call", server.url, deadline_seconds=5.0, caller_id="+14157774444", options=options)
    return BatchCall(account)


def a_placement(*, timezone: str | None = "America/New_York", is_test: bool = False) -> Placement:
    return Placement(
        reference="reference-1",
        call_id="c",
        workspace_id="w1",
        agent_id="agent_1",
        batch_ref="november",
        wire_ref="november",
        cli="+14157770000",
        phone=PHONE,
        variables={"first_name": "John"},
        nbf=NOW,
        exp=NOW + timedelta(hours=8),
        block_rules=(),
        timezone=timezone,
        is_test=is_test,
    )


def sought(provider_call_id: str | None = "b1") -> Sought:
    return Sought("reference-1", PHONE, "agent_1", NOW, NOW + timedelta(seconds=40), provider_call_id)


def place(*acts: Act, last_look: Callable[[], bool] = lambda: True) -> tuple[Any, list[Any]]:
    with FaultServer(*acts) as server:
        return an_account(server).place(a_placement(), last_look), server.heard


def progress(*acts: Act) -> Progress | NotTold:
    with FaultServer(*acts) as server:
        return an_account(server).progress(sought())


@pytest.mark.parametrize("is_test", [False, True])
def test_a_call_is_a_batch_of_one_that_starts_now_and_never_retries(is_test: bool) -> None:
    with FaultServer(said(200, {"batch_call_id": "b1"})) as server:
        an_account(server).place(a_placement(is_test=is_test), lambda: True)
    (request,) = server.heard
    assert request.target == "/batch-call"
    assert (request.headers["x-api-key"], request.headers["x-api-secret"]) == ("key-of-tests", "secret-of-tests")
    assert request.json() == {
        "from_number": "+14157770000",
        "tasks": [{"to_number": PHONE, "dynamic_variables": {"first_name": "John"}, "max_retries": 0}],
        "name": "reference-1",
        "trigger_timestamp": 1795424400123,
        "agent_id": "agent_1",
        "timezone": "America/New_York",
        "send_now": True,
    }


def test_a_number_in_several_zones_is_sent_with_utc() -> None:
    with FaultServer(said(200, {"batch_call_id": "b1"})) as server:
        an_account(server).place(a_placement(timezone=None), lambda: True)
    assert server.heard[0].json()["timezone"] == "UTC"


@pytest.mark.parametrize(
    "body",
    [
        {"batch_call_id": "b1", "status": "sent"},
        {"status": "success", "data": {"batch_call_id": "b1", "status": "SENT"}},
        {"status": "draft-like", "data": {"batch_call_id": "b1"}},
        {"batch_call_id": "b1", "data": None},
    ],
)
def test_the_id_is_read_enveloped_or_bare(body: Any) -> None:
    answer, heard = place(said(200, body))
    assert (answer.kind, answer.provider_call_id, len(heard)) == (AnswerKind.ACCEPTED, "b1", 1)


@pytest.mark.parametrize("body", [DRAFT, {"batch_call_id": "b1", "status": "DRAFT"}])
def test_a_draft_is_executed_once(body: Any) -> None:
    answer, heard = place(said(200, body), said(200, {}))
    assert [request.target for request in heard] == ["/batch-call", "/batch-call/b1/execute"]
    assert (answer.kind, answer.provider_call_id) == (AnswerKind.ACCEPTED, "b1")


@pytest.mark.parametrize(
    "failing",
    [said(400), said(401), said(402), said(404), said(429), said(503), fault_server.close, fault_server.reset],
)
def test_a_draft_that_could_not_be_executed_is_unknown_and_not_tried_again(failing: Act) -> None:
    answer, heard = place(said(200, DRAFT), failing)
    assert (answer.kind, answer.provider_call_id, len(heard)) == (AnswerKind.UNKNOWN, "b1", 2)


def raises() -> bool:
    raise ConnectionError("Redis is gone")


@pytest.mark.parametrize("second_look", [lambda: False, raises])
def test_a_draft_whose_window_closed_meanwhile_is_not_executed(second_look: Callable[[], bool]) -> None:
    looks = iter([lambda: True, second_look])
    answer, heard = place(said(200, DRAFT), said(200, {}), last_look=lambda: next(looks)())
    assert (answer.kind, len(heard)) == (AnswerKind.UNKNOWN, 1)


def counters(**values: Any) -> Act:
    return said(
        200, {"status": "success", "data": {"status": "sent", "sent": 1, "picked_up": 0, "completed": 0, **values}}
    )


def tasks(status: str, error_message: str | None = None) -> Act:
    rows = [{"to_number": PHONE, "status": status, "error_message": error_message}]
    return said(200, {"status": "success", "data": rows})


NOT_SERVED = said(404, {"message": "no such route"})


@pytest.mark.parametrize(
    ("acts", "ended", "outcome"),
    [
        ((counters(), NOT_SERVED), False, None),
        ((counters(picked_up=1), NOT_SERVED), False, None),  # they are talking
        ((counters(picked_up=1, completed=1), NOT_SERVED), True, Outcome.ANSWERED),
        ((counters(picked_up=1, completed=1), said(503)), True, Outcome.ANSWERED),
        ((counters(picked_up=1, completed=1), tasks("COMPLETED")), True, Outcome.ANSWERED),
        ((counters(picked_up=1, completed=1), tasks("FAILED", "voicemail")), True, Outcome.VOICEMAIL),
        ((counters(picked_up=1, completed=1), tasks("FAILED", "agent error")), True, Outcome.ANSWERED),
        ((counters(picked_up=1, completed=1), tasks("CALLING")), False, None),
        ((counters(completed=1, status="completed"), NOT_SERVED), True, Outcome.NO_ANSWER),
        ((counters(status="COMPLETED"), NOT_SERVED), True, Outcome.NO_ANSWER),
        ((counters(status="failed"), NOT_SERVED), True, Outcome.FAILED),
        ((counters(completed=1), tasks("FAILED", "Line busy")), True, Outcome.BUSY),
        ((counters(completed=1), tasks("FAILED", "no-answer")), True, Outcome.NO_ANSWER),
        ((counters(completed=1), tasks("failed", "Voice mail reached")), True, Outcome.VOICEMAIL),
        ((counters(completed=1), tasks("FAILED", "call declined")), True, Outcome.DECLINED),
        ((counters(completed=1), tasks("FAILED", "carrier error 503")), True, Outcome.FAILED),
        ((counters(completed=1), tasks("FAILED")), True, Outcome.FAILED),
        ((counters(), tasks("FAILED", "busy")), True, Outcome.BUSY),  # the counters do not count failures
        ((counters(completed=1), tasks("CALLING")), False, None),
        ((counters(completed=1), tasks("PENDING")), False, None),
        ((counters(), tasks("COMPLETED")), False, None),  # the counters come first
        ((counters(completed=1), tasks("COMPLETED")), True, Outcome.NO_ANSWER),
        ((counters(completed=1), tasks("SOMETHING_NEW")), True, Outcome.NO_ANSWER),
        ((counters(completed=1), said(200, {"data": []})), True, Outcome.NO_ANSWER),
        ((counters(), said(503)), False, None),
    ],
)
def test_the_counters_tell_and_the_tasks_refine(acts: tuple[Act, ...], ended: bool, outcome: Outcome | None) -> None:
    told = progress(*acts)
    assert isinstance(told, Progress)
    assert (told.ended, told.outcome) == (ended, outcome)


@pytest.mark.parametrize("lost", [said(503), said(429), fault_server.close])
def test_an_ended_call_is_not_settled_while_its_tasks_cannot_be_asked(lost: Act) -> None:
    assert isinstance(progress(counters(completed=1), lost), NotTold)


def test_a_bare_answer_is_read_too() -> None:
    told = progress(
        said(200, {"status": "completed", "picked_up": 1, "completed": 1, "last_sent_timestamp": 1795424400123})
    )
    assert isinstance(told, Progress)
    assert (told.outcome, told.started_at) == (Outcome.ANSWERED, NOW)


def test_without_an_id_nothing_is_asked() -> None:
    with FaultServer() as server:
        assert isinstance(an_account(server).progress(sought(None)), NotTold)
    assert not server.heard


def row(name: str, seconds_after: float) -> dict[str, Any]:
    created = int((NOW + timedelta(seconds=seconds_after)).timestamp() * 1000)
    return {"batch_call_id": f"id-of-{name}", "name": name, "created_timestamp": created}


FULL_AND_YOUNG = [row(f"r{at}", 100 - at / 10) for at in range(100)]
FULL_AND_OLD = [row(f"r{at}", 50 - at) for at in range(100)]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([row("reference-1", 1)], Found("id-of-reference-1")),
        ([*FULL_AND_YOUNG[:99], row("reference-1", 1)], Found("id-of-reference-1")),
        ([], Absent()),
        ([row("another", 1)], Absent()),
        (FULL_AND_OLD, Absent()),
        (FULL_AND_YOUNG, NotTold("the list does not reach back to the request")),
        (list(reversed(FULL_AND_OLD)), NotTold("the list does not reach back to the request")),
        ([{"name": "reference-1"}], NotTold("listed without a batch_call_id")),
    ],
)
@pytest.mark.parametrize("enveloped", ["bare", "data", "inside data"])
def test_a_lost_call_is_found_by_its_name(listed: list[Any], expected: object, enveloped: str) -> None:
    body: Any = {"bare": listed, "data": {"data": listed}, "inside data": {"data": {"batch_calls": listed}}}[enveloped]
    with FaultServer(said(200, body)) as server:
        assert an_account(server).find(sought(None)) == expected
    assert server.heard[0].target == "/batch-call/list?page=0&limit=100"


def pages(*listed: list[Any]) -> list[Act]:
    return [said(200, {"data": {"batch_calls": rows}}) for rows in listed]


def young(page: int) -> list[dict[str, Any]]:
    return [row(f"r{page}-{at}", 1000 - page * 10 - at / 10) for at in range(100)]


@pytest.mark.parametrize(
    ("listed", "expected", "asked"),
    [
        (pages(young(0), young(1), [row("reference-1", 1)]), Found("id-of-reference-1"), 3),
        (pages(young(0), FULL_AND_OLD), Absent(), 2),
        (pages(young(0), []), Absent(), 2),
        (pages(*map(young, range(12))), NotTold("the list does not reach back to the request"), 10),
        (pages(young(0), young(0)), NotTold("the list does not reach back to the request"), 2),
    ],
    ids=["on the third page", "older ones on the second", "none on the second", "never", "a list without pages"],
)
def test_a_busy_list_is_read_back_to_the_request(listed: list[Act], expected: object, asked: int) -> None:
    """At 20 calls a second a page is full after five, and nobody asks about a lost call before."""
    with FaultServer(*listed) as server:
        assert an_account(server).find(sought(None)) == expected
    targets = [heard.target for heard in server.heard]
    assert targets == [f"/batch-call/list?page={page}&limit=100" for page in range(asked)]


def test_a_later_page_that_cannot_be_read_proves_nothing() -> None:
    with FaultServer(*pages(young(0)), said(503)) as server:
        assert isinstance(an_account(server).find(sought(None)), NotTold)
