"""Judges the simulation: every request as it leaves, every row after every step, and what is left at the end.

It believes only what users were told (a load, pause or suppression that returned), what reached the provider, and the
rows; it shares no rule with the engine.
"""

from __future__ import annotations

import copy
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from dialer.domain.call import Claim
from dialer.domain.placement import Placement
from dialer.domain.states import CallState, is_legal

LIVE = ("dialing", "in_progress", "unknown")
LIVE_REFERENCES = "SELECT reference FROM attempts WHERE state IN ('dialing', 'in_progress', 'unknown')"
#: What says for certain that nothing was placed.
DEFINITE = frozenset({"rejected", "auth", "credit", "configuration", "throttled"})
#: Minutes of the day, from and until before.
Minutes = tuple[int, int]


class Broken(AssertionError):
    """The promise is broken, or something that it rests on."""


@dataclass(frozen=True)
class Terms:
    """What a batch was loaded with."""

    nbf: datetime
    exp: datetime
    hours: tuple[Minutes, ...]
    blocked: tuple[Minutes, ...]

    def allow(self, moment: datetime, zone: ZoneInfo, legal: tuple[Minutes, ...]) -> bool:
        local = moment.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return (
            self.nbf <= moment < self.exp
            and (not self.hours or within(minute, self.hours))
            and not within(minute, self.blocked)
            and within(minute, legal)
        )


def within(minute: int, spans: tuple[Minutes, ...]) -> bool:
    return any(start <= minute < end for start, end in spans)


@dataclass
class Told:
    """What users know of one batch. Steps are the stage's."""

    max_retries: int
    #: terms, and the step since which and until which they may be in force
    terms: list[tuple[Terms, int, int | None]]
    #: accepted by a load that returned, and offered by one that may not have
    accepted: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)
    #: since which step a pause or terminate that returned is in force
    halted_since: int | None = None
    #: and Redis has heard of it: from here on nothing is armed, claimed before or not
    is_heard: bool = False
    is_terminated: bool = False
    #: numbers that an operator made dialable once more, so often
    granted: Counter[str] = field(default_factory=Counter)


def in_force(told: Told, step: int) -> tuple[Terms, ...]:
    return tuple(terms for terms, _, until in told.terms if until is None or until >= step)


@dataclass
class Knowledge:
    """All that users were told: forgotten by a ledger that is restored, and so copied with it."""

    batches: dict[str, Told] = field(default_factory=dict)
    #: number -> since which step its suppression has returned
    suppressed: dict[str, int] = field(default_factory=dict)
    held_since: int | None = None


@dataclass(frozen=True)
class Taken:
    """A claim that was committed, whether or not its worker learned of it."""

    step: int
    claim: Claim
    worker: str
    #: what its batch may be dialed by, as far as users knew when it was claimed
    terms: tuple[Terms, ...]


class Auditor:
    """`watcher` of the provider, and of the ledger's rows."""

    def __init__(
        self,
        rows: sqlite3.Connection,
        now: Callable[[], datetime],
        step: Callable[[], int],
        zone_of: Callable[[str], ZoneInfo],
        legal: tuple[Minutes, ...],
        is_over: Callable[[str], bool],
        did_ring: Callable[[str], bool],
        *,
        channels: int,
        has_key: bool,
    ) -> None:
        self.told = Knowledge()
        self.taken: dict[str, Taken] = {}
        #: reference -> the placement, of requests that left
        self.sent_by: dict[str, Placement] = {}
        #: batch ref and number -> calls that really took place
        self.rings: Counter[tuple[str, str]] = Counter()
        #: requests that may have called somebody who is not known to have hung up
        self.unclear: dict[str, Placement] = {}
        #: requests of workers that were frozen between their last look and their first byte
        self.thawed = 0
        self.broken: str | None = None
        self.doubted_since: int | None = None
        self.requests = 0
        #: somebody is to be told of every attempt that ends
        self.has_listener = False
        self._rows, self._now, self._step = rows, now, step
        self._zone_of, self._legal, self._is_over, self._has_key = zone_of, legal, is_over, has_key
        self._did_ring = did_ring
        self._channels = channels
        self._version = -1
        #: references of attempts that some restored ledger may have forgotten; the next one to be restored forgets them
        self._recovered: set[str] = set()
        #: at which step the ledger was restored last
        self._restored_at: int | None = None
        self._states: dict[str, CallState] = {}
        self._numbers: dict[str, tuple[int, int]] = {}

    def fail(self, words: str) -> NoReturn:
        """Remembered, for whoever is judged may swallow what is raised here."""
        self.broken = self.broken or words
        raise Broken(words)

    def claimed(self, claim: Claim, worker: str) -> None:
        if self.doubted_since is not None:
            self.fail(f"claimed though the ledger is in doubt: {claim.phone}")
        told, step = self.told.batches[claim.terms.name.batch_ref], self._step()
        self.taken[claim.reference] = Taken(step, claim, worker, in_force(told, step))

    def armed(self, claim: Claim, epoch: str) -> None:
        told = self.told.batches.get(claim.terms.name.batch_ref)
        if told is not None and told.halted_since is not None and told.is_heard:
            self.fail(f"{claim.phone} was armed though Redis had been told of the pause of its batch")
        if claim.epoch != epoch:
            self.fail(f"{claim.phone} was armed in the epoch {epoch}, and is on record with {claim.epoch!r}")

    def sent(self, placement: Placement, looked_at: datetime) -> None:
        self.requests += 1
        if looked_at != self._now():
            self.thawed += 1  # nothing on this side can know
            return
        taken = self.taken.get(placement.reference)
        if taken is None:
            self.fail(f"{placement.phone} was dialed without a claim")
        self._once(placement)
        self._no_other(placement)
        self._gates(placement, taken, looked_at)
        self._room(placement)
        self.sent_by[placement.reference] = placement
        self.unclear[placement.reference] = placement

    def rang(self, placement: Placement) -> None:
        key = placement.batch_ref, placement.phone
        self.rings[key] += 1
        told = self.told.batches[placement.batch_ref]
        allowed = told.max_retries + 1 + told.granted[placement.phone]
        if self.rings[key] > allowed and not self.thawed:
            self.fail(f"{placement.phone} was called {self.rings[key]} times, {allowed} are allowed")

    def answered(self, placement: Placement, kind: str) -> None:
        if kind in DEFINITE:
            self.unclear.pop(placement.reference, None)

    def decided(self, batch_id: str, call_id: str | None) -> None:
        """An operator has said what became of this call, or of the batch."""
        for reference, sent in list(self.unclear.items()):
            if call_id in (None, sent.call_id) and self.taken[reference].claim.batch_id == batch_id:
                del self.unclear[reference]

    def denied(self, call_id: str) -> None:
        """After a restore the provider's list did not show this call: so none of its requests called anybody, but for
        those whose end the ledger knows. What did call somebody stays in question until it is over."""
        ended = "SELECT reference FROM attempts WHERE call_id = ? AND state = 'ended'"
        known = {reference for (reference,) in self._rows.execute(ended, (call_id,))}
        for reference, sent in list(self.unclear.items()):
            if sent.call_id != call_id or reference in known:
                continue
            if self._did_ring(reference):
                self.fail(f"{sent.phone} is taken for never called, and was, as {reference}")
            del self.unclear[reference]

    def _once(self, placement: Placement) -> None:
        before = self.sent_by.get(placement.reference)
        if before is None:
            return
        if not self._has_key:
            self.fail(f"{placement.phone} was sent twice under {placement.reference}, without a key")
        if before != placement:
            self.fail(f"{placement.phone} was sent again under its key with other bytes")

    def _no_other(self, placement: Placement) -> None:
        key = placement.batch_ref, placement.phone
        others = [
            reference
            for reference, sent in self.unclear.items()
            if (sent.batch_ref, sent.phone) == key and reference != placement.reference and not self._is_over(reference)
        ]
        if others:
            self.fail(f"{placement.phone} was dialed again though nobody knows what its last request did")

    def _gates(self, placement: Placement, taken: Taken, looked_at: datetime) -> None:
        told, phone = self.told.batches[placement.batch_ref], placement.phone
        if told.halted_since is not None and taken.step > told.halted_since:
            self.fail(f"{phone} was claimed and dialed after a pause or terminate of its batch had returned")
        if self.told.held_since is not None and taken.step > self.told.held_since:
            self.fail(f"{phone} was claimed and dialed after the red button was pressed")
        if phone in self.told.suppressed and taken.step > self.told.suppressed[phone]:
            self.fail(f"{phone} is suppressed and was dialed")
        # Claimed in a ledger that an older one has replaced since: what that one forgot was in force all the same, and
        # the claim carries it. What is told of the batch by now is not what it was claimed by.
        is_of_another = self._restored_at is not None and taken.step <= self._restored_at
        terms = taken.terms if is_of_another else in_force(told, taken.step)
        if not any(each.allow(looked_at, self._zone_of(phone), self._legal) for each in terms):
            self.fail(f"{phone} was dialed outside its window, at {looked_at.isoformat()}")

    def _room(self, placement: Placement) -> None:
        """Requests whose calls are not known to be over hold a channel each."""
        under_way = {reference for (reference,) in self._rows.execute(LIVE_REFERENCES)} & self.sent_by.keys()
        if len(under_way - {placement.reference}) >= self._channels:
            self.fail(f"{placement.phone} was dialed with all {self._channels} channels in use")

    def look_at_permits(self, held: set[str]) -> None:
        """Never more than there are channels; all that a restored ledger may have forgotten may be ringing, too."""
        if len(held) <= self._channels:
            return
        recovered = "SELECT reference FROM attempts WHERE worker = 'restored'"
        self._recovered |= {reference for (reference,) in self._rows.execute(recovered)}
        # Once over in the ledger and given back, it is excused no more: whoever holds it then has claimed it anew.
        self._recovered &= held | {reference for (reference,) in self._rows.execute(LIVE_REFERENCES)}
        if len(held - self._recovered) > self._channels:
            self.broken = self.broken or f"{len(held)} of {self._channels} channels are held"

    def copy_knowledge(self) -> Knowledge:
        return copy.deepcopy(self.told)

    def restored(self) -> None:
        """The ledger is what it was. What was live then may be over since: it holds a channel again until that is
        known, beside the one that came after it."""
        self._recovered |= {reference for (reference,) in self._rows.execute(LIVE_REFERENCES)}
        self._restored_at = self._step()
        self.rewind()

    def rewind(self) -> None:
        """The rows are what they are, no move made them so."""
        self._states, self._numbers, self._version = {}, {}, -1

    def look(self) -> None:
        """Every row, whenever anything was written."""
        version = self._rows.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        self._version = version
        live = dict(
            self._rows.execute(
                "SELECT call_id, count(*) FROM attempts WHERE state IN ('dialing', 'in_progress', 'unknown') "
                "GROUP BY call_id"
            ).fetchall()
        )
        seen: dict[str, list[str]] = {}
        for row in self._rows.execute(
            "SELECT c.call_id, b.batch_ref, c.phone, c.state, c.close_reason, c.push_seq, c.claim_seq, "
            "c.attempts_spent, coalesce(c.max_retries, b.max_retries) "
            "FROM calls c JOIN batches b ON b.batch_id = c.batch_id"
        ).fetchall():
            call_id, ref, phone, state, reason, push_seq, claim_seq, spent, retries = row
            seen.setdefault(ref, []).append(phone)
            self._moved(call_id, phone, CallState(state), push_seq, claim_seq)
            if live.get(call_id, 0) != (1 if state in LIVE else 0):
                self.fail(f"{phone} is {state} with {live.get(call_id, 0)} live attempts")
            if not 0 <= spent <= retries + 1:
                self.fail(f"{phone} has spent {spent} attempts, {retries + 1} are allowed")
            if (state == "closed") != (reason is not None):
                self.fail(f"{phone} is {state} with the reason {reason}")
        self._all_there(seen)
        self._all_told()

    def _moved(self, call_id: str, phone: str, state: CallState, push_seq: int, claim_seq: int) -> None:
        before = self._states.get(call_id)
        if before is not None and before is not state and not is_legal(before, state):
            self.fail(f"{phone} went from {before} to {state}")
        pushes, claims = self._numbers.get(call_id, (0, 0))
        if push_seq < pushes or claim_seq < claims:
            self.fail(f"a sequence of {phone} went back")
        self._states[call_id], self._numbers[call_id] = state, (push_seq, claim_seq)

    def _all_told(self) -> None:
        """Whoever listens is told of every attempt that is over; a notice is written with the ending or not at all."""
        if not self.has_listener:
            return
        untold = (
            "SELECT count(*) FROM attempts a WHERE a.state IN ('ended', 'handed_off', 'rejected', 'unresolved') AND "
            "NOT EXISTS (SELECT 1 FROM notices n WHERE n.call_id = a.call_id AND n.number = a.number "
            "AND n.state = a.state)"
        )
        if count := self._rows.execute(untold).fetchone()[0]:
            self.fail(f"{count} attempts ended without a notice")

    def _all_there(self, seen: dict[str, list[str]]) -> None:
        for ref, told in self.told.batches.items():
            phones = seen.get(ref, [])
            if len(phones) != len(set(phones)):
                self.fail(f"batch {ref} has a number twice")
            if lost := told.accepted - set(phones):
                self.fail(f"batch {ref} lost {sorted(lost)}")
            if strange := set(phones) - told.offered:
                self.fail(f"batch {ref} has {sorted(strange)}, which nobody gave it")
