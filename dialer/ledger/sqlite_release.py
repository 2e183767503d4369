"""How SQLite is asked what is due in open cohorts, and told to mark it: cohort by cohort, for no trip is saved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from dialer.domain.call import DueCohort
from dialer.domain.states import Lane
from dialer.ledger.backend import Marked, Portion

# Read when the statement starts, which of a writer's is after BEGIN IMMEDIATE got the lock; cut to milliseconds.
CLOCK = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"

# As PostgreSQL's, but for the counts: here a limit must not come from a row.
_COHORTS = text(
    f"""
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
)

_OWN_LANE = "SELECT call_id, due_at FROM calls WHERE cohort_id = ? AND state = 'ready' AND lane = ?"
_BATCH_LANE = "SELECT call_id, due_at FROM calls WHERE cohort_id = ? AND state = 'ready' AND lane IS NULL"
_OLDEST = "SELECT * FROM ({} ORDER BY due_at, call_id LIMIT ?)"
_LANE_OF = "SELECT batches.lane FROM cohorts JOIN batches ON batches.batch_id = cohorts.batch_id WHERE cohort_id = ?"


def due(connection: Connection, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
    asked = {"rooms": json.dumps(dict(rooms)), "least": least, "cohorts": most_cohorts}
    found = []
    for account, batch_id, cohort_id, batch_lane, lane, most, _ in connection.execute(_COHORTS, asked).all():
        heads, values = _heads(cohort_id, lane, most, is_batchs=batch_lane == lane)
        count = connection.exec_driver_sql(f"SELECT count(*) FROM ({heads})", values).scalar_one()  # noqa: S608
        found.append(DueCohort(account, batch_id, cohort_id, Lane(lane), count, count >= most))
    return found


def mark(connection: Connection, portions: Sequence[Portion]) -> Marked:
    marked: Marked = {}
    for cohort_id, lane, most in portions:
        batch_lane = connection.exec_driver_sql(_LANE_OF, (cohort_id,)).scalar_one()
        heads, values = _heads(cohort_id, lane, most, is_batchs=batch_lane == lane)
        moved = connection.exec_driver_sql(
            f"UPDATE calls SET state = 'queued', push_seq = push_seq + 1, queued_at = {CLOCK} WHERE state = 'ready' "  # noqa: S608
            f"AND call_id IN (SELECT call_id FROM ({heads})) RETURNING due_at, call_id, push_seq",
            values,
        )
        marked[cohort_id, lane] = [(call_id, push_seq) for _, call_id, push_seq in sorted(map(tuple, moved))]
    return marked


def _heads(cohort_id: int, lane: int, most: int, *, is_batchs: bool) -> tuple[str, tuple[int, ...]]:
    """The calls that are due first, and what is bound in it."""
    own = _OLDEST.format(_OWN_LANE), (cohort_id, int(lane), most)
    if not is_batchs:
        return own
    both = f"{own[0]} UNION ALL {_OLDEST.format(_BATCH_LANE)} ORDER BY due_at, call_id LIMIT ?"
    return both, (*own[1], cohort_id, most, most)
