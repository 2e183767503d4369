"""The gates of one number: their order, their verdicts, and that they say Dial only when all are open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.batch import CohortZones, Span
from dialer.domain.call import Suppression
from dialer.domain.gate import (
    Applicant,
    Close,
    Defer,
    Dial,
    batch_hours,
    judge,
    legal_timetable,
    next_span,
    readings,
    timetable,
)
from dialer.domain.retry import Again, RetryPolicy, after_outcome
from dialer.domain.states import CloseReason, Outcome
from dialer.errors import BadRule
from tests.unit.builders import DAY, MELBOURNE, NOW, a_suppression, an_applicant, some_terms

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
TICK = timedelta(microseconds=1)
ORDER = ["nbf", "exp", "hours", "legal_hours", "suppression", "retries"]


def melbourne(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Australia/Melbourne")).astimezone(UTC)


def is_open(applicant: Applicant, now: datetime) -> dict[str, bool]:
    return {reading.gate: reading.is_open for reading in readings(applicant, now)}


def test_with_every_gate_open_the_number_is_dialed() -> None:
    assert judge(an_applicant(), NOW) == Dial()
    assert is_open(an_applicant(), NOW) == dict.fromkeys(ORDER, True)


def test_gates_are_read_in_the_order_in_which_they_decide() -> None:
    assert [reading.gate for reading in readings(an_applicant(), NOW)] == ORDER


def test_before_nbf_a_call_is_deferred_to_it() -> None:
    applicant = an_applicant(terms=some_terms(nbf=NOW + HOUR))
    assert judge(applicant, NOW) == Defer(NOW + HOUR, f"not before {(NOW + HOUR).isoformat()}")
    assert isinstance(judge(applicant, NOW + HOUR - TICK), Defer)
    assert judge(applicant, NOW + HOUR) == Dial()


def test_exp_is_exclusive_and_closes_the_call() -> None:
    applicant = an_applicant(terms=some_terms(exp=NOW + HOUR))
    assert judge(applicant, NOW + HOUR - TICK) == Dial()
    assert judge(applicant, NOW + HOUR) == Close(CloseReason.EXPIRED, f"expired {(NOW + HOUR).isoformat()}")


def test_a_blocked_hour_defers_to_the_minute_in_which_it_ends() -> None:
    applicant = an_applicant(terms=some_terms(block_rules=("Mon-Fri|0800-1600",)))
    verdict = judge(applicant, melbourne("2026-11-24T15:59:59"))
    assert isinstance(verdict, Defer)
    assert verdict.until == melbourne("2026-11-24T16:00")
    assert "Australia/Melbourne" in verdict.why
    assert judge(applicant, melbourne("2026-11-24T16:00")) == Dial()
    assert judge(applicant, melbourne("2026-11-24T07:59:59")) == Dial()
    assert isinstance(judge(applicant, melbourne("2026-11-24T08:00")), Defer)


def test_calling_hours_and_block_rules_must_agree() -> None:
    applicant = an_applicant(terms=some_terms(calling_hours=("*|0900-1700",), block_rules=("*|1200-1300",)))
    verdicts = [judge(applicant, melbourne(f"2026-11-24T{time}")) for time in ("0859", "0900", "1200", "1300", "1700")]
    assert [type(verdict) for verdict in verdicts] == [Defer, Dial, Defer, Dial, Defer]


def test_hours_that_stay_closed_until_exp_close_the_call_as_expired() -> None:
    applicant = an_applicant(terms=some_terms(block_rules=("*|0000-2400",)))
    verdict = judge(applicant, NOW)
    assert isinstance(verdict, Close)
    assert verdict.reason is CloseReason.EXPIRED


def test_legal_hours_hold_whatever_the_batch_says() -> None:
    applicant = an_applicant(legal_hours=("*|0800-2100",))
    assert judge(applicant, melbourne("2026-11-24T20:59:59")) == Dial()
    verdict = judge(applicant, melbourne("2026-11-24T21:00"))
    assert isinstance(verdict, Defer)
    assert verdict.until == melbourne("2026-11-25T08:00")


def test_legal_hours_count_in_their_own_zones_and_close_in_any_of_them() -> None:
    zones = CohortZones(rules=("Australia/Perth",), legal=("Australia/Melbourne", "Australia/Perth"))
    applicant = an_applicant(zones=zones, legal_hours=("*|0800-2100",))
    assert is_open(applicant, melbourne("2026-11-24T09:00")) == {**dict.fromkeys(ORDER, True), "legal_hours": False}
    assert judge(applicant, melbourne("2026-11-24T11:00")) == Dial()
    assert isinstance(judge(applicant, melbourne("2026-11-24T21:00")), Defer)


def test_a_test_call_may_ignore_hours_and_nothing_else() -> None:
    terms = some_terms(block_rules=("*|0000-2400",), ignore_hours=True)
    applicant = an_applicant(terms=terms, legal_hours=("Mon|0100-0101",))
    assert judge(applicant, NOW) == Dial()
    assert isinstance(judge(replace(applicant, suppression=a_suppression()), NOW), Close)
    assert isinstance(judge(applicant, terms.exp), Close)
    assert isinstance(judge(applicant, terms.nbf - TICK), Defer)


def test_a_suppression_for_good_closes_the_call() -> None:
    verdict = judge(an_applicant(suppression=a_suppression()), NOW)
    assert verdict == Close(CloseReason.SUPPRESSED, "suppressed for good: asked to be left alone")


def test_a_suppression_that_ends_before_exp_defers_to_its_end() -> None:
    verdict = judge(an_applicant(suppression=a_suppression(NOW + DAY)), NOW)
    assert isinstance(verdict, Defer)
    assert verdict.until == NOW + DAY


def test_a_suppression_that_outlasts_exp_closes_the_call() -> None:
    terms = some_terms()
    verdict = judge(an_applicant(terms=terms, suppression=a_suppression(terms.exp)), NOW)
    assert isinstance(verdict, Close)
    assert verdict.reason is CloseReason.SUPPRESSED


def test_a_suppression_is_over_at_its_end() -> None:
    assert isinstance(judge(an_applicant(suppression=a_suppression(NOW + TICK)), NOW), Defer)
    assert judge(an_applicant(suppression=a_suppression(NOW)), NOW) == Dial()


@pytest.mark.parametrize(("spent", "max_retries"), [(1, 0), (2, 1), (21, 20), (5, 0)])
def test_no_attempt_is_made_beyond_the_last_allowed(spent: int, max_retries: int) -> None:
    verdict = judge(an_applicant(attempts_spent=spent, max_retries=max_retries), NOW)
    assert verdict == Close(CloseReason.EXHAUSTED, f"{spent} of {max_retries + 1} attempts spent")
    assert judge(an_applicant(attempts_spent=max_retries, max_retries=max_retries), NOW) == Dial()


def test_the_first_closed_gate_decides() -> None:
    applicant = an_applicant(
        terms=some_terms(nbf=NOW + HOUR, block_rules=("*|0000-2400",)), suppression=a_suppression(), attempts_spent=1
    )
    assert is_open(applicant, NOW) == {
        "nbf": False,
        "exp": True,
        "hours": False,
        "legal_hours": True,
        "suppression": False,
        "retries": False,
    }
    assert isinstance(judge(applicant, NOW), Defer)


def test_a_closed_hour_keeps_a_suppressed_number_waiting_rather_than_closing_it() -> None:
    applicant = an_applicant(terms=some_terms(block_rules=("Mon|0000-2400",)), suppression=a_suppression())
    assert isinstance(judge(applicant, melbourne("2026-11-23T12:00")), Defer)
    assert isinstance(judge(applicant, melbourne("2026-11-24T00:00")), Close)


def test_a_malformed_rule_in_the_ledger_dials_nobody() -> None:
    with pytest.raises(BadRule):
        judge(an_applicant(terms=some_terms(block_rules=("Mom|0800-1600",))), NOW)


def test_rules_without_a_zone_dial_nobody() -> None:
    with pytest.raises(ValueError, match="timezone"):
        judge(an_applicant(terms=some_terms(block_rules=("Mon|0800-1600",)), zones=CohortZones(())), NOW)


def test_a_span_is_cut_to_nbf_and_exp() -> None:
    terms = some_terms(nbf=NOW + MINUTE, exp=NOW + HOUR)
    assert next_span(terms, MELBOURNE, (), NOW) == Span(NOW + MINUTE, NOW + HOUR)
    assert next_span(terms, MELBOURNE, (), NOW + 2 * MINUTE) == Span(NOW + 2 * MINUTE, NOW + HOUR)
    assert next_span(terms, MELBOURNE, (), NOW + HOUR) is None


def test_a_span_ends_where_the_first_of_all_hours_closes() -> None:
    terms = some_terms(block_rules=("*|1900-2400",))
    span = next_span(terms, MELBOURNE, ("*|0800-2100",), melbourne("2026-11-24T00:00"))
    assert span == Span(melbourne("2026-11-24T08:00"), melbourne("2026-11-24T19:00"))


RULES = st.sampled_from(
    [
        (),
        ("Mon-Fri|0800-1600",),
        ("*|2100-0800",),
        ("Sat,Sun|0000-2400", "*|1200-1300"),
        ("*|0000-0330,1600-2400",),
        ("*|0000-2400",),
        ("Fri-Mon|0000-2400",),
    ]
)
CALLING = st.sampled_from([(), ("*|0800-2100",), ("Mon-Fri|0900-1730",), ("Wed|1000-1001",), ("Sun|0200-0300",)])
ZONES = st.sampled_from(
    [
        ("Australia/Melbourne",),
        ("Australia/Melbourne", "Australia/Perth"),
        ("America/New_York", "America/Los_Angeles"),
        ("Asia/Kathmandu",),
        ("Europe/London", "Pacific/Apia"),
    ]
)
INSTANTS = st.datetimes(datetime(2026, 9, 20), datetime(2026, 11, 10), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.timedeltas(timedelta(minutes=-90), timedelta(days=10))


@st.composite
def applicants(draw: st.DrawFn) -> tuple[Applicant, datetime]:
    """Somebody at some instant, near the changes of daylight saving time in spring and autumn."""
    now = draw(INSTANTS)
    nbf = now + draw(SPANS)
    until = draw(st.none() | SPANS)
    suppression = None if until is None else Suppression("+61387772586", "r", until=now + until)
    return (
        Applicant(
            terms=some_terms(
                nbf=nbf, exp=nbf + draw(SPANS) + 2 * HOUR, block_rules=draw(RULES), calling_hours=draw(CALLING)
            ),
            zones=CohortZones(draw(ZONES), draw(st.just(()) | ZONES)),
            legal_hours=draw(CALLING),
            suppression=draw(st.sampled_from([None, suppression, a_suppression()])),
            attempts_spent=draw(st.integers(0, 2)),
            max_retries=draw(st.integers(0, 2)),
        ),
        now,
    )


@settings(deadline=None, max_examples=200)
@given(applicants())
def test_a_number_is_dialed_exactly_when_every_gate_is_open(case: tuple[Applicant, datetime]) -> None:
    applicant, now = case
    assert isinstance(judge(applicant, now), Dial) == all(reading.is_open for reading in readings(applicant, now))


@settings(deadline=None, max_examples=200)
@given(applicants())
def test_a_gate_that_says_until_when_is_right(case: tuple[Applicant, datetime]) -> None:
    """It stays as it is until then, and is the other way at that instant."""
    applicant, now = case
    for reading in readings(applicant, now):
        if reading.until is not None:
            assert reading.until > now
            assert is_open(applicant, reading.until)[reading.gate] is not reading.is_open
            for share in (0.0, 0.3, 0.7):
                assert is_open(applicant, now + (reading.until - now) * share)[reading.gate] is reading.is_open
            assert is_open(applicant, reading.until - TICK)[reading.gate] is reading.is_open


@settings(deadline=None, max_examples=200)
@given(applicants())
def test_deferrals_end_in_a_dial_or_a_close_and_skip_no_open_instant(case: tuple[Applicant, datetime]) -> None:
    applicant, now = case
    verdict = judge(applicant, now)
    for _ in range(200):
        if not isinstance(verdict, Defer):
            break
        assert verdict.until is not None
        assert verdict.until > now
        for share in (0.25, 0.5, 0.75):
            assert not isinstance(judge(applicant, now + (verdict.until - now) * share), Dial)
        now, verdict = verdict.until, judge(applicant, verdict.until)
    assert isinstance(verdict, Dial | Close)


@settings(deadline=None, max_examples=200)
@given(applicants())
def test_a_cohort_is_open_exactly_when_none_of_its_gates_holds_a_call(case: tuple[Applicant, datetime]) -> None:
    applicant, now = case
    gates = is_open(applicant, now)
    span = next_span(applicant.terms, applicant.zones, applicant.legal_hours, now)
    holds = span is not None and span.opens_at <= now < span.closes_at
    assert holds == all(gates[gate] for gate in ("nbf", "exp", "hours", "legal_hours"))
    if span is not None:
        unhindered = replace(applicant, suppression=None, attempts_spent=0)
        assert applicant.terms.nbf <= span.opens_at < span.closes_at <= applicant.terms.exp
        assert judge(unhindered, span.opens_at) == judge(unhindered, span.closes_at - TICK) == Dial()
        assert judge(unhindered, span.closes_at) != Dial()


@settings(deadline=None, max_examples=100)
@given(applicants(), st.sampled_from([Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED]))
def test_a_retry_falls_due_in_an_open_hour_not_before_its_delay_and_not_past_exp(
    case: tuple[Applicant, datetime], outcome: Outcome
) -> None:
    applicant, ended = case
    again = after_outcome(RetryPolicy(), outcome, attempts_spent=1, max_retries=1)
    assert isinstance(again, Again)
    span = next_span(applicant.terms, applicant.zones, applicant.legal_hours, ended + again.after)
    if span is not None:
        assert ended + again.after <= span.opens_at < applicant.terms.exp
        assert timetable(applicant.terms, applicant.zones, applicant.legal_hours).is_open(span.opens_at)


def test_the_hours_of_a_cohort_are_its_batchs_and_the_legal_ones() -> None:
    terms = some_terms(block_rules=("*|0000-0900",))
    zones = CohortZones(("Australia/Perth",), ("Australia/Melbourne",))
    both = timetable(terms, zones, ("*|0800-2100",))
    assert both.pairs == batch_hours(terms, zones).pairs + legal_timetable(terms, zones, ("*|0800-2100",)).pairs
    assert both.zones == ("Australia/Melbourne", "Australia/Perth")
    assert legal_timetable(terms, zones, ()).pairs == ()
