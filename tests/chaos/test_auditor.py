"""The auditor sees what it is there to see: evidence of each kind of broken promise, and of none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.auditor import Admitted, Evidence, Freeze, Opening, Terms, Verdict, Word, audit

PHONE, REFERENCE, BATCH = "+12025550100", "ref-1", "batch-1"


def request(arrived: float = 100.0, reference: str = REFERENCE, phone: str = PHONE, **told: Any) -> dict[str, Any]:
    made = {"on": "place", "numbers": [phone], "reference": reference, "arrived_wall": arrived, "arrived_mono": arrived}
    return made | {"status": 200, "fault": None, "placed": ["call"]} | told


def placement(reference: str = REFERENCE, outcome: str = "answered", ends: float = 101.0) -> dict[str, Any]:
    return {"reference": reference, "outcome": outcome, "ends_mono": ends}


HONEST = Evidence(
    requests=[request()],
    placements=[placement()],
    admitted=[Admitted(BATCH, PHONE, "closed", "reached", ((REFERENCE, "ended"),))],
    phones={PHONE: BATCH},
    terms={BATCH: Terms(nbf=50.0, exp=200.0)},
    words={},
)


def figures(verdict: Verdict) -> dict[str, int]:
    """Those that are not zero."""
    names = ("dialed_twice", "lost", "outside_window", "after_exp", "after_terminate", "after_pause", "thawed")
    return {name: getattr(verdict, name) for name in names if getattr(verdict, name)}


def test_an_honest_run_has_no_violations() -> None:
    verdict = audit(HONEST)
    assert (verdict.placed, figures(verdict), verdict.violations) == (1, {}, [])


@pytest.mark.parametrize(
    ("evidence", "figure"),
    [
        (replace(HONEST, requests=[request(), request(110.0)]), "dialed_twice"),  # one reference twice
        (replace(HONEST, requests=[request(), request(110.0, "ref-2")]), "dialed_twice"),  # without a retry left
        # an answer that tells nothing: a call may have been placed
        (replace(HONEST, requests=[request(status=502, placed=[]), request(110.0, "ref-2")]), "dialed_twice"),
        (replace(HONEST, requests=[request(), request(phone="+12025550199")]), "dialed_twice"),  # loaded by nobody
        (replace(HONEST, admitted=[]), "lost"),
        (replace(HONEST, admitted=[Admitted(BATCH, PHONE, "queued", "", ())]), "lost"),
        (replace(HONEST, requests=[]), "lost"),  # closed as reached, but never dialed
        (replace(HONEST, requests=[request(200.3)]), "after_exp"),
        (replace(HONEST, requests=[request(49.0)]), "outside_window"),
        (replace(HONEST, terms={BATCH: Terms(50, 200, openings=(Opening(60, 99.7),))}), "outside_window"),
        (replace(HONEST, words={BATCH: [Word("terminate", 99.9, 0)]}), "after_terminate"),
        (replace(HONEST, words={BATCH: [Word("pause", 99.9, 0, until=100.1)]}), "after_pause"),
        (replace(HONEST, freezes=[Freeze(99.0, frozenset({REFERENCE}))]), "thawed"),
    ],
)
def test_each_broken_promise_is_counted(evidence: Evidence, figure: str) -> None:
    assert set(figures(audit(evidence))) == {figure}


@pytest.mark.parametrize(
    "evidence",
    [
        replace(HONEST, words={BATCH: [Word("terminate", 99.9, 1)]}),  # it was reported in flight
        replace(HONEST, words={BATCH: [Word("pause", 98.0, 0, until=99.0)]}),  # resumed before
        replace(HONEST, requests=[request(status=429, placed=[]), request(110.0, "ref-2")]),  # refused: nothing placed
        replace(HONEST, admitted=[Admitted(BATCH, PHONE, "unknown", "", ((REFERENCE, "unknown"),))]),  # visibly so
    ],
)
def test_what_is_allowed_is_not_counted(evidence: Evidence) -> None:
    assert figures(audit(evidence)) == {}


@pytest.mark.parametrize(
    ("outcome", "again_at", "is_allowed"),
    [("no_answer", 103.0, True), ("no_answer", 101.5, False), ("answered", 103.0, False)],
)
def test_a_retry_needs_an_outcome_that_the_policy_dials_again_and_its_delay(
    outcome: str, again_at: float, is_allowed: bool
) -> None:
    evidence = replace(
        HONEST,
        requests=[request(), request(again_at, "ref-2")],
        placements=[placement(outcome=outcome), placement("ref-2")],
        terms={BATCH: Terms(50.0, 200.0, max_retries=1, retry={"no_answer": 1.0})},
    )
    assert (figures(audit(evidence)) == {}) is is_allowed
