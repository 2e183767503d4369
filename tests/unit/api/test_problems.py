"""What went wrong is said by its kind; what nobody foresaw, and where our machines are, is nobody's business."""

from __future__ import annotations

import pytest

from dialer.api.problems import Kind, problem_of
from dialer.errors import BatchTerminated, BatchUnknown, LedgerUnreachable, RedisUnreachable


def test_what_nobody_foresaw_tells_nothing() -> None:
    problem = problem_of(RuntimeError("password=hunter2 at 10.0.0.7"))
    assert (problem.kind, problem.code) == (Kind.INTERNAL, "INTERNAL")
    assert "hunter2" not in str(problem) + repr(problem.errors)
    assert problem.headers == {}


@pytest.mark.parametrize("error", [LedgerUnreachable("db at 10.0.0.7"), RedisUnreachable("redis at 10.0.0.7")])
def test_an_outage_says_when_to_come_again_and_no_address(error: Exception) -> None:
    problem = problem_of(error)
    assert (problem.kind, problem.headers) == (Kind.UNAVAILABLE, {"Retry-After": "5"})
    assert "10.0.0.7" not in str(problem) + repr(problem.errors)


def test_a_terminated_batch_is_a_mistake_and_no_conflict() -> None:
    """409 would mean to our own adapters that a call may have been placed."""
    assert problem_of(BatchTerminated()).kind is Kind.INVALID
    assert problem_of(BatchUnknown()).kind is Kind.NOT_FOUND
