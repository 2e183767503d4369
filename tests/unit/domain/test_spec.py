"""What users hand in: the seeds' bodies as they stand, every mistake named at once, and nothing but a LoadRefused."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.fields import read_delay, read_timestamp
from dialer.domain.retry import RetryPolicy
from dialer.domain.spec import BatchSpec, CallSpec, TestCallSpec
from dialer.errors import DialerError, LoadRefused
from tests.unit.builders import JSON, LOAD_JSON, TEST_CALL, a_spec, codes, corpus, names

SPECS = corpus("specs")
DOCUMENTS = corpus("documents")
#: One table of bad values for each field that is read alike in every spec.
FIELDS = {
    "timestamps": "nbf",
    "timezones": "timezone",
    "max_retries": "max_retries",
    "priority": "priority",
}
VALUES = [(field, value, code) for table, field in FIELDS.items() for value, code in corpus(table) if value is not None]

WORDS = st.sampled_from(
    ["Mon-Fri|0800-1600", "Australia/Melbourne", "2026-11-23T09:00:00Z", "+61387772586", "PT30M", "0 9 * * *", "high"]
)


class WithoutOffset(tzinfo):
    """A zone that does not know; Python would take this machine's."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> None:
        return None


def refusal(make: Callable[[], object]) -> LoadRefused:
    with pytest.raises(LoadRefused) as caught:
        make()
    assert str(caught.value).startswith("LOAD_REFUSED: ")
    assert str(caught.value).isprintable()
    return caught.value


def test_the_seeds_load_json_body_is_a_batch_as_it_stands() -> None:
    spec = BatchSpec.read(LOAD_JSON)
    assert (spec.workspace_id, spec.agent_id) == ("O8K5OFUtWa0CKBbC2pGC", "0a85ad54-ae4c-44de-b149-079069ca04f5")
    assert (spec.batch_ref, spec.cli, spec.call_list) == ("batchtest-7897766006555", "+61387772586", [])
    assert spec.nbf == datetime(2026, 11, 4, 10, 58, 0, 1000, tzinfo=UTC)
    assert spec.exp == datetime(2027, 11, 19, 8, 4, tzinfo=UTC)
    assert spec.block_rules == ("Mon-Fri|0800-1600", "Sat,Sun|0000-2400")


def test_the_seeds_test_call_body_is_a_test_call_as_it_stands() -> None:
    spec = TestCallSpec.read(TEST_CALL)
    assert (spec.phone, spec.variables) == (TEST_CALL["phone"], TEST_CALL["variables"])
    assert spec.ignore_hours is False


def test_snake_case_camel_case_and_a_mixture_say_the_same() -> None:
    snake = {
        "workspace_id": LOAD_JSON["workspaceId"],
        "agent_id": LOAD_JSON["agentId"],
        "batch_ref": LOAD_JSON["batchRef"],
        "call_list": [],
        "block_rules": LOAD_JSON["blockRules"],
        **{name: LOAD_JSON[name] for name in ("cli", "nbf", "exp")},
    }
    assert BatchSpec(**snake) == BatchSpec.read(LOAD_JSON) == BatchSpec(**{**snake, "cli": "+61 (3) 8777-2586"})
    assert a_spec(maxRetries=2, max_call_seconds=60) == a_spec(max_retries=2, maxCallSeconds=60)


def test_every_field_of_a_batch_is_read() -> None:
    spec = a_spec(
        name="Autumn",
        timezone="Australia/Melbourne",
        provider="au",
        max_retries=3,
        retry={"noAnswer": 90, "busy": "PT1H30M", "failed": None, "voicemail": 0.5},
        callingHours=["*|0900-2000"],
        priority="low",
        status="draft",
        cron="0  9 * * 1-5",
        on_unknown="redial",
        max_call_seconds=600,
        call_list=[{"phone": "+61278132035"}, CallSpec("+61278132036"), "judged later, with its row"],
    )
    minutes = timedelta(minutes=1)
    assert spec.retry == RetryPolicy(
        no_answer=90 * timedelta(seconds=1), busy=90 * minutes, failed=None, voicemail=timedelta(seconds=0.5)
    )
    assert (spec.calling_hours, spec.block_rules) == (("*|0900-2000",), None)
    assert (spec.cron, spec.max_call_seconds, spec.status) == ("0 9 * * 1-5", 10 * minutes, "draft")
    assert len(spec.call_list) == 3


def test_what_is_given_is_told_apart_from_what_is_left_out() -> None:
    assert a_spec().given == {"workspace_id", "agent_id", "batch_ref"}
    assert a_spec(block_rules=[], max_retries=0).given >= {"block_rules", "max_retries"}


def test_null_counts_as_left_out() -> None:
    optional = {name: None for name in BatchSpec.model_fields if name not in names()}
    assert a_spec(**optional) == a_spec()
    assert a_spec(**optional).given == a_spec().given
    assert TestCallSpec.read({**TEST_CALL, "ignoreHours": None}) == TestCallSpec.read(TEST_CALL)


@pytest.mark.parametrize(
    ("given_as", "utc"),
    [
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00"),
        ("2026-11-23t09:00z", "2026-11-23T09:00:00"),
        ("2026-11-23 20:00:00.5+11:00", "2026-11-23T09:00:00.500000"),
        ("2026-11-23T20:00:00,250+1100", "2026-11-23T09:00:00.250000"),
        ("2026-11-23T20:00:00.123456789+11", "2026-11-23T09:00:00.123456"),
        ("2026-11-22T22:00:00-11:00", "2026-11-23T09:00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
        (datetime(2026, 11, 23, 9, tzinfo=UTC), "2026-11-23T09:00:00"),
        (datetime(2026, 11, 23, 20, tzinfo=ZoneInfo("Australia/Melbourne")), "2026-11-23T09:00:00"),
        (datetime(2026, 11, 23, 14, 45, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-11-23T09:00:00"),
        # The two passes of a fold are an hour apart.
        (datetime(2026, 4, 5, 2, 30, fold=0, tzinfo=ZoneInfo("Australia/Melbourne")), "2026-04-04T15:30:00"),
        (datetime(2026, 4, 5, 2, 30, fold=1, tzinfo=ZoneInfo("Australia/Melbourne")), "2026-04-04T16:30:00"),
    ],
)
def test_an_instant_is_kept_in_utc(given_as: object, utc: str) -> None:
    moment = a_spec(nbf=given_as).nbf
    assert moment == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("naive", [datetime(2026, 11, 23), datetime(2026, 11, 23, tzinfo=WithoutOffset())])  # noqa: DTZ001
def test_an_instant_without_an_offset_is_never_read_on_this_machines_clock(naive: datetime) -> None:
    assert codes(refusal(lambda: a_spec(nbf=naive))) == [("TIMESTAMP_NAIVE", "nbf")]


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_are_instants_too(edge: datetime) -> None:
    assert read_timestamp(edge) == edge


@pytest.mark.parametrize(
    ("given_as", "seconds"),
    [
        (0, 0),
        (1.5, 1.5),
        ("PT0S", 0),
        ("PT30M", 1800),
        ("P1DT1H1M1.5S", 90061.5),
        ("P2W", 1209600),
        ("P365D", 31536000),
    ],
)
def test_a_delay_is_seconds_or_an_iso_duration(given_as: object, seconds: float) -> None:
    assert read_delay(given_as) == timedelta(seconds=seconds)
    assert a_spec(retry={"busy": given_as}).retry == RetryPolicy(busy=timedelta(seconds=seconds))


def test_a_retry_policy_may_be_given_as_one_and_is_checked_all_the_same() -> None:
    policy = RetryPolicy(busy=timedelta(hours=2), no_answer=None)
    assert a_spec(retry=policy).retry == policy
    refused = refusal(lambda: a_spec(retry=RetryPolicy(busy=timedelta(seconds=-1))))
    assert codes(refused) == [("RETRY_INVALID", "retry")]
    assert "busy" in refused.errors[0].message


@pytest.mark.parametrize(("given_in", "expected"), SPECS, ids=range(len(SPECS)))
def test_a_bad_batch_is_refused_with_all_that_is_wrong(given_in: dict[str, Any], expected: list[list[str]]) -> None:
    document = {"workspaceId": "w", "agentId": "a", "batchRef": "r", **given_in}
    refused = refusal(lambda: BatchSpec.read(document))
    assert codes(refused) == [tuple(error) for error in expected]
    assert all(len(str(error)) < 700 for error in refused.errors)


@pytest.mark.parametrize(("field", "value", "code"), VALUES, ids=range(len(VALUES)))
def test_a_bad_value_is_named_by_code_and_field(field: str, value: object, code: str) -> None:
    refused = refusal(lambda: a_spec(**{field: value}))
    assert codes(refused) == [(code, field)]
    assert str(refused.errors[0]).startswith(f"{code}: {field}: ")
    assert len(refused.errors[0].message) < 300


@pytest.mark.parametrize(("rule", "code"), corpus("rules"), ids=range(len(corpus("rules"))))
def test_a_bad_rule_is_named_by_its_place(rule: object, code: str) -> None:
    refused = refusal(lambda: a_spec(blockRules=["*|0000-0100", rule], callingHours=[rule]))
    assert codes(refused) == [(code, "block_rules.1"), (code, "calling_hours.0")]


@pytest.mark.parametrize(("text", "code"), DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_a_bad_document_is_refused_by_name(text: str, code: str) -> None:
    assert {error.code for error in refusal(lambda: BatchSpec.model_validate_json(text)).errors} == {code}


@pytest.mark.parametrize("document", [None, 5, "text", b"{}", [], [("workspaceId", "w")], {1: 2}, {None: 1}, object()])
def test_what_is_no_object_is_no_spec(document: object) -> None:
    assert codes(refusal(lambda: BatchSpec.read(document))) == [("FIELD_TYPE", "(document)")]
    assert codes(refusal(lambda: TestCallSpec.model_validate(document))) == [("FIELD_TYPE", "(document)")]


BAD: dict[str, Any] = {**names(), "max_retries": 99, "nbf": 5}


@pytest.mark.parametrize(
    "make",
    [
        lambda: BatchSpec(**BAD),
        lambda: BatchSpec.read(BAD),
        lambda: BatchSpec.read(MappingProxyType(BAD)),
        lambda: BatchSpec.model_validate(BAD),
        lambda: BatchSpec.model_validate_json(json.dumps(BAD)),
        lambda: BatchSpec.model_validate_json(json.dumps(BAD).encode()),
        lambda: a_spec().model_copy(update={"max_retries": 99, "nbf": 5}),
        lambda: a_spec(maxRetries=1).model_copy(update={"maxRetries": 99, "nbf": 5}),
    ],
)
def test_every_way_to_a_spec_refuses_alike(make: Callable[[], object]) -> None:
    assert sorted(codes(refusal(make))) == [("MAX_RETRIES_INVALID", "max_retries"), ("TIMESTAMP_INVALID", "nbf")]


def test_a_copy_keeps_what_was_given_and_reads_what_is_new() -> None:
    spec = a_spec(max_retries=1, block_rules=["*|0000-0900"], retry={"busy": 5}, max_call_seconds=60)
    changed = spec.model_copy(update={"maxRetries": 2, "cli": "+61 3 8777 2586"})
    assert (changed.max_retries, changed.cli, changed.retry) == (2, "+61387772586", spec.retry)
    assert changed.given == spec.given | {"cli"}
    assert spec.model_copy() == copy.deepcopy(spec) == pickle.loads(pickle.dumps(spec)) == BatchSpec.read(spec) == spec


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("blokRules", "'blockRules'"),
        ("block_rule", "'block_rules'"),
        ("maxretries", "'max_retries'"),
        ("WORKSPACEID", "'workspace_id'"),
        ("batch-ref", "'batch_ref'"),
        ("expires", "'exp'"),
        ("callingHour", "'callingHours'"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest_as_its_writer_would_write_it(field: str, hint: str) -> None:
    [error] = refusal(lambda: a_spec(**{field: 1})).errors
    assert (error.code, error.field) == ("UNKNOWN_FIELD", field)
    assert error.message == f"unknown field: did you mean {hint}?"


def test_a_lower_case_slip_in_a_camel_case_document_is_answered_in_camel_case() -> None:
    [error] = refusal(lambda: BatchSpec.read({**LOAD_JSON, "maxretries": 1})).errors
    assert "'maxRetries'" in error.message


def test_what_is_near_nothing_is_answered_with_all_there_is() -> None:
    [error] = refusal(lambda: a_spec(zzz=1)).errors
    assert all(name in error.message for name in BatchSpec.model_fields)


@pytest.mark.parametrize("field", ["apiKey", "api_secret", "token", "X-API-KEY", "password", "Authorization"])
def test_a_secret_in_the_wrong_place_is_not_repeated(field: str) -> None:
    refused = refusal(lambda: BatchSpec.read({**LOAD_JSON, field: "oc_live_s3cret"}))
    assert "s3cret" not in f"{refused} {refused!r} {refused.errors!r}"


def test_the_value_of_an_error_is_what_was_given_long_and_nested_ones_in_short() -> None:
    given_in = {"maxRetries": 21, "priority": "urgent", "status": "x" * 5000, "nbf": [["x"] * 5000] * 5000}
    values = {error.field: error.value for error in refusal(lambda: a_spec(**given_in)).errors}
    assert (values["max_retries"], values["priority"]) == (21, "urgent")
    assert max(len(values["status"]), len(values["nbf"])) <= 300


def test_a_test_call_takes_only_its_own_fields() -> None:
    refused = refusal(lambda: TestCallSpec.read({**TEST_CALL, "callList": [], "cron": "0 9 * * *", "ignoreHours": 1}))
    assert sorted(codes(refused)) == [
        ("FIELD_TYPE", "ignore_hours"),
        ("UNKNOWN_FIELD", "callList"),
        ("UNKNOWN_FIELD", "cron"),
    ]


def test_a_test_call_with_a_reversed_window_is_refused() -> None:
    refused = refusal(lambda: TestCallSpec.read({**TEST_CALL, "exp": TEST_CALL["nbf"]}))
    assert codes(refused) == [("WINDOW_REVERSED", "exp")]


def test_the_longest_names_fit() -> None:
    assert len(a_spec(batch_ref="r" * 255, workspace_id="ü" * 255).batch_ref) == 255
    assert a_spec(batch_ref="r" * 238, cron="0 9 * * *", timezone="Australia/Melbourne").cron
    assert len(a_spec(block_rules=["Mon|0800-1600"] * 64).block_rules or ()) == 64


def test_a_row_is_taken_as_it_comes_and_judged_later() -> None:
    assert CallSpec() == CallSpec(phone=None)
    assert CallSpec("x", timezone=5, max_retries="many").max_retries == "many"


@settings(deadline=None, max_examples=150)
@given(JSON | st.dictionaries(st.sampled_from([*BatchSpec.model_fields, "blockRules", "zzz"]), JSON | WORDS))
def test_any_json_is_a_batch_or_a_dialer_error(document: Any) -> None:
    for read in (BatchSpec.read, TestCallSpec.read, lambda value: a_spec(**value) if isinstance(value, dict) else None):
        try:
            read(document)
        except DialerError as error:
            assert str(error).startswith(f"{error.code}: ")  # noqa: PT017 - both ways out are right


@settings(deadline=None, max_examples=100)
@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_any_aware_instant_comes_back_from_its_text(moment: datetime) -> None:
    offset = moment.utcoffset()
    if offset is None or offset % timedelta(minutes=1):
        moment = moment.replace(tzinfo=UTC)
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    assert read_timestamp(moment.isoformat()) == expected
