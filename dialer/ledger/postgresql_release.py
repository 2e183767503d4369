"""How PostgreSQL is asked what is due in open cohorts, and told to mark it: one statement each, for all accounts.

Answers come as one JSON list: five hundred rows of a cursor's would cost more to read than to find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Text, column, text

from dialer.domain.call import DueCohort
from dialer.domain.states import Lane
from dialer.ledger.backend import Marked, Portion
from dialer.ledger.direct import Direct, Statement

# Open cohorts first, then how much is due in each, and no further than it could be taken: what waits, is paused or is
# over is never looked at. A cohort with nothing to give does not use up the limit; where more have something, each
# batch shows one before any shows a second, and chance is fair to all. The clock is read once, and an index condition
# may use it.
_DUE = """
    SELECT CAST(json_agg(json_build_array(found.account, found.batch_id, found.cohort_id, found.lane,
      (SELECT count(*) FROM (SELECT FROM calls WHERE calls.cohort_id = found.cohort_id
         AND calls.state = 'ready' AND calls.lane = found.lane LIMIT found.most) AS own),
      (SELECT count(*) FROM (SELECT FROM calls WHERE calls.cohort_id = found.cohort_id AND calls.state = 'ready'
         AND calls.lane IS NULL AND found.batch_lane = found.lane LIMIT found.most) AS of_batch),
      found.most) ORDER BY found.cohort_id, found.lane) AS text) AS listed
    FROM (
      SELECT shown.account, shown.batch_id, shown.cohort_id, shown.batch_lane, shown.lane,
        row_number() OVER (PARTITION BY shown.account, shown.lane ORDER BY shown.nth, random()) AS place,
        GREATEST(:least, shown.room / count(*) OVER (PARTITION BY shown.account, shown.lane) + 1) AS most
      FROM (
        SELECT open.account, open.batch_id, open.cohort_id, open.batch_lane, open.room, lanes.lane,
          row_number() OVER (PARTITION BY open.batch_id, lanes.lane ORDER BY random()) AS nth
        FROM (
          SELECT batches.account, batches.batch_id, cohorts.cohort_id, batches.lane AS batch_lane,
            CAST(room.value AS integer) AS room
          FROM json_each_text(CAST(:rooms AS json)) AS room
          JOIN batches ON batches.account = room.key JOIN cohorts ON cohorts.batch_id = batches.batch_id
          WHERE batches.state = 'active' AND NOT batches.is_drained AND batches.is_loaded AND batches.cron IS NULL
            AND cohorts.opens_at <= (SELECT clock_timestamp()) AND cohorts.closes_at > (SELECT clock_timestamp())
            AND NOT EXISTS (
              SELECT FROM holds WHERE is_on AND (scope = 'all' OR (scope = 'workspace' AND key = batches.workspace_id)
                OR (scope = 'account' AND key = batches.account)))
        ) AS open
        CROSS JOIN (VALUES (0), (1), (2), (3)) AS lanes (lane)
        WHERE EXISTS (SELECT FROM calls WHERE calls.cohort_id = open.cohort_id
            AND calls.state = 'ready' AND calls.lane = lanes.lane)
          OR (open.batch_lane = lanes.lane AND EXISTS (SELECT FROM calls WHERE calls.cohort_id = open.cohort_id
            AND calls.state = 'ready' AND calls.lane IS NULL))
      ) AS shown
    ) AS found
    WHERE found.place <= :cohorts
    """

# The order names the lane, or PostgreSQL would not see that with `lane IS NULL`, too, the index is in the order asked
# for. Rows that somebody else holds are passed by: many rows at once, and waiting for any of them could be a deadlock.
# What is locked stays where it is, so that its place is enough to find it by.
_MARK = """
    WITH portion AS MATERIALIZED (
      SELECT asked.cohort_id, asked.lane, asked.most, batches.lane AS batch_lane
      FROM json_to_recordset(CAST(:portions AS json)) AS asked (cohort_id bigint, lane smallint, most integer)
      JOIN cohorts ON cohorts.cohort_id = asked.cohort_id JOIN batches ON batches.batch_id = cohorts.batch_id
    ), chosen AS MATERIALIZED (
      SELECT head.place FROM portion CROSS JOIN LATERAL (
        SELECT * FROM (SELECT ctid AS place, due_at, call_id FROM calls WHERE calls.cohort_id = portion.cohort_id
          AND calls.state = 'ready' AND calls.lane = portion.lane
          ORDER BY lane, due_at, call_id LIMIT portion.most FOR UPDATE SKIP LOCKED) AS own
        UNION ALL
        SELECT * FROM (SELECT ctid AS place, due_at, call_id FROM calls WHERE calls.cohort_id = portion.cohort_id
          AND calls.state = 'ready' AND calls.lane IS NULL AND portion.batch_lane = portion.lane
          ORDER BY lane, due_at, call_id LIMIT portion.most FOR UPDATE SKIP LOCKED) AS of_batch
        ORDER BY due_at, call_id LIMIT portion.most
      ) AS head
    ), moved AS (
      UPDATE calls SET state = 'queued', push_seq = push_seq + 1, queued_at = (SELECT clock_timestamp())
      WHERE ctid = ANY (ARRAY(SELECT place FROM chosen)) AND state = 'ready'
      RETURNING call_id, cohort_id, lane, due_at, push_seq
    )
    SELECT CAST(json_agg(json_build_array(queued.cohort_id, queued.lane, queued.calls)) AS text) AS listed
    FROM (
      SELECT portion.cohort_id, portion.lane,
        string_agg(moved.call_id || ' ' || moved.push_seq, ' ' ORDER BY moved.due_at, moved.call_id) AS calls
      FROM moved JOIN portion ON portion.cohort_id = moved.cohort_id
        AND portion.lane = COALESCE(moved.lane, portion.batch_lane)
      GROUP BY portion.cohort_id, portion.lane
    ) AS queued
    """

_LISTED = column("listed", Text)
_ASK, _TELL = Statement(text(_DUE), [_LISTED]), Statement(text(_MARK), [_LISTED])


def due(direct: Direct, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
    asked = {"rooms": json.dumps(dict(rooms)), "least": least, "cohorts": most_cohorts}
    return [
        DueCohort(account, batch_id, cohort_id, Lane(lane), min(own + of_batch, most), own + of_batch >= most)
        for account, batch_id, cohort_id, lane, own, of_batch, most in _listed(direct, _ASK, asked)
    ]


def mark(direct: Direct, portions: Sequence[Portion]) -> Marked:
    """One statement is a transaction, committed when it has answered."""
    asked = [{"cohort_id": cohort_id, "lane": int(lane), "most": most} for cohort_id, lane, most in portions]
    marked: Marked = {}
    for cohort_id, lane, found in _listed(direct, _TELL, {"portions": json.dumps(asked)}):
        words = iter(found.split())
        marked[cohort_id, Lane(lane)] = [
            (call_id, int(push_seq)) for call_id, push_seq in zip(words, words, strict=True)
        ]
    return marked


def _listed(direct: Direct, statement: Statement, asked: Mapping[str, Any]) -> list[Any]:
    [row] = direct.rows(statement, asked)
    listed: list[Any] = json.loads(row["listed"] or "[]")
    return listed
