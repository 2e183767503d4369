"""One rule of the grammar: what it says, and what is wrong with it at which character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.window import Rule, parse_rule, parse_rules
from dialer.errors import BadRule, InvalidInput

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "days", "spans"),
    [
        ("Mon-Fri|0800-1600", (0, 1, 2, 3, 4), ((480, 960),)),
        ("*|0800-2100", EVERY_DAY, ((480, 1260),)),
        ("Fri-Mon|0000-2400", (0, 4, 5, 6), ((0, 1440),)),
        ("Sat,Sun|0000-2359", (5, 6), ((0, 1440),)),
        ("mON,WED-thu|0800-1200,1300-1700", (0, 2, 3), ((480, 720), (780, 1020))),
        (" Mon - Tue , Sun\t|  0800 - 0930 , 1000-1100 ", (0, 1, 6), ((480, 570), (600, 660))),
        ("Fri|2200-0600", (4,), ((1320, 360),)),
        ("Tue-Tue|1200-0000", (1,), ((720, 0),)),
        ("Mon|2359-2400", (0,), ((1439, 1440),)),
        ("Mon|2359-0001", (0,), ((1439, 1),)),
    ],
)
def test_a_rule_says_its_days_and_spans(text: str, days: tuple[int, ...], spans: tuple[tuple[int, int], ...]) -> None:
    assert parse_rule(text) == Rule(text, days, spans)


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    assert list(parse_rule("Sun|2200-0600").week_spans()) == [(6 * 1440 + 1320, 7 * 1440 + 360)]


@pytest.mark.parametrize(
    ("rule", "code", "position"),
    [
        (None, "NOT_A_STRING", 0),
        (800, "NOT_A_STRING", 0),
        (["Mon|0800-1600"], "NOT_A_STRING", 0),
        ("Mon|0800-1600" + " " * 244, "TOO_LONG", 256),
        ("Mon" + ",Mon" * 100_000 + "|0800-1600", "TOO_LONG", 256),
        ("Mon–Fri|0800-1600", "NOT_ASCII", 3),
        ("Mon-Fri|0800-160０", "NOT_ASCII", 16),
        ("Mon-Fri|٠٨٠٠-1600", "NOT_ASCII", 8),
        ("Mon\u00a0|0800-1600", "NOT_ASCII", 3),
        ("", "NO_BAR", 0),
        ("Mon-Fri 0800-1600", "NO_BAR", 0),
        ("Mon|0800-1600|Tue", "NO_BAR", 13),
        ("||", "NO_BAR", 1),
        ("|0800-1600", "BAD_DAY", 0),
        ("Mom|0800-1600", "BAD_DAY", 0),
        ("Monday|0800-1600", "BAD_DAY", 0),
        ("Mon, Tuo|0800-1600", "BAD_DAY", 5),
        ("Mon,|0800-1600", "BAD_DAY", 4),
        ("Mon-|0800-1600", "BAD_DAY", 4),
        ("*,Mon|0800-1600", "BAD_DAY", 0),
        ("Mon-*|0800-1600", "BAD_DAY", 4),
        ("Mon Tue|0800-1600", "BAD_DAY", 0),
        ("\nMon|0800-1600", "BAD_DAY", 0),
        ("Mon\0|0800-1600", "BAD_DAY", 0),
        ("Mon-Wed-Fri|0800-1600", "BAD_RANGE", 0),
        ("Mon|0800-1200-1600", "BAD_RANGE", 4),
        ("Mon|0800", "BAD_RANGE", 4),
        ("Mon|", "BAD_RANGE", 4),
        ("Mon|0800-1200,", "BAD_RANGE", 14),
        ("Mon|0800-1200, 13:00", "BAD_RANGE", 15),
        ("Mon-Fri|08:00-16:00", "BAD_TIME", 8),
        ("Mon|800-1600", "BAD_TIME", 4),
        ("Mon|0800-", "BAD_TIME", 9),
        ("Mon|0800- 16 00", "BAD_TIME", 10),
        ("Mon|0800-1660", "BAD_TIME", 9),
        ("Mon|0800-2500", "BAD_TIME", 9),
        ("Mon|0800-2401", "BAD_TIME", 9),
        ("Mon|2400-0800", "BAD_TIME", 4),
        ("Mon|+800-1600", "BAD_TIME", 4),
        ("Mon|0800-1600\n", "BAD_TIME", 9),
        ("Mon|0800-0800", "EMPTY_RANGE", 4),
        ("Mon|0100-0200, 0000-0000", "EMPTY_RANGE", 15),
        ("Mon|2359-2359", "EMPTY_RANGE", 4),
    ],
)
def test_a_malformed_rule_says_what_is_wrong_and_where(rule: object, code: str, position: int) -> None:
    with pytest.raises(BadRule) as caught:
        parse_rule(rule)
    assert (caught.value.code, caught.value.rule, caught.value.position) == (code, rule, position)
    assert str(caught.value).startswith(f"{code}: in ")
    assert len(str(caught.value)) < 500


def test_an_en_dash_is_named_as_the_likely_mistake() -> None:
    with pytest.raises(BadRule, match="dash"):
        parse_rule("Mon–Fri|0800-1600")


def test_sixty_four_rules_are_enough_and_the_next_is_too_many() -> None:
    assert len(parse_rules(["Mon|0800-1600"] * 64)) == 64
    with pytest.raises(BadRule) as caught:
        parse_rules([*["Mon|0800-1600"] * 64, "Tue|0800-1600", "Wed|0800-1600"])
    assert (caught.value.code, caught.value.rule) == ("TOO_MANY", "Tue|0800-1600")


def test_one_text_is_not_taken_for_a_list_of_rules() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_rules("Mon|0800-1600")
    assert caught.value.code == "FIELD_TYPE"


@settings(deadline=None)
@given(st.text(max_size=40) | st.text(alphabet="MonTueFri*-,|0123456789 ", max_size=40))
def test_any_text_is_a_rule_or_a_bad_rule(text: str) -> None:
    try:
        rule = parse_rule(text)
    except BadRule as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - both ways out are right, each in its own way
    else:
        assert rule.days
        assert all(0 < end - start <= 1440 for start, end in rule.week_spans())
