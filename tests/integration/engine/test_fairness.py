"""Two hundred batches at once: each gets its turn, however small the look-ahead."""

from __future__ import annotations

from collections import defaultdict

import pytest
from sqlalchemy import select, update

from dialer.domain.states import CallState, CloseReason
from dialer.engine import rounds
from dialer.ledger.columns import word
from dialer.ledger.tables import calls
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import Rig, an_account, rows

BATCHES, CALLS = 200, 3
#: In Melbourne and in Perth: a batch of two cohorts.
PREFIXES = "+6138777", "+6189225"


def pushed_batches(rig: Rig) -> list[str]:
    """Of one tick: the batch of each call that it pushed; these are over before the next."""
    assert rounds.tick(rig.desk, rig.memory).failed == ()
    is_queued = calls.c.state == word(CallState.QUEUED)
    with rig.ledger._transactions.write() as connection:
        found = connection.execute(select(calls.c.batch_id).where(is_queued)).scalars().all()
        over = {"state": word(CallState.CLOSED), "close_reason": CloseReason.REACHED.value}
        connection.execute(update(calls).where(is_queued).values(**over))
    return list(found)


@pytest.mark.parametrize("pace", [3.5, 20.0, 100.0])
def test_no_batch_waits_more_than_two_ticks_longer_than_another(new_rig: NewRig, pace: float) -> None:
    rig = new_rig(accounts={"au": an_account(calls_per_second=pace, channels=1000)})
    for number in range(BATCHES):
        numbers = [f"{PREFIXES[(number + each) % 2]}{each:04d}" for each in range(CALLS)]
        rig.load(rows(numbers, timezone=None), ref=f"batch-{number}")
    waits: dict[str, list[int]] = defaultdict(list)
    served: dict[str, int] = {}
    tick = 0
    while pushed := pushed_batches(rig):
        tick += 1
        for batch_id in dict.fromkeys(pushed):
            waits[batch_id].append(tick - served.get(batch_id, 0))
            served[batch_id] = tick
    assert len(waits) == BATCHES
    turns = [wait for of_batch in waits.values() for wait in of_batch]
    firsts = [of_batch[0] for of_batch in waits.values()]
    round_trip = -(-BATCHES // int(2 * pace + 1))
    assert max(firsts) <= round_trip
    assert max(turns) <= round_trip + 2
    seconds = [of_batch[1] for of_batch in waits.values() if len(of_batch) == max(map(len, waits.values()))]
    assert max(seconds) - min(seconds) <= 2
