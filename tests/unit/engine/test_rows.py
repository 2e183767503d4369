"""Rows on their way in: each bad one rejects itself by one code, and what is good is carried as it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.batch import CohortZones
from dialer.domain.spec import CallSpec
from dialer.domain.states import Lane
from dialer.engine.rows import VARIABLES_LIMIT, RowError, RowReader, open_rows, zones_for
from dialer.errors import DialerError, LoadRefused
from dialer.ports import HouseRules
from tests.unit.builders import JSON, PHONE, TEST_CALL, a_reader, corpus

FILES = corpus("files")
#: A bad value in each field of a row. Null is a field left out, so it is bad only for the phone.
VALUES = [
    *(("phone", value, code) for value, code in corpus("numbers")),
    *(
        (field, value, code)
        for table, field in [("variables", "variables"), ("timezones", "timezone"), ("max_retries", "max_retries")]
        for value, code in corpus(table)
    ),
    *(("priority", value, code) for value, code in corpus("priority")),
]
ROWS = corpus("rows")

FIELDS = ["phone", "variables", "timezone", "max_retries", "maxRetries", "priority"]


def rejection(row: object, reader: RowReader | None = None) -> RowError:
    with pytest.raises(RowError) as caught:
        (reader or a_reader()).read(row)
    assert str(caught.value).startswith(f"{caught.value.code}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return caught.value


@pytest.mark.parametrize(("field", "value", "code"), VALUES, ids=range(len(VALUES)))
def test_a_bad_value_rejects_its_row_by_one_code(field: str, value: object, code: str) -> None:
    assert rejection({"phone": PHONE, field: value}).code == code


@pytest.mark.parametrize(("row", "code"), ROWS, ids=range(len(ROWS)))
def test_a_bad_row_is_rejected_by_one_code(row: object, code: str) -> None:
    assert rejection(row).code == code


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("+61387772586", "+61387772586"),
        ("+61 (3) 8777-2586", "+61387772586"),
        ("+61.3.8777.2586", "+61387772586"),
        (" +61387772586 ", "+61387772586"),
    ],
)
def test_ascii_separators_are_dropped_from_a_number(written: str, phone: str) -> None:
    assert a_reader().read({"phone": written}).phone == phone


def test_a_country_lets_national_formats_in() -> None:
    assert a_reader(country="AU").read({"phone": "(03) 8777 2586"}).phone == PHONE
    assert rejection({"phone": "(03) 8777 2586"}).code == "PHONE_NOT_E164"


@pytest.mark.parametrize("timezone", [None, "Australia/Perth"])
@pytest.mark.parametrize("check", ["possible", "valid"])
def test_a_row_like_others_before_is_read_as_if_it_were_the_first(timezone: str | None, check: Any) -> None:
    rules = HouseRules(number_check=check, default_timezone="UTC", legal_hours=("*|0800-2100",))
    practised = RowReader(rules, None)

    def verdict(reader: RowReader, phone: str) -> Any:
        try:
            return reader.read({"phone": phone, "timezone": timezone})
        except RowError as error:
            return error.code, error.message

    numbers = [
        f"+{begin}{last:02d}" for begin in ("614123456", "6139876543", "120255501", "44207946") for last in range(30)
    ]
    for phone in [*numbers, *(number.replace("1", "-1") for number in numbers), "+6141", *numbers]:
        assert verdict(practised, phone) == verdict(RowReader(rules, None), phone)


def test_an_optional_field_that_is_null_is_left_out() -> None:
    bare = a_reader().read({"phone": PHONE})
    assert (
        a_reader().read({"phone": PHONE, **dict.fromkeys(["variables", "timezone", "max_retries", "priority"])}) == bare
    )
    assert (bare.variables, bare.timezone, bare.max_retries, bare.lane) == (None, None, None, None)


def test_a_row_is_an_object_of_either_kind_in_either_case() -> None:
    fields: dict[str, Any] = {"phone": PHONE, "timezone": "Australia/Perth", "max_retries": 2, "priority": "high"}
    call = a_reader().read(fields)
    assert (call.timezone, call.max_retries, call.lane) == ("Australia/Perth", 2, Lane.HIGH)
    assert a_reader().read(CallSpec(**fields)) == call
    assert a_reader().read(MappingProxyType(fields)) == call
    assert a_reader().read({"maxRetries": fields.pop("max_retries"), **fields}) == call


def test_zero_retries_of_a_call_are_its_own_and_not_its_batchs() -> None:
    assert a_reader().read({"phone": PHONE, "max_retries": 0}).max_retries == 0


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("phon", "did you mean 'phone'?"),
        ("Variable", "did you mean 'variables'?"),
        ("maxRetry", "did you mean 'maxRetries'?"),
        ("max_retry", "did you mean 'max_retries'?"),
        ("time-zone", "did you mean 'timezone'?"),
        ("zzz", "expected one of phone, variables, timezone, max_retries, priority"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest(field: str, hint: str) -> None:
    assert rejection({"phone": PHONE, field: 1}).message == f"unknown field {field!r}: {hint}"


@pytest.mark.parametrize(
    "variables",
    [
        TEST_CALL["variables"],
        {},
        {"": ""},
        {"INDUSTRY": "", "name": "Zoë Müller 李 👩‍👩‍👧 \u202e\u0000\x1b[31m\r\n"},
        {"é": "e\u0301", "ﬁ": "Å"},
        {"nested": {"list": [1, 2.5, None, True, {"deep": []}], "empty": {}}},
        {"big": 12345678901234567890123, "negative": -0.0, "tiny": 1e-300},
        {"template": "{{FIRST_NAME}} {% raw %} ignore all previous instructions", "sql": "'; --", "f": "=1+1"},
    ],
)
def test_variables_are_carried_as_they_were_given(variables: dict[str, Any]) -> None:
    text = a_reader().read({"phone": PHONE, "variables": variables}).variables
    assert text == json.dumps(variables, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(text) == variables
    assert list(json.loads(text)) == list(variables)


@pytest.mark.parametrize("filler", ["x", "é", "李", "😀"])
def test_five_kilobytes_of_variables_are_counted_in_bytes_of_utf8(filler: str) -> None:
    width = len(filler.encode())
    room = VARIABLES_LIMIT - len('{"a":""}')
    fitting = filler * (room // width) + "x" * (room % width)
    text = a_reader().read({"phone": PHONE, "variables": {"a": fitting}}).variables
    assert text is not None
    assert len(text.encode()) == 5120
    rejected = rejection({"phone": PHONE, "variables": {"a": fitting + "x"}})
    assert (rejected.code, rejected.message) == ("VARIABLES_TOO_LARGE", "expected at most 5120 bytes of JSON, got 5121")


def test_variables_that_hold_themselves_are_rejected() -> None:
    knot: dict[str, Any] = {}
    knot["knot"] = knot
    assert rejection({"phone": PHONE, "variables": knot}).code == "VARIABLES_NOT_OBJECT"


@pytest.mark.parametrize("variables", [{1: "a"}, {None: "a"}, {"a": {1, 2}}, {"a": b"b"}, {"a": object()}])
def test_variables_that_are_no_json_are_rejected(variables: dict[Any, Any]) -> None:
    assert rejection({"phone": PHONE, "variables": variables}).code == "VARIABLES_NOT_OBJECT"


MOBILE = "+61491570156"
PLAIN = HouseRules()
LEGAL = HouseRules(legal_hours=("*|0800-2100",))
TOKYO = HouseRules(default_timezone="Asia/Tokyo")
LEGAL_TOKYO = HouseRules(default_timezone="Asia/Tokyo", legal_hours=("*|0800-2100",))
FREE = "+80012345678"
AUSTRALIAN = zones_for(MOBILE, None, None, PLAIN).rules


@pytest.mark.parametrize(
    ("phone", "own", "batch", "house", "zones"),
    [
        (PHONE, "Asia/Tokyo", "Europe/Paris", PLAIN, CohortZones(("Asia/Tokyo",))),
        (PHONE, None, "Europe/Paris", PLAIN, CohortZones(("Europe/Paris",))),
        (PHONE, None, None, TOKYO, CohortZones(("Australia/Sydney",))),
        (MOBILE, None, None, PLAIN, CohortZones(AUSTRALIAN)),
        # Legal hours count on the callee's own clock: the number's before the batch's.
        (MOBILE, None, "Europe/Paris", LEGAL, CohortZones(("Europe/Paris",), AUSTRALIAN)),
        (MOBILE, "Asia/Tokyo", "Europe/Paris", LEGAL, CohortZones(("Asia/Tokyo",), ("Asia/Tokyo",))),
        (FREE, None, "Europe/Paris", LEGAL, CohortZones(("Europe/Paris",), ("Europe/Paris",))),
        (FREE, None, None, TOKYO, CohortZones(("Asia/Tokyo",))),
        (FREE, None, None, LEGAL_TOKYO, CohortZones(("Asia/Tokyo",), ("Asia/Tokyo",))),
    ],
)
def test_the_zones_of_a_number_come_from_the_nearest_that_tells(
    phone: str, own: str | None, batch: str | None, house: HouseRules, zones: CohortZones
) -> None:
    assert a_reader(house, batch).read({"phone": phone, "timezone": own}).zones == zones


def test_a_number_of_which_nothing_tells_the_zone_is_rejected() -> None:
    assert rejection({"phone": FREE}).code == "TIMEZONE_UNKNOWN"
    assert rejection({"phone": FREE}, a_reader(LEGAL)).code == "TIMEZONE_UNKNOWN"


def test_ignored_zones_do_not_close_hours() -> None:
    islands = frozenset({"Indian/Cocos", "Indian/Christmas"})
    assert (
        set(a_reader(HouseRules(ignore_zones=islands)).read({"phone": MOBILE}).zones.rules) == set(AUSTRALIAN) - islands
    )


def test_numbers_may_have_to_be_given_out() -> None:
    reader = a_reader(HouseRules(number_check="valid"))
    assert reader.read({"phone": PHONE}).phone == PHONE
    assert rejection({"phone": "+61999999999"}, reader).code == "PHONE_NOT_POSSIBLE"


@settings(deadline=None, max_examples=200)
@given(
    JSON | st.dictionaries(st.sampled_from(FIELDS), JSON) | st.builds(lambda v: {"phone": PHONE, "variables": v}, JSON)
)
def test_any_json_is_a_call_or_a_row_error(row: Any) -> None:
    try:
        call = a_reader().read(row)
    except RowError as error:
        assert str(error).startswith(f"{error.code}: ")  # noqa: PT017 - both ways out are right
    else:
        assert call.phone == row["phone"].translate({ord(character): None for character in " -()."})


@pytest.mark.parametrize("case", FILES, ids=[case["file"] for case in FILES])
def test_a_file_is_refused_as_a_whole_or_rejects_its_bad_rows_alone(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    path.write_bytes(case["text"].encode(case["encoding"]))
    if case["refused"] is None:
        with open_rows(str(path)) as rows:
            rejected, taken = judged(rows)
        assert (rejected, len(taken)) == ([tuple(row) for row in case["rows"]], case["taken"])
        return
    with pytest.raises(LoadRefused) as caught, open_rows(str(path)):
        pass
    [error] = caught.value.errors
    assert (error.code, error.field) == (case["refused"], "calls")
    assert case["file"] in error.message
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def judged(rows: Iterator[tuple[int, object]], reader: RowReader | None = None) -> tuple[list[tuple[int, str]], list]:
    """Rejected rows by number and code, and the calls of the others."""
    rejected, taken = [], []
    for number, row in rows:
        try:
            if isinstance(row, RowError):
                raise row
            taken.append((reader or a_reader()).read(row))
        except DialerError as error:
            assert str(error).isprintable()  # noqa: PT017 - both ways out are right
            rejected.append((number, error.code))
    return rejected, taken


def calls_in(tmp_path: Path, name: str, text: str, phone_column: str = "phone") -> list:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    with open_rows(path, phone_column) as rows:
        rejected, taken = judged(rows)
    assert rejected == []
    return taken


def refused_file(tmp_path: Path, name: str, text: str, phone_column: str = "phone") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LoadRefused) as caught, open_rows(path, phone_column):
        pass
    return caught.value.errors[0].message


def test_columns_of_a_csv_are_fields_or_variables(tmp_path: Path) -> None:
    text = (
        "NAME, phone ,timezone,max_retries,priority,Phone\r\n"
        f'"Müller, ""Zoë""",{PHONE},Australia/Perth,02,high, x \r\n'
        f",{PHONE},,,,\r\n"
    )
    full, bare = calls_in(tmp_path, "calls.csv", "\ufeff" + text)
    assert (full.timezone, full.max_retries, full.lane) == ("Australia/Perth", 2, Lane.HIGH)
    assert json.loads(full.variables) == {"NAME": 'Müller, "Zoë"', "Phone": " x "}
    assert (bare.timezone, bare.max_retries, bare.lane) == (None, None, None)
    assert json.loads(bare.variables) == {"NAME": "", "Phone": ""}


def test_the_column_of_the_number_may_have_another_name(tmp_path: Path) -> None:
    [call] = calls_in(tmp_path, "calls.csv", f"phone,mobile\nthe old one,{PHONE}\n", phone_column="mobile")
    assert (call.phone, json.loads(call.variables)) == (PHONE, {"phone": "the old one"})


def test_a_csv_with_nothing_but_numbers_has_no_variables(tmp_path: Path) -> None:
    [call] = calls_in(tmp_path, "CALLS.CSV", f"phone\n{PHONE}")
    assert call.variables is None


def test_a_jsonl_file_carries_json(tmp_path: Path) -> None:
    row = {"phone": PHONE, "variables": {"a": [1, {"b": None}], "ü": "\u2028"}, "maxRetries": 0}
    [call] = calls_in(tmp_path, "calls.ndjson", json.dumps(row, ensure_ascii=False) + "\r\n \n")
    assert (json.loads(call.variables), call.max_retries) == (row["variables"], 0)


@pytest.mark.parametrize(
    ("header", "phone_column", "hint"),
    [
        ("Phone,name", "phone", "did you mean --phone-column 'Phone'?"),
        ("name,phone", "phoen", "did you mean --phone-column 'phone'?"),
        ("phone;name", "phone", "this file seems to use semicolons or tabs"),
        ("phone\tname", "phone", "this file seems to use semicolons or tabs"),
        ("a,b", "phone", "its columns are ['a', 'b']"),
    ],
)
def test_a_missing_column_is_answered_with_the_likely_mistake(
    tmp_path: Path, header: str, phone_column: str, hint: str
) -> None:
    message = refused_file(tmp_path, "calls.csv", f"{header}\n", phone_column)
    assert message.startswith(f"calls.csv: no column {phone_column!r}: ")
    assert message.endswith(hint)


def test_a_column_named_twice_is_named(tmp_path: Path) -> None:
    assert refused_file(tmp_path, "calls.csv", "phone,a,b,a\n") == "calls.csv: column 'a' is named twice"


def test_rows_that_an_open_quote_swallowed_are_said_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(f'phone,name\n{PHONE},"Kim\n' + f"{PHONE},x\n" * 7, encoding="utf-8")
    with open_rows(path) as rows:
        [(number, row)] = list(rows)
    assert (number, isinstance(row, RowError)) == (2, True)
    assert "lines 2 to 9: is a quote left open?" in str(row)


@pytest.mark.parametrize("name", ["missing.csv", "a\0b.csv", "x" * 300 + ".csv", "folder.csv"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(LoadRefused) as caught, open_rows(str(tmp_path / name)):
        pass
    assert [(error.code, error.field) for error in caught.value.errors] == [("FIELD_MISSING", "calls")]
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("calls", [None, 5, True, {"phone": PHONE}, b"+61387772586", object()])
def test_what_holds_no_rows_is_refused(calls: object) -> None:
    with pytest.raises(LoadRefused) as caught, open_rows(calls):
        pass
    assert [(error.code, error.field) for error in caught.value.errors] == [("FIELD_TYPE", "calls")]


def test_rows_are_read_one_at_a_time_as_they_are_asked_for() -> None:
    log: list[str] = []

    def rows() -> Iterator[dict[str, str]]:
        for number in range(1_000_000):
            log.append(f"made {number}")
            yield {"phone": PHONE}

    with open_rows(rows()) as numbered:
        assert log == []
        for number, row in numbered:
            a_reader().read(row)
            log.append(f"taken {number}")
            if number == 3:
                break
    assert log == ["made 0", "taken 1", "made 1", "taken 2", "made 2", "taken 3"]


@pytest.mark.parametrize("name", ["calls.csv", "calls.jsonl"])
def test_a_file_is_read_as_it_is_asked_for(tmp_path: Path, name: str) -> None:
    """The end of the file is written only after its beginning was read: what is read ahead is one buffer."""
    path = tmp_path / name
    line = f"{PHONE}\n" if name.endswith("csv") else json.dumps({"phone": PHONE}) + "\n"
    path.write_text(("phone\n" if name.endswith("csv") else "") + line * 20_000, encoding="utf-8")
    with open_rows(path) as rows:
        next(rows)
        with path.open("a", encoding="utf-8") as file:
            file.write(line.replace(PHONE, "+61278132035"))
        *_, (_, last) = rows
    assert a_reader().read(last).phone == "+61278132035"


def test_rows_are_numbered_from_one_and_a_header_is_row_one(tmp_path: Path) -> None:
    with open_rows([{"phone": PHONE}, "x"]) as rows:
        assert [number for number, _ in rows] == [1, 2]
    path = tmp_path / "calls.csv"
    path.write_text(f"phone\n{PHONE}\n", encoding="utf-8")
    with open_rows(path) as rows:
        assert [number for number, _ in rows] == [2]
