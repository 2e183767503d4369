"""Judges a suite by what reached the provider, against what the ledger admits; nothing else counts as evidence.

It reads the simulator's request log, the numbers and attempts of the ledger, the windows that were loaded, and the
instants at which a pause or terminate had returned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

#: These say that nothing was placed (contract, section 6); after anything else something may have been.
REFUSALS = frozenset({400, 401, 402, 403, 404, 422, 429})
#: A request is judged by when all of it had arrived. It left a moment before: so long may it take on a busy machine.
TRANSIT_SECONDS = 0.25
IN_PROGRESS_STATES = frozenset({"waiting", "ready", "queued", "dialing", "in_progress"})
ASKED_STATES = frozenset({"unknown", "unresolved"})
DIALED_REASONS = frozenset({"reached", "handed_off", "exhausted", "rejected"})


#: In the order of a suite's line.
FIGURES = (
    *("placed", "dialed_twice", "lost", "outside_window", "after_exp", "after_terminate", "after_pause"),
    *("unknown", "resolved", "faults", "thawed", "seed"),
)


@dataclass(frozen=True, slots=True)
class Opening:
    """May be dialed from `opens` until before `closes`, in seconds since the epoch."""

    opens: float
    closes: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What a batch was loaded with; instants in seconds since the epoch. `openings` None: always."""

    nbf: float
    exp: float
    max_retries: int = 0
    retry: Mapping[str, float | None] = field(default_factory=dict)
    openings: tuple[Opening, ...] | None = None


@dataclass(slots=True)
class Word:
    """A pause or a terminate: when it had returned, until when it held, and how many were claimed before."""

    word: str
    since: float
    in_flight: int
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the ledger says of one number; attempts as (reference, state)."""

    batch_id: str
    phone: str
    state: str
    close_reason: str
    attempts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Freeze:
    """A worker stood still until `continued` (monotonic), longer than any claim lasts; these were its own before."""

    continued: float
    references: frozenset[str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is looked at."""

    requests: Sequence[Mapping[str, Any]]
    placements: Sequence[Mapping[str, Any]]
    admitted: Sequence[Admitted]
    phones: Mapping[str, str]
    terms: Mapping[str, Terms]
    words: Mapping[str, Sequence[Word]]
    unknowns: frozenset[str] = frozenset()
    freezes: Sequence[Freeze] = ()


@dataclass
class Verdict:
    """The figures of one suite. `violations` names each, in words."""

    placed: int = 0
    dialed_twice: int = 0
    lost: int = 0
    outside_window: int = 0
    after_exp: int = 0
    after_terminate: int = 0
    after_pause: int = 0
    unknown: int = 0
    resolved: int = 0
    thawed: int = 0
    faults: int = 0
    seed: str = ""
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        return " ".join(f"{name}={getattr(self, name)}" for name in FIGURES)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Request:
    """One placement request to one number, as it arrived."""

    phone: str
    reference: str
    arrived: float
    arrived_mono: float
    may_have_placed: bool

    def __str__(self) -> str:
        return f"{self.phone} as {self.reference} at {self.arrived:.3f} (mono {self.arrived_mono:.3f})"


def audit(evidence: Evidence) -> Verdict:
    """Every figure but `faults` and `seed`, which are the suite's to say."""
    requests = list(placement_requests(evidence.requests))
    verdict = Verdict(placed=sum(request.may_have_placed for request in requests))
    verdict.unknown = len(evidence.unknowns)
    verdict.resolved = len(evidence.unknowns - still_unknown(evidence.admitted))
    for request in requests:
        _judge_instant(evidence, request, verdict)
    _judge_words(evidence, requests, verdict)
    _count(verdict, "dialed_twice", twice(evidence, requests))
    _count(verdict, "lost", lost(evidence, requests))
    return verdict


def placement_requests(requests: Iterable[Mapping[str, Any]]) -> Iterator[Request]:
    for told in requests:
        if told["on"] != "place":
            continue
        refused = told["status"] in REFUSALS or told["fault"] == "reset_before"
        for phone in told["numbers"]:
            yield Request(
                phone,
                str(told["reference"]),
                told["arrived_wall"],
                told["arrived_mono"],
                bool(told["placed"]) or not refused,
            )


def still_unknown(admitted: Iterable[Admitted]) -> set[str]:
    return {reference for one in admitted for reference, state in one.attempts if state in ASKED_STATES}


def _count(verdict: Verdict, figure: str, found: Iterable[str]) -> None:
    for one in found:
        setattr(verdict, figure, getattr(verdict, figure) + 1)
        verdict.violations.append(f"{figure}: {one}")


def _judge_instant(evidence: Evidence, request: Request, verdict: Verdict) -> None:
    batch_id = evidence.phones.get(request.phone)
    if batch_id is None:
        _count(verdict, "dialed_twice", [f"a number that nobody loaded: {request}"])
        return
    if any(_left_frozen(freeze, request) for freeze in evidence.freezes):
        verdict.thawed += 1
    elif late := _lateness(evidence.terms[batch_id], request):
        _count(verdict, *late)


def _lateness(terms: Terms, request: Request) -> tuple[str, list[str]] | None:
    left = request.arrived - TRANSIT_SECONDS
    if left >= terms.exp:
        return "after_exp", [f"{request}, {request.arrived - terms.exp:.3f} s after exp"]
    if request.arrived < terms.nbf:
        return "outside_window", [f"{request}, before nbf"]
    if terms.openings is None or any(one.opens <= request.arrived and left < one.closes for one in terms.openings):
        return None
    return "outside_window", [f"{request}, open {[(one.opens, one.closes) for one in terms.openings]}"]


def _left_frozen(freeze: Freeze, request: Request) -> bool:
    return request.reference in freeze.references and request.arrived_mono >= freeze.continued


def twice(evidence: Evidence, requests: Sequence[Request]) -> Iterator[str]:
    """References that may have placed two calls, and numbers called again though the policy did not say so."""
    placed = [request for request in requests if request.may_have_placed]
    for reference, many in Counter(request.reference for request in placed).items():
        if many > 1:
            yield f"reference {reference} was sent {many} times"
    ended = {str(one["reference"]): one for one in evidence.placements}
    by_phone: dict[str, list[Request]] = defaultdict(list)
    for request in placed:
        by_phone[request.phone].append(request)
    for phone, made in by_phone.items():
        terms = evidence.terms.get(evidence.phones.get(phone, ""), Terms(0, 0))
        for number, (before, after) in enumerate(pairwise(made), start=1):
            if number > terms.max_retries or not _may_follow(terms, ended.get(before.reference), after):
                yield f"{phone}: {before} and again {after}"


def _may_follow(terms: Terms, before: Mapping[str, Any] | None, after: Request) -> bool:
    """The call before is over, with an outcome after which the policy dials again, and its delay has passed."""
    if before is None:
        return False  # it may have placed a call of which nobody knows
    delay = terms.retry.get(str(before["outcome"]))
    return delay is not None and after.arrived_mono >= before["ends_mono"] + delay


def lost(evidence: Evidence, requests: Sequence[Request]) -> Iterator[str]:
    """Numbers that the ledger forgot, left open without saying so, or says were dialed when no request ever came."""
    received = {request.phone for request in requests}
    admitted = {one.phone: one for one in evidence.admitted}
    for phone, batch_id in evidence.phones.items():
        one = admitted.get(phone)
        if one is None or one.batch_id != batch_id:
            yield f"{phone} is not in the ledger"
        elif one.state in IN_PROGRESS_STATES:
            yield f"{phone} is still {one.state}"
        elif one.close_reason in DIALED_REASONS and phone not in received:
            yield f"{phone} closed {one.close_reason}, but the provider never heard of it"


def _judge_words(evidence: Evidence, requests: Sequence[Request], verdict: Verdict) -> None:
    """Requests that arrived after a pause or terminate had returned, beyond those that it reported in flight."""
    by_batch = requests_by_batch(evidence, requests)
    for batch_id, words in evidence.words.items():
        for word in words:
            late = arrived_under(word, by_batch[batch_id])
            awake = [one for one in late if not any(_left_frozen(freeze, one) for freeze in evidence.freezes)]
            figure = "after_terminate" if word.word == "terminate" else "after_pause"
            beyond = awake[word.in_flight :]
            said = f"after it had returned, {word.in_flight} in flight"
            _count(verdict, figure, [f"{one}, {one.arrived_mono - word.since:.3f} s {said}" for one in beyond])


def requests_by_batch(evidence: Evidence, requests: Iterable[Request]) -> Mapping[str, list[Request]]:
    found: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        found[evidence.phones.get(request.phone, "")].append(request)
    return found


def arrived_under(word: Word, requests: Iterable[Request]) -> list[Request]:
    """Those that arrived while it held, the earliest first."""
    until = float("inf") if word.until is None else word.until
    return sorted((one for one in requests if word.since < one.arrived_mono < until), key=lambda one: one.arrived_mono)


def last_starts(evidence: Evidence) -> list[tuple[float, int]]:
    """For each pause: seconds from its return to the last request that arrived while it held (0 for none), and how
    many arrived."""
    by_batch = requests_by_batch(evidence, placement_requests(evidence.requests))
    found = []
    for batch_id, words in evidence.words.items():
        for word in (word for word in words if word.word == "pause"):
            late = arrived_under(word, by_batch[batch_id])
            found.append((late[-1].arrived_mono - word.since if late else 0.0, len(late)))
    return found
