"""ready → queued → pushed: open cohorts first, then their due calls, in bounded look-ahead, fair between batches.

What is pushed is committed first, so a lost message is found by rescue. A tick costs what it pushes, not what waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice, zip_longest

from dialer.domain.call import Queued, ReadyHead
from dialer.domain.placement import Account
from dialer.domain.states import Lane, StopKind
from dialer.engine.house import account_guard
from dialer.engine.unforeseen import Unforeseen, attempted
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountLoad, AccountState

#: Calls of one account in Redis at once, whatever its pace.
MOST_AHEAD = 300


@dataclass
class ReleaseMemory:
    """Which batch was served when, so that a look-ahead smaller than the number of batches still goes round."""

    turn: int = 0
    served: dict[str, int] = field(default_factory=dict)

    def note(self, heads: Iterable[ReadyHead]) -> None:
        for head in heads:
            self.turn += 1
            self.served[head.batch_id] = self.turn
        if len(self.served) > 10_000:
            self.served = {batch: turn for batch, turn in self.served.items() if turn > self.turn - 5_000}


def release(desk: Switchboard, memory: ReleaseMemory, failed: list[Unforeseen]) -> list[Queued]:
    """Fill every account's look-ahead; returns what was pushed."""
    states = {state.name: state for state in desk.ledger.accounts.all()}
    loads = desk.ledger.release.load_of(list(desk.accounts))
    pushed: list[Queued] = []
    for name, account in desk.accounts.items():
        if (state := states.get(name)) is not None:
            fill = partial(_fill, desk, account, state, loads[name], memory)
            pushed.extend(attempted(fill, [], failed, f"releasing calls of account {name}"))
    return pushed


def _fill(
    desk: Switchboard, account: Account, state: AccountState, load: AccountLoad, memory: ReleaseMemory
) -> list[Queued]:
    chosen: list[ReadyHead] = []
    able = desk.providers[account.name].capabilities
    can_be_read = able.has_balance or able.can_find
    for lane in Lane:
        room = room_for(account, state, load, lane, can_be_read=can_be_read) - len(chosen)
        if room > 0:
            chosen.extend(_choose(desk, account.name, lane, room, memory))
    if not chosen:
        return []
    queued = desk.ledger.release.enqueue(chosen)
    reached("release.enqueued")
    memory.note(chosen)
    desk.queue.push(queued)
    reached("release.pushed")
    return queued


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


def _choose(desk: Switchboard, account: str, lane: Lane, room: int, memory: ReleaseMemory) -> list[ReadyHead]:
    """Candidates batch by batch in turn; asks for more of each only while batches are few."""
    per_cohort, chosen = min(room, 8), []
    heads = desk.ledger.release.heads(account, lane, per_cohort)
    chosen = in_turn(heads, room, memory)
    if len(chosen) < room and per_cohort < room and _is_cut(heads, per_cohort):
        chosen = in_turn(desk.ledger.release.heads(account, lane, room), room, memory)
    return chosen


def _is_cut(heads: Sequence[ReadyHead], per_cohort: int) -> bool:
    """Some cohort may have more than it showed."""
    counts: dict[int, int] = {}
    for head in heads:
        counts[head.cohort_id] = counts.get(head.cohort_id, 0) + 1
    return any(count >= per_cohort for count in counts.values())


def in_turn(heads: Sequence[ReadyHead], room: int, memory: ReleaseMemory) -> list[ReadyHead]:
    """One of each batch, then a second of each, …; the batch served longest ago first."""
    by_batch = {
        batch: list(group)
        for batch, group in groupby(sorted(heads, key=lambda head: head.batch_id), lambda head: head.batch_id)
    }
    order = sorted(by_batch, key=lambda batch: memory.served.get(batch, 0))
    rounds = zip_longest(*(by_batch[batch] for batch in order))
    in_order = (head for one_of_each in rounds for head in one_of_each if head is not None)
    return list(islice(in_order, max(0, room)))
