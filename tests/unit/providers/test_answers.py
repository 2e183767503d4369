"""What came back, and its class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.placement import AnswerKind, NotTold
from dialer.providers.answers import Failure, Reply, as_answer, classify, is_fault, not_told, placed, retry_after

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REJECTED, AUTH, UNKNOWN = AnswerKind.REJECTED, AnswerKind.AUTH, AnswerKind.UNKNOWN
NOT_UNKNOWN = {400: REJECTED, 422: REJECTED, 401: AUTH, 403: AUTH, 402: AnswerKind.CREDIT}
NOT_UNKNOWN |= {404: AnswerKind.CONFIGURATION, 429: AnswerKind.THROTTLED}


def test_every_status_has_a_class_and_what_is_not_listed_is_unknown() -> None:
    for status in range(-1, 1100):
        unlisted = AnswerKind.ACCEPTED if status in range(200, 300) else UNKNOWN
        assert classify(status) is NOT_UNKNOWN.get(status, unlisted), status


@pytest.mark.parametrize(
    ("status", "expected"), [(408, True), (500, True), (599, True), (409, False), (429, False), (301, False)]
)
def test_a_server_that_fails_counts_toward_the_breaker(status: int, expected: bool) -> None:
    assert is_fault(status) is expected


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 3 ", 3),
        ("1.5", 1.5),
        ("999999999", 999_999_999),
        ("Mon, 23 Nov 2026 09:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0),  # long past: at once
        ("Monday, 23-Nov-26 09:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 09:00:30 -0000", 30),
        ("-1", None),
        ("1e3", None),
        ("NaN", None),
        ("inf", None),
        ("9" * 30, None),
        ("soon", None),
        ("٣", None),
        ("", None),
        (None, None),
        ("Mon, 99 Nov 2026 09:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str | None, seconds: float | None) -> None:
    assert retry_after(said, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "Insufficient credits"}', "Insufficient credits"),
        (b'{"message": "no", "status": "error"}', "no"),
        (b'{"error": {"message": "inner"}}', "inner"),
        (b'{"detail": [{"msg": "field required"}]}', "field required"),
        (b'{"errors": [{"message": "listed"}]}', "listed"),
        (b'{"error": "two\\nlines"}', "two lines"),
        (b"<html>Bad gateway</html>", "HTTP 502 Bad Gateway"),
        (b"", "HTTP 502 Bad Gateway"),
        (b'{"error": 7}', "HTTP 502 Bad Gateway"),
    ],
)
def test_a_refusal_is_told_in_the_providers_words(body: bytes, words: str) -> None:
    assert as_answer(Reply(502, body)).detail == words


def test_a_key_that_the_provider_repeats_is_taken_out() -> None:
    answer = as_answer(Reply(401, b'{"error": "bad key oc_live_1"}', secrets=("oc_live_1",)))
    assert answer.detail == "bad key [secret]"
    assert "oc_live_1" not in repr(answer)


def test_a_body_stays_out_of_the_repr() -> None:
    assert "278132035" not in repr(Reply(200, b'{"phone": "+61278132035"}'))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"id": "a"}', (AnswerKind.ACCEPTED, "a")),
        (b'\xef\xbb\xbf{"data": {"id": 7}}', (AnswerKind.ACCEPTED, "7")),
        (b"{}", (UNKNOWN, None)),
        (b'{"id": "a"', (UNKNOWN, None)),
        (b'{"id": "a", "x": Infinity}', (UNKNOWN, None)),
        (b"", (UNKNOWN, None)),
    ],
)
def test_a_success_needs_the_id(body: bytes, expected: tuple[AnswerKind, str | None]) -> None:
    answer = placed(Reply(201, body), "id", "data.id")
    assert (answer.kind, answer.provider_call_id) == expected


def test_a_failure_keeps_its_class() -> None:
    answer = placed(Failure(AnswerKind.NOT_SENT, "not connected", is_fault=True), "id")
    assert (answer.kind, answer.detail, answer.is_fault) == (AnswerKind.NOT_SENT, "not connected", True)


def test_a_question_keeps_the_status_of_its_refusal() -> None:
    assert not_told(Reply(404, b'{"error": "Call not found"}')) == NotTold("Call not found", 404)
    assert not_told(Reply(200, unreadable="longer than 1 MiB")) == NotTold("unreadable: longer than 1 MiB", 200)
