"""How SQLite is asked what is due in open cohorts, and told to mark it: cohort by cohort, for no trip is saved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Integer, Text, column, text

from dialer.domain.call import DueCohort
from dialer.domain.states import Lane
from dialer.ledger.backend import Marked, Portion
from dialer.ledger.direct import Direct, Statement

# Read when the statement starts, which of a writer's is after BEGIN IMMEDIATE got the lock; cut to milliseconds.
CLOCK = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"

# As PostgreSQL's, but for the counts: here a limit must not come from a row.
_COHORTS = f"""
    SELECT * FROM (
      SELECT shown.account, shown.batch_id, shown.cohort_id, shown.batch_lane, shown.lane,
        max(:least, shown.room / count(*) OVER (PARTITION BY shown.account, shown.lane) + 1) AS most,
        row_number() OVER (PARTITION BY shown.account, shown.lane ORDER BY shown.nth, random()) AS place
      FROM (
        SELECT open.account, open.batch_id, open.cohort_id, open.batch_lane, open.room, lanes.value AS lane,
          row_number() OVER (PARTITION BY open.batch_id, lanes.value ORDER BY random()) AS nth
        FROM (
          SELECT batches.account, batches.batch_id, cohorts.cohort_id, batches.lane AS batch_lane, room.value AS room
          FROM json_each(:rooms) AS room
          JOIN batches ON batches.account = room.key JOIN cohorts ON cohorts.batch_id = batches.batch_id
          WHERE batches.state = 'active' AND NOT batches.is_drained AND batches.is_loaded AND batches.cron IS NULL
            AND cohorts.opens_at <= {CLOCK} AND cohorts.closes_at > {CLOCK}
            AND NOT EXISTS (
              SELECT 1 FROM holds WHERE is_on AND (scope = 'all' OR (scope = 'workspace' AND key = batches.workspace_id)
                OR (scope = 'account' AND key = batches.account)))
        ) AS open
        CROSS JOIN json_each('[0, 1, 2, 3]') AS lanes
        WHERE EXISTS (SELECT 1 FROM calls WHERE calls.cohort_id = open.cohort_id
            AND calls.state = 'ready' AND calls.lane = lanes.value)
          OR (open.batch_lane = lanes.value AND EXISTS (SELECT 1 FROM calls WHERE calls.cohort_id = open.cohort_id
            AND calls.state = 'ready' AND calls.lane IS NULL))
      ) AS shown
    ) WHERE place <= :cohorts ORDER BY cohort_id, lane
    """  # noqa: S608 - a text of our own


_OLDEST = (
    "SELECT * FROM (SELECT call_id, due_at FROM calls WHERE cohort_id = :cohort_id AND state = 'ready' AND lane {} "
    "ORDER BY due_at, call_id LIMIT :most)"
)
_OWN = _OLDEST.format("= :lane")
#: The calls that are due first, in a lane that is not their batch's, and in one that is.
_HEADS = _OWN, f"{_OWN} UNION ALL {_OLDEST.format('IS NULL')} ORDER BY due_at, call_id LIMIT :most"
_MARK = (
    f"UPDATE calls SET state = 'queued', push_seq = push_seq + 1, queued_at = {CLOCK} WHERE state = 'ready' "  # noqa: S608
    "AND call_id IN (SELECT call_id FROM ({})) RETURNING due_at, call_id, push_seq"
)


def _statement(spelled: str, **columns: type) -> Statement:
    return Statement(text(spelled), [column(name, kind) for name, kind in columns.items()])


_ASK = _statement(
    _COHORTS, account=Text, batch_id=Text, cohort_id=Integer, batch_lane=Integer, lane=Integer, most=Integer
)
_COUNTS = [_statement(f"SELECT count(*) FROM ({heads})", count=Integer) for heads in _HEADS]  # noqa: S608
_MARKS = [_statement(_MARK.format(heads), due_at=Text, call_id=Text, push_seq=Integer) for heads in _HEADS]
_LANE_OF = _statement(
    "SELECT batches.lane FROM cohorts JOIN batches ON batches.batch_id = cohorts.batch_id WHERE cohort_id = :cohort_id",
    lane=Integer,
)
_ALL = slice(None)


def due(direct: Direct, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
    asked = {"rooms": json.dumps(dict(rooms)), "least": least, "cohorts": most_cohorts}
    found = []
    for cohort in direct.rows(_ASK, asked):
        account, batch_id, cohort_id, batch_lane, lane, most, *_ = cohort.as_given(_ALL)
        [counted] = direct.rows(_COUNTS[batch_lane == lane], {"cohort_id": cohort_id, "lane": lane, "most": most})
        found.append(DueCohort(account, batch_id, cohort_id, Lane(lane), counted["count"], counted["count"] >= most))
    return found


def mark(direct: Direct, portions: Sequence[Portion]) -> Marked:
    direct.begin()
    marked = {(cohort_id, lane): _mark(direct, cohort_id, lane, most) for cohort_id, lane, most in portions}
    direct.commit()
    return marked


def _mark(direct: Direct, cohort_id: int, lane: Lane, most: int) -> list[tuple[str, int]]:
    [batchs] = direct.rows(_LANE_OF, {"cohort_id": cohort_id})
    asked = {"cohort_id": cohort_id, "lane": int(lane), "most": most}
    moved = direct.rows(_MARKS[batchs["lane"] == lane], asked)
    return [(call_id, push_seq) for _, call_id, push_seq in sorted(row.as_given(_ALL) for row in moved)]
