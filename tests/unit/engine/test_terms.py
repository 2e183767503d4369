"""From a spec to the terms of its batch: defaults, what an upsert changes, and every refusal at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.batch import Batch, BatchName, BatchTerms
from dialer.domain.placement import Capabilities
from dialer.domain.retry import RetryPolicy
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.states import BatchState, Lane
from dialer.engine import terms
from dialer.engine.terms import DEFAULT_LIFE, Draft, read_batch, term_warnings
from dialer.errors import BatchTerminated, LoadRefused
from dialer.ports import Switchboard
from tests.unit.builders import (
    DAY,
    LOAD_JSON,
    NAME,
    NOW,
    PHONE,
    TEST_CALL,
    a_batch,
    a_desk,
    a_spec,
    a_test_call,
    an_account,
    codes,
    names,
    some_terms,
)

HOUR = timedelta(hours=1)
SILENT = Capabilities(reports_outcomes=False, can_find=False, relays_control=True)
#: What an earlier load left, none of it a default.
LOADED = some_terms(
    title="Autumn",
    cli=PHONE,
    block_rules=("Mon-Fri|0800-1600",),
    calling_hours=("*|0700-2200",),
    lane=Lane.LOW,
    max_retries=3,
    retry=RetryPolicy(busy=HOUR),
    max_call=HOUR,
)


def merged(
    spec: BatchSpec, old: Batch | None = None, desk: Switchboard | None = None, now: datetime = NOW
) -> BatchTerms:
    return Draft(spec, desk or a_desk()).merge(old, now)


def refusal(make: Callable[[], object]) -> LoadRefused:
    with pytest.raises(LoadRefused) as caught:
        make()
    return caught.value


def refused(spec: BatchSpec, old: Batch | None = None, desk: Switchboard | None = None) -> list[tuple[str, str]]:
    return codes(refusal(lambda: merged(spec, old, desk)))


def test_the_seeds_load_json_body_becomes_terms_as_it_stands() -> None:
    loaded = merged(BatchSpec.read(LOAD_JSON))
    assert loaded == BatchTerms(
        name=BatchName(LOAD_JSON["workspaceId"], LOAD_JSON["agentId"], LOAD_JSON["batchRef"]),
        account="au",
        nbf=datetime(2026, 11, 4, 10, 58, 0, 1000, tzinfo=UTC),
        exp=datetime(2027, 11, 19, 8, 4, tzinfo=UTC),
        cli=LOAD_JSON["cli"],
        block_rules=tuple(LOAD_JSON["blockRules"]),
    )


def test_what_a_first_load_leaves_out_has_its_default() -> None:
    assert merged(a_spec()) == BatchTerms(name=NAME, account="au", nbf=NOW, exp=NOW + timedelta(days=30))


def test_the_end_counts_from_nbf() -> None:
    assert merged(a_spec(nbf="2026-12-01T00:00:00Z")).exp == datetime(2026, 12, 31, tzinfo=UTC)
    assert merged(a_spec(nbf="2020-01-01T00:00:00Z", exp=NOW + HOUR)).exp == NOW + HOUR


def test_a_start_at_the_end_of_time_has_an_end_all_the_same() -> None:
    assert merged(a_spec(nbf="9999-12-31T00:00:00Z")).exp == datetime.max.replace(tzinfo=UTC)


def test_fields_left_out_of_a_repeated_load_stay() -> None:
    assert merged(a_spec(), a_batch(LOADED)) == LOADED


def test_null_leaves_a_field_as_it_is() -> None:
    optional = {name: None for name in BatchSpec.model_fields if name not in names()}
    assert merged(a_spec(**optional), a_batch(LOADED)) == LOADED


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"name": "Winter"}, "title", "Winter"),
        ({"cli": "+61278132035"}, "cli", "+61278132035"),
        ({"nbf": NOW + HOUR}, "nbf", NOW + HOUR),
        ({"exp": NOW + HOUR}, "exp", NOW + HOUR),
        ({"block_rules": []}, "block_rules", ()),
        ({"calling_hours": []}, "calling_hours", ()),
        ({"blockRules": ["Sun|0000-2400"]}, "block_rules", ("Sun|0000-2400",)),
        ({"priority": "high"}, "lane", Lane.HIGH),
        ({"max_retries": 0}, "max_retries", 0),
        ({"max_retries": 5}, "max_retries", 5),
        ({"retry": {"failed": 60}}, "retry", RetryPolicy(failed=timedelta(minutes=1))),
        ({"max_call_seconds": 60}, "max_call", timedelta(minutes=1)),
        ({"timezone": "Australia/Melbourne"}, "timezone", "Australia/Melbourne"),
        ({"provider": "au"}, "account", "au"),
    ],
)
def test_a_field_given_replaces_and_nothing_else_changes(given: dict[str, Any], field: str, value: object) -> None:
    changed = merged(a_spec(**given), a_batch(LOADED))
    before = {name: getattr(LOADED, name) for name in LOADED.__slots__}
    assert {name: getattr(changed, name) for name in LOADED.__slots__} == {**before, field: value}


def test_a_start_moved_beyond_the_end_takes_a_new_end_along() -> None:
    changed = merged(a_spec(nbf=LOADED.exp + DAY), a_batch(LOADED))
    assert changed.exp == LOADED.exp + DAY + DEFAULT_LIFE


@pytest.mark.parametrize(
    ("given", "field", "was"),
    [
        ({"timezone": "Australia/Perth"}, "timezone", "'Australia/Melbourne'"),
        ({"provider": "us"}, "provider", "'au'"),
        ({"provider": "nobody"}, "provider", "'au'"),
        ({"cron": "0 9 * * *", "timezone": "Australia/Melbourne"}, "cron", "None"),
    ],
)
def test_what_was_dialed_under_a_field_cannot_change(given: dict[str, Any], field: str, was: str) -> None:
    desk = a_desk([an_account("au"), an_account("us")])
    told = refusal(lambda: merged(a_spec(**given), a_batch(LOADED), desk))
    assert codes(told) == [("FIELD_FIXED", field)]
    assert told.errors[0].value == given[field]
    assert was in told.errors[0].message


def test_a_batch_keeps_its_account_when_the_default_changes() -> None:
    desk = a_desk([an_account("au"), an_account("us")], default_provider="us")
    assert merged(a_spec(), a_batch(LOADED), desk).account == "au"
    assert merged(a_spec(), None, desk).account == "us"


def test_a_timezone_cannot_come_later() -> None:
    assert refused(a_spec(timezone="Australia/Perth"), a_batch(some_terms(timezone=None))) == [
        ("FIELD_FIXED", "timezone")
    ]


def test_a_terminated_batch_takes_nothing_more() -> None:
    with pytest.raises(BatchTerminated, match=r"^BATCH_TERMINATED: batch ws-1/agent-1/autumn was terminated"):
        merged(a_spec(), a_batch(state=BatchState.TERMINATED))


@pytest.mark.parametrize("state", [BatchState.DRAFT, BatchState.ACTIVE, BatchState.PAUSED, BatchState.COMPLETED])
def test_any_other_batch_takes_more(state: BatchState) -> None:
    assert merged(a_spec(max_retries=1), a_batch(state=state)).max_retries == 1


@pytest.mark.parametrize("end", [NOW, NOW - timedelta(microseconds=1), NOW - 365 * DAY])
def test_an_end_in_the_past_is_refused(end: datetime) -> None:
    assert refused(a_spec(exp=end)) == [("WINDOW_PAST", "exp")]
    assert refused(a_spec(nbf=end - DAY, exp=end)) == [("WINDOW_PAST", "exp")]
    assert refused(a_spec(exp=end), a_batch(LOADED)) == [("WINDOW_PAST", "exp")]


def test_the_seeds_own_example_dates_have_passed() -> None:
    spec = BatchSpec.read({**LOAD_JSON, "nbf": "2025-11-04T10:58:00.001Z", "exp": "2026-11-19T08:04:00.000Z"})
    assert refused(spec) == [("WINDOW_PAST", "exp")]


def test_a_repeated_load_of_a_batch_whose_end_has_passed_needs_a_new_one() -> None:
    old = a_batch(some_terms(exp=NOW - HOUR))
    assert refused(a_spec(), old) == [("WINDOW_PAST", "exp")]
    assert merged(a_spec(exp=NOW + HOUR), old).exp == NOW + HOUR


def test_an_end_before_the_start_that_was_loaded_is_refused() -> None:
    assert refused(a_spec(exp=NOW + HOUR), a_batch(some_terms(nbf=NOW + DAY))) == [("WINDOW_REVERSED", "exp")]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"block_rules": ["*|0000-2400"]}, "block_rules"),
        ({"block_rules": ["Mon-Fri|0000-2400", "Sat,Sun|0000-2359"]}, "block_rules"),
        ({"block_rules": ["*|0900-1700"], "calling_hours": ["*|1000-1600"]}, "block_rules"),
        ({"calling_hours": ["Sun|0000-2400"], "nbf": NOW, "exp": NOW + DAY}, "calling_hours"),
        # What is open has passed: the window is still to come, but its only open day is over.
        ({"calling_hours": ["Sun|0000-2400"], "nbf": NOW - 2 * DAY, "exp": NOW + DAY}, "calling_hours"),
    ],
)
def test_rules_that_leave_no_minute_refuse_a_batch_that_has_a_timezone(given: dict[str, Any], field: str) -> None:
    assert refused(a_spec(timezone="Australia/Melbourne", **given)) == [("NEVER_OPEN", field)]


def test_without_a_timezone_it_is_the_rows_that_are_never_open() -> None:
    assert merged(a_spec(block_rules=["*|0000-2400"])).block_rules == ("*|0000-2400",)


def test_one_open_minute_is_enough() -> None:
    spec = a_spec(timezone="Australia/Melbourne", block_rules=["*|0000-1200,1201-2400"], nbf=NOW, exp=NOW + DAY)
    assert merged(spec).timezone == "Australia/Melbourne"


def test_an_unknown_account_is_named_with_the_known_ones() -> None:
    told = refusal(lambda: merged(a_spec(provider="inspra_uk"), desk=a_desk([an_account("au"), an_account("us")])))
    assert codes(told) == [("PROVIDER_UNKNOWN", "provider")]
    assert told.errors[0].message == "'inspra_uk' is no account: expected one of au, us"


def test_without_a_default_the_provider_must_be_given() -> None:
    desk = a_desk(default_provider="")
    assert refused(a_spec(), desk=desk) == [("PROVIDER_UNKNOWN", "provider")]
    assert merged(a_spec(provider="au"), desk=desk).account == "au"


def test_an_account_serves_the_workspaces_that_may_use_it() -> None:
    assert refused(a_spec(), desk=a_desk([an_account(workspaces=("ws-2", "ws-3"))])) == [
        ("PROVIDER_NOT_ALLOWED", "provider")
    ]
    assert merged(a_spec(), desk=a_desk([an_account(workspaces=("ws-1",))])).account == "au"


@pytest.mark.parametrize(
    ("caller_id", "needs_cli", "choices", "cli", "told"),
    [
        ("", True, None, None, [("FIELD_MISSING", "cli")]),
        ("", True, None, PHONE, []),
        (PHONE, True, None, None, []),
        # A provider that brings a number of its own.
        ("", False, None, None, []),
        ("", False, frozenset({PHONE}), PHONE, []),
        ("", False, frozenset({PHONE}), "+61278132035", [("CLI_NOT_AVAILABLE", "cli")]),
        ("", False, frozenset[str](), PHONE, [("CLI_NOT_AVAILABLE", "cli")]),
    ],
)
def test_a_caller_id_must_be_one_that_the_account_can_show(
    caller_id: str, needs_cli: bool, choices: frozenset[str] | None, cli: str | None, told: list[tuple[str, str]]
) -> None:
    able = Capabilities(reports_outcomes=True, can_find=True, needs_cli=needs_cli, cli_choices=choices)
    desk = a_desk([an_account(caller_id=caller_id)], able)
    if told:
        assert refused(a_spec(cli=cli), desk=desk) == told
    else:
        assert merged(a_spec(cli=cli), desk=desk).cli == cli


def test_unknowns_are_dialed_again_only_where_the_provider_can_tell_a_repetition() -> None:
    assert refused(a_spec(on_unknown="redial")) == [("FIELD_TYPE", "on_unknown")]
    able = Capabilities(reports_outcomes=True, can_find=True, idempotency=DAY)
    assert merged(a_spec(on_unknown="redial"), desk=a_desk(able=able)).on_unknown == "redial"


def test_everything_that_the_house_refuses_is_told_at_once() -> None:
    able = Capabilities(reports_outcomes=True, can_find=True, cli_choices=frozenset())
    spec = a_spec(timezone="Australia/Perth", provider="us", cli=PHONE, on_unknown="redial", exp=NOW - DAY)
    assert refused(spec, a_batch(LOADED), a_desk(able=able)) == [
        ("FIELD_FIXED", "timezone"),
        ("FIELD_FIXED", "provider"),
        ("CLI_NOT_AVAILABLE", "cli"),
        ("FIELD_TYPE", "on_unknown"),
        ("WINDOW_PAST", "exp"),
    ]


def told_of(document: object, desk: Switchboard | None = None) -> list[tuple[str, str]]:
    return codes(refusal(lambda: read_batch(desk or a_desk(), document)))


def test_a_sound_document_is_read_and_not_judged_yet() -> None:
    assert read_batch(a_desk(), LOAD_JSON) == BatchSpec.read(LOAD_JSON)
    assert read_batch(a_desk(), a_spec(provider="nobody")).provider == "nobody"


def test_a_bad_document_is_told_what_the_house_refuses_too() -> None:
    document = {
        **names(),
        "blockRules": ["Mom|0800-1600"],
        "exp": (NOW - DAY).isoformat(),
        "timezone": "Mars/Olympus",
        "cli": "12",
        "provider": "nobody",
        "cron": "0 9 * * *",
    }
    assert told_of(document) == [
        ("CLI_NOT_E164", "cli"),
        ("TIMEZONE_INVALID", "timezone"),
        ("BAD_DAY", "block_rules.0"),
        ("PROVIDER_UNKNOWN", "provider"),
        ("WINDOW_PAST", "exp"),
    ]


def test_what_the_house_refuses_is_measured_by_the_batch_that_is_there() -> None:
    document = {**names(), "maxRetries": -1, "timezone": "Australia/Perth"}
    desk = a_desk([an_account(caller_id="")], loaded=a_batch(LOADED))
    assert told_of(document, desk) == [("MAX_RETRIES_INVALID", "max_retries"), ("FIELD_FIXED", "timezone")]


def test_a_batch_without_a_name_is_not_told_about_workspaces() -> None:
    desk = a_desk([an_account(workspaces=("ws-2",))])
    missing = [("FIELD_MISSING", "workspace_id"), ("FIELD_MISSING", "agent_id"), ("FIELD_MISSING", "batch_ref")]
    assert told_of({"exp": "2020-01-01T00:00:00Z"}, desk) == [*missing, ("WINDOW_PAST", "exp")]


def test_a_field_is_told_of_once() -> None:
    assert told_of({**names(), "cli": "12"}, a_desk([an_account(caller_id="")])) == [("CLI_NOT_E164", "cli")]
    assert told_of({**names(), "cron": "0 9 * * *"}) == [("FIELD_MISSING", "timezone")]
    assert told_of({**names(), "blockRules": [], "block_rules": []}) == [("UNKNOWN_FIELD", "blockRules")]
    terminated = a_desk(loaded=a_batch(state=BatchState.TERMINATED))
    assert told_of({**names(), "maxRetries": -1}, terminated) == [("MAX_RETRIES_INVALID", "max_retries")]


@pytest.mark.parametrize("document", [None, [], "text", {1: 2}])
def test_what_is_no_document_is_refused_without_asking_the_house(document: object) -> None:
    assert told_of(document)[0] == ("FIELD_TYPE", "(document)")


def terms_of(spec: TestCallSpec, desk: Switchboard | None = None) -> BatchTerms:
    return terms.test_terms(spec, NAME, PHONE, desk or a_desk(), None, NOW)


def test_the_seeds_test_call_body_becomes_terms_as_it_stands() -> None:
    assert terms_of(TestCallSpec.read(TEST_CALL)) == BatchTerms(
        name=NAME,
        account="au",
        nbf=datetime(2026, 11, 4, 10, 58, 0, 1000, tzinfo=UTC),
        exp=datetime(2027, 11, 19, 8, 4, tzinfo=UTC),
        cli=TEST_CALL["cli"],
        block_rules=("Mon-Fri|0800-1600",),
        lane=Lane.TEST,
    )


def test_a_test_call_is_dialed_once_before_all_others_whatever_else_it_leaves_out() -> None:
    bare = terms_of(TestCallSpec(workspace_id="w", agent_id="a", phone=PHONE))
    assert (bare.lane, bare.max_retries, bare.nbf, bare.exp) == (Lane.TEST, 0, NOW, NOW + DEFAULT_LIFE)
    assert bare.is_test


def test_only_test_numbers_may_be_called_outside_hours() -> None:
    spec = a_test_call(ignoreHours=True)
    assert codes(refusal(lambda: terms_of(spec))) == [("FIELD_TYPE", "ignore_hours")]
    assert terms_of(spec, a_desk(test_numbers=frozenset({PHONE}))).ignore_hours


def test_hours_that_are_ignored_may_be_closed_for_ever() -> None:
    spec = a_test_call(blockRules=["*|0000-2400"], timezone="Australia/Melbourne", ignoreHours=True)
    assert terms_of(spec, a_desk(test_numbers=frozenset({PHONE}))).block_rules == ("*|0000-2400",)


def test_a_test_call_is_refused_for_all_its_reasons_at_once() -> None:
    spec = a_test_call(nbf="2020-01-01T00:00:00Z", exp="2020-01-02T00:00:00Z", provider="nobody", ignoreHours=True)
    assert codes(refusal(lambda: terms_of(spec))) == [
        ("PROVIDER_UNKNOWN", "provider"),
        ("FIELD_TYPE", "ignore_hours"),
        ("WINDOW_PAST", "exp"),
    ]


@pytest.mark.parametrize(
    ("able", "rules", "warned"),
    [
        (Capabilities(reports_outcomes=True, can_find=True), (), []),
        (Capabilities(reports_outcomes=True, can_find=True), ("Mon-Fri|0800-1600",), ["LOOKS_INVERTED"]),
        (SILENT, ("*|2000-0800",), ["NO_OUTCOMES"]),
        (SILENT, ("Mon-Fri|0900-1700",), ["LOOKS_INVERTED", "NO_OUTCOMES"]),
    ],
)
def test_what_is_allowed_but_seldom_meant_is_warned_of(
    able: Capabilities, rules: tuple[str, ...], warned: list[str]
) -> None:
    warnings = term_warnings(some_terms(block_rules=rules), able)
    assert [warning.split(":")[0] for warning in warnings] == warned
