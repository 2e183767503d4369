"""Numbers: what is read as E.164 and what is refused, where a number may lie, and how logs show it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialer.domain.area_codes import ZONES_OF_AREA
from dialer.domain.phone import mask, parse_phone, zones_of
from dialer.errors import BadPhone, InvalidInput

ISLANDS = frozenset({"Indian/Cocos", "Indian/Christmas"})


def code_of(value: object, country: str | None = None) -> str:
    with pytest.raises(BadPhone) as caught:
        parse_phone(value, country=country)
    assert len(str(caught.value)) < 300
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+61387772586", "+61387772586"),
        ("+61 3 8777-2586", "+61387772586"),
        (" +1 (415) 555.2671 ", "+14155552671"),
        ("(+44) 20-7946-0958", "+442079460958"),
        ("+390612345678", "+390612345678"),  # Italy keeps its zero
        ("+447700900123", "+447700900123"),  # reserved for films: possible, though given to nobody
        ("+5491123456789", "+5491123456789"),
    ],
)
def test_e164_is_read_after_dropping_separators(text: str, e164: str) -> None:
    assert parse_phone(text) == e164


@pytest.mark.parametrize("nothing", [None, "", " ", "()", " - . "])
def test_no_number_at_all_is_missing(nothing: object) -> None:
    assert code_of(nothing) == "PHONE_MISSING"


@pytest.mark.parametrize(
    "value",
    [
        14155552671, 14155552671.0, True, False, 0, ["+14155552671"], {"phone": "+14155552671"}, b"+14155552671",
        "14155552671", "0014155552671", "4155552671", "+", "++14155552671", "+0414155552671", "1+4155552671",
        "+1415555267a", "+1800FLOWERS", "1-800-FLOWERS", "+14155552671x12", "+14155552671 ext. 12", "tel:+14155552671",
        "tel:+14155552671;ext=12", "=+14155552671", "'+14155552671", "sip:+14155552671@example.com",
        "+14155552671\n", "\t+14155552671", "+14155552671\r\n", "+1415\x005552671", "\ufeff+14155552671",
        "\uff0b14155552671", "+١٤١٥٥٥٥٢٦٧١", "+1415555267１", "+1415\u00a05552671", "+1415\u200b5552671",
        "+1415\u20115552671", "\u202e+14155552671", "+1/415/5552671", "+1,4155552671", "+1_4155552671",
        "+1.4155552671E10", "14155552671.0", "+14155552671.0", "+" + "1" * 16, "+" + "1" * 250, "+4" + " " * 100,
        "+44 (0)20 7946 0958", "+61 0387772586", "n/a", "nan", "None",
    ],
)  # fmt: skip
def test_what_is_not_e164_is_refused_and_never_guessed(value: object) -> None:
    assert code_of(value) == "PHONE_NOT_E164"


@pytest.mark.parametrize(
    "text",
    ["+1415555267", "+141555526710", "+12530000", "+911", "+61000", "+99912345678", "+5215512345678"],
)
def test_numbers_that_no_country_can_have_are_not_possible(text: str) -> None:
    assert code_of(text) == "PHONE_NOT_POSSIBLE"


def test_a_number_that_can_only_be_dialed_locally_is_not_possible() -> None:
    local = phonenumbers.parse("+12530000")
    assert phonenumbers.is_possible_number(local), "the library's short answer says yes"
    assert code_of("+12530000") == "PHONE_NOT_POSSIBLE"


def test_valid_asks_for_more_than_possible() -> None:
    assert parse_phone("+61387772586", check="valid") == "+61387772586"
    with pytest.raises(BadPhone) as caught:
        parse_phone("+447700900123", check="valid")
    assert caught.value.code == "PHONE_NOT_POSSIBLE"


def test_the_message_names_the_value_and_what_was_expected() -> None:
    with pytest.raises(BadPhone, match=r"PHONE_NOT_E164: '\+44 \(0\)20 7946 0958' .*expected \+442079460958"):
        parse_phone("+44 (0)20 7946 0958")
    with pytest.raises(BadPhone, match=r"PHONE_NOT_E164: 14155552671 .*a int.*E\.164"):
        parse_phone(14155552671)
    with pytest.raises(BadPhone, match=r"PHONE_NOT_POSSIBLE: .*too short"):
        parse_phone("+1415555267")


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("(03) 8777 2586", "AU", "+61387772586"),
        ("0412 345 678", "AU", "+61412345678"),
        ("0412 345 678", "au", "+61412345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-415-555-2671", "US", "+14155552671"),
        ("+61 3 8777 2586", "US", "+61387772586"),
        ("06 12345678", "IT", "+390612345678"),
    ],
)
def test_a_country_s_own_writing_is_read_where_it_is_named(text: str, country: str, e164: str) -> None:
    assert parse_phone(text, country=country) == e164


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        ("61387772586", "AU", "PHONE_NOT_E164"),  # a country code without its plus: who says that it is one?
        ("0011 44 20 7946 0958", "AU", "PHONE_NOT_E164"),
        ("0387772586#12", "AU", "PHONE_NOT_E164"),
        ("٠٣٨٧٧٧٢٥٨٦", "AU", "PHONE_NOT_E164"),
        ("3012345.0", "DE", "PHONE_NOT_E164"),  # dropping the dot would dial another number
        ("14155552671.0", "US", "PHONE_NOT_E164"),
        ("000", "AU", "PHONE_NOT_POSSIBLE"),
        ("911", "US", "PHONE_NOT_POSSIBLE"),
        ("5552671", "US", "PHONE_NOT_POSSIBLE"),
        ("0", "AU", "PHONE_NOT_E164"),
        ("", "AU", "PHONE_MISSING"),
    ],
)
def test_national_numbers_are_not_guessed_either(text: str, country: str, code: str) -> None:
    assert code_of(text, country) == code


@pytest.mark.parametrize("country", ["", "A", "AUS", "61", "XX", "Australia", "ＡＵ"])
def test_a_country_that_is_none_is_an_error_of_its_own(country: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_phone("0387772586", country=country)
    assert caught.value.code == "COUNTRY_INVALID"


@settings(deadline=None)
@given(st.text(max_size=20) | st.from_regex(r"\A[+]?[0-9 ().-]{3,18}\Z") | st.integers() | st.none())
@example("+0" * 10)
def test_whatever_is_accepted_stays_what_it_was_apart_from_separators(value: object) -> None:
    try:
        e164 = parse_phone(value)
    except BadPhone as error:
        assert error.code in {"PHONE_MISSING", "PHONE_NOT_E164", "PHONE_NOT_POSSIBLE"}  # noqa: PT017 - either way out
        return
    assert isinstance(value, str)
    assert [char for char in value if char not in " -()."] == list(e164)
    assert parse_phone(e164) == e164


def test_a_landline_lies_in_the_zone_of_its_area() -> None:
    assert zones_of("+61387772586") == ("Australia/Sydney",)
    assert zones_of("+442079460958") == ("Europe/London",)


def test_a_mobile_may_lie_in_any_zone_of_its_country() -> None:
    zones = zones_of("+61412345678")
    assert {"Australia/Perth", "Australia/Sydney", "Indian/Cocos", "Indian/Christmas"} <= set(zones)
    assert list(zones) == sorted(zones)


def test_ignored_zones_are_left_out_while_others_remain() -> None:
    assert set(zones_of("+61412345678")) - set(zones_of("+61412345678", ISLANDS)) == ISLANDS
    assert zones_of("+61387772586", frozenset({"Australia/Sydney"})) == ("Australia/Sydney",)


def test_a_number_of_no_place_has_no_zone() -> None:
    assert zones_of("+883510001111") == ()


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        ("+18125551234", {"America/New_York", "America/Chicago"}),
        ("+19305551234", {"America/New_York", "America/Chicago"}),
        ("+14235551234", {"America/New_York", "America/Chicago"}),
        ("+13645551234", {"America/New_York", "America/Chicago"}),
        ("+14485551234", {"America/New_York", "America/Chicago"}),
        ("+12085551234", {"America/Boise", "America/Los_Angeles"}),
        ("+19285551234", {"America/Phoenix", "America/Denver"}),
        ("+18675551234", {"America/Whitehorse", "America/Edmonton", "America/Winnipeg", "America/Toronto"}),
        ("+17095551234", {"America/St_Johns", "America/Halifax"}),
        ("+12505551234", {"America/Vancouver", "America/Edmonton"}),
    ],
)
def test_a_split_area_code_lies_in_all_its_zones_whatever_the_exchange_says(phone: str, zones: set[str]) -> None:
    assert zones <= set(zones_of(phone))


def test_area_codes_of_one_zone_and_other_countries_are_left_alone() -> None:
    assert zones_of("+12125551234") == ("America/New_York",)
    assert zones_of("+4420812" + "34567") == ("Europe/London",)


def test_every_split_area_code_names_real_zones_that_differ() -> None:
    for area, zones in ZONES_OF_AREA.items():
        assert len(area) == 3
        assert area.isdigit()
        assert len(set(zones)) > 1
        assert all(ZoneInfo(name) for name in zones)


def test_a_masked_number_keeps_its_country_and_its_end() -> None:
    assert mask("+61387772586") == "+6138*****86"
    assert mask("+4930123456") == "+4930****56"


@given(st.text(alphabet="+0123456789", max_size=20))
def test_a_mask_always_hides_at_least_three_characters(phone: str) -> None:
    masked = mask(phone)
    assert masked.count("*") >= min(3, max(len(phone), 3))
    assert len(masked) >= len(phone) or len(phone) < 5
    assert masked.endswith(phone[-2:]) or len(phone) < 5
