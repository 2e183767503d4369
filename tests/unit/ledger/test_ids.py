"""Ids: version 7, ascending whatever the clock does, and however many are taken at once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from dialer.ledger.ids import IdMaker

NOW = datetime(2026, 11, 25, 9, 30, 0, 123_000, tzinfo=UTC)


def test_ids_are_version_7_and_begin_with_the_millisecond() -> None:
    [made] = map(uuid.UUID, IdMaker().take(NOW))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert datetime.fromtimestamp((made.int >> 80) / 1000, UTC) == NOW


def test_ids_ascend_however_many_are_taken_at_once_and_wherever_the_clock_goes() -> None:
    maker, made = IdMaker(), []
    for count, later in (1, 0), (0, 0), (5, -10), (300, 0), (255, 3), (1, -3600), (70_000, 0), (256, 1):
        made += maker.take(NOW + timedelta(seconds=later), count)
    assert made == sorted(made)
    assert len(set(made)) == len(made) == 70_818
    assert [str(uuid.UUID(each)) for each in made] == made


def test_two_makers_at_the_same_millisecond_share_no_id() -> None:
    assert not set(IdMaker().take(NOW, 1000)) & set(IdMaker().take(NOW, 1000))
