"""ready → queued → pushed: open cohorts first, then their due calls, in bounded look-ahead, fair between batches.

What is pushed is committed first, so a lost message is found by rescue. A tick costs what it pushes, not what waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, repeat, zip_longest

from dialer.domain.call import DueCohort, Queued
from dialer.domain.placement import Account
from dialer.domain.states import Lane, StopKind
from dialer.engine.house import account_guard
from dialer.engine.unforeseen import Unforeseen, attempted
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountLoad, AccountState

#: Calls of one account in Redis at once, whatever its pace.
MOST_AHEAD = 300
#: Of a cohort's due calls so many are looked at even where many cohorts share an account's room.
SHOWN_AT_LEAST = 8

#: How many more calls of one account may be queued, by lane.
Rooms = dict[Lane, int]


@dataclass
class ReleaseMemory:
    """Which batch was served when, so that a look-ahead smaller than the number of batches still goes round."""

    turn: int = 0
    served: dict[str, int] = field(default_factory=dict)

    def note(self, turns: Iterable[DueCohort]) -> None:
        for due in turns:
            self.turn += 1
            self.served[due.batch_id] = self.turn
        if len(self.served) > 10_000:
            self.served = {batch: turn for batch, turn in self.served.items() if turn > self.turn - 5_000}


def release(
    desk: Switchboard, memory: ReleaseMemory, failed: list[Unforeseen], lanes: Iterable[Lane] = Lane
) -> list[Queued]:
    """Fill every account's look-ahead, from these lanes; returns what was pushed."""
    rooms = _rooms(desk, failed, frozenset(lanes))
    turns = _choose(desk, rooms, memory) if rooms else []
    if not turns:
        return []
    queued = desk.ledger.release.enqueue(turns)
    reached("release.enqueued")
    memory.note(turns)
    desk.queue.push(queued)
    reached("release.pushed")
    return queued


def _rooms(desk: Switchboard, failed: list[Unforeseen], lanes: Container[Lane]) -> dict[str, Rooms]:
    """Of every account that has any."""
    states = {state.name: state for state in desk.ledger.accounts.all()}
    loads = desk.ledger.release.load_of(list(desk.accounts))
    none: Rooms = {}
    rooms = {}
    for name, account in desk.accounts.items():
        if (state := states.get(name)) is not None:
            of = partial(_rooms_of, desk, account, state, loads[name], lanes)
            rooms[name] = attempted(of, none, failed, f"releasing calls of account {name}")
    return {name: of for name, of in rooms.items() if max(of.values(), default=0) > 0}


def _rooms_of(
    desk: Switchboard, account: Account, state: AccountState, load: AccountLoad, lanes: Container[Lane]
) -> Rooms:
    if _waits_in_vain(state, load):
        desk.ledger.release.recall(account.name, MOST_AHEAD)
        return {}
    able = desk.providers[account.name].capabilities
    can_be_read = able.has_balance or able.can_find
    of = partial(room_for, account, state, load, can_be_read=can_be_read)
    return {lane: of(lane) if lane in lanes else 0 for lane in Lane}


def _waits_in_vain(state: AccountState, load: AccountLoad) -> bool:
    """What was pushed before the account stopped must not all go out when the stop runs out: one call probes it."""
    if not account_guard(state).is_open:
        return load.queued > 0
    return state.is_probing and load.queued > 0 and load.queued + load.dialing > 1


def room_for(account: Account, state: AccountState, load: AccountLoad, lane: Lane, *, can_be_read: bool = False) -> int:
    """How many more calls of this account may be queued; test calls may use the channel kept for them."""
    if not account_guard(state).is_open:
        return 0
    if state.is_probing and state.stop is StopKind.BREAKER and can_be_read and not state.has_answered:
        return 0  # it is asked something first: that dials nobody
    if state.is_probing:
        return 1 - load.queued - load.dialing
    under_way = load.dialing + load.in_progress
    most = min(int(2 * account.calls_per_second) + 1, MOST_AHEAD)
    if lane is Lane.TEST:
        # Full look-ahead of others must not hold a test call up.
        return min(account.channels - under_way, most) - load.queued_tests
    return min(account.channels - account.test_headroom - under_way, most) - load.queued


def _choose(desk: Switchboard, rooms: Mapping[str, Rooms], memory: ReleaseMemory) -> list[DueCohort]:
    """Turns of all accounts; looks further into a cohort only where others leave room that it might fill."""
    asked = {name: max(of.values()) for name, of in rooms.items()}
    found, turns = desk.ledger.release.due(asked, SHOWN_AT_LEAST), []
    for name, of in rooms.items():
        chosen, is_short = _fill([due for due in found if due.account == name], of, memory)
        if is_short:
            chosen, _ = _fill(desk.ledger.release.due({name: asked[name]}, asked[name]), of, memory)
        turns.extend(chosen)
    return turns


def _fill(found: Sequence[DueCohort], rooms: Rooms, memory: ReleaseMemory) -> tuple[list[DueCohort], bool]:
    """The turns of one account, and whether a cohort that showed but part of its calls could have had more."""
    turns: list[DueCohort] = []
    is_short = False
    for lane in Lane:
        room, of_lane = rooms[lane] - len(turns), [due for due in found if due.lane is lane]
        chosen = in_turn(of_lane, room, memory)
        is_short = is_short or (len(chosen) < room and any(due.has_more for due in of_lane))
        turns.extend(chosen)
    return turns, is_short


def in_turn(found: Iterable[DueCohort], room: int, memory: ReleaseMemory) -> list[DueCohort]:
    """One call of each batch, then a second of each, …; the batch served longest ago first, its cohorts in order."""
    by_batch: dict[str, list[Iterable[DueCohort]]] = defaultdict(list)
    for due in found:
        by_batch[due.batch_id].append(repeat(due, due.count))
    order = sorted(by_batch, key=lambda batch: memory.served.get(batch, 0))
    rounds = zip_longest(*(chain.from_iterable(by_batch[batch]) for batch in order))
    in_order = (due for one_of_each in rounds for due in one_of_each if due is not None)
    return list(islice(in_order, max(0, room)))
