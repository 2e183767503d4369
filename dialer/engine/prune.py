"""Batches that were over long ago: archived, sealed, emptied, one after the other; whatever breaks off is gone on with.

A batch is archived before it is sealed, and sealed before a call of it is removed. So after a crash it is either whole
in the ledger, or sealed, and then its archive is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from dialer.domain.upkeep import PruneReceipt
from dialer.errors import InvalidInput
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.upkeep import Archive, Row

#: Redis knows for so long which attempts were armed: what it can vouch for stays in the ledger, too.
SHORTEST = timedelta(days=1)
BATCHES_AT_ONCE = 100
CALLS_AT_ONCE = 1000
OnPruned = Callable[[PruneReceipt], None]


def prune(desk: Switchboard, archive: Archive, older: timedelta, on_progress: OnPruned | None = None) -> PruneReceipt:
    """InvalidInput for less than a day; ArchiveUnwritable: what could not be archived was not removed."""
    if older < SHORTEST:
        raise InvalidInput("older_than: expected a day at least", code="RETENTION_TOO_SHORT")
    receipt = PruneReceipt()
    for batch_id in desk.ledger.retention.unfinished():
        receipt = receipt.plus(calls=_empty(desk, batch_id), finished=1)
    after: str | None = None
    # Runs before their templates: these are prunable once those are gone, in the next round.
    while page := desk.ledger.retention.prunable(older, after, BATCHES_AT_ONCE):
        for batch_id in page:
            receipt = _prune(desk, archive, older, batch_id, receipt)
            if on_progress is not None:
                on_progress(receipt)
        after = page[-1]
    return receipt.plus(alerts=desk.ledger.retention.forget_alerts(older))


def _prune(desk: Switchboard, archive: Archive, older: timedelta, batch_id: str, receipt: PruneReceipt) -> PruneReceipt:
    whole = desk.ledger.retention.whole(batch_id)
    if whole is None:
        return receipt  # another prune was first
    folder = whole["batch"]["created_at"].strftime("%Y-%m")
    name = archive.write(folder, batch_id, _rows(desk, batch_id, whole))
    reached("prune.archived")
    if not desk.ledger.retention.seal(batch_id, older, name):
        archive.discard(name)
        return receipt
    reached("prune.sealed")
    archive.keep_only(name)
    return receipt.plus(batches=1, calls=_empty(desk, batch_id))


def _rows(desk: Switchboard, batch_id: str, whole: Row) -> Iterator[Row]:
    yield whole
    after: str | None = None
    while page := desk.ledger.retention.page(batch_id, after, CALLS_AT_ONCE):
        yield from page
        after = page[-1]["call"]["call_id"]


def _empty(desk: Switchboard, batch_id: str) -> int:
    removed = 0
    while True:
        chunk = desk.ledger.retention.empty(batch_id, CALLS_AT_ONCE)
        reached("prune.emptied")
        removed += chunk
        if chunk < CALLS_AT_ONCE:
            return removed
