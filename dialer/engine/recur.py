"""Templates: at each occurrence of `cron` a run is loaded with the template's numbers, once per local wall-clock
minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from dialer.domain.batch import OCCURRENCE_MARK, Batch, BatchName, BatchTerms
from dialer.domain.recurrence import Occurrence, latest_missed, parse_cron
from dialer.engine.spans import span_finder
from dialer.engine.unforeseen import Unforeseen, attempted
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import DueSchedule

CHUNK = 5000


def plan(desk: Switchboard, template: Batch) -> None:
    """Set the first occurrence at or after nbf, from now on; one that has come and not been run stays for the tick."""
    terms = template.terms
    if any(due.batch.batch_id == template.batch_id and due.next_at >= terms.nbf for due in desk.ledger.schedules.due()):
        return
    cron, zone = parse_cron(terms.cron or ""), terms.timezone or ""
    # An occurrence exactly at nbf counts: the window is half-open.
    start = max(desk.ledger.now(), terms.nbf)
    first = cron.next_occurrence(_just_before(start), zone)
    within = first is not None and first.instant < terms.exp
    desk.ledger.schedules.set_next(template.batch_id, first.instant if first and within else None, None, None)


def run_schedules(desk: Switchboard, failed: list[Unforeseen] | None = None) -> list[str]:
    """Load a run for every template whose occurrence has come; returns the runs' batch ids."""
    started, failures = [], [] if failed is None else failed
    for due in desk.ledger.schedules.due():
        run = attempted(partial(_start_run, desk, due), None, failures, f"the run of template {due.batch.batch_id}")
        if run is not None:
            started.append(run)
    return started


def _start_run(desk: Switchboard, due: DueSchedule) -> str | None:
    terms = due.batch.terms
    cron, zone = parse_cron(terms.cron or ""), terms.timezone or ""
    now = desk.ledger.now()
    # After downtime only the latest occurrence runs; those before it are gone.
    occurrence = latest_missed(cron, _just_before(due.next_at), now, zone)
    following = cron.next_occurrence(occurrence.instant if occurrence else now, zone)
    next_at = following.instant if following and following.instant < terms.exp else None
    run = None
    if occurrence and occurrence.instant < terms.exp and occurrence.local != due.last_local:
        run = _load_run(desk, due.batch, occurrence, following.instant if following else terms.exp)
    desk.ledger.schedules.set_next(due.batch.batch_id, next_at, occurrence.local if occurrence else None, due.next_at)
    return run


def _just_before(moment: datetime) -> datetime:
    return moment - datetime.resolution


def _load_run(desk: Switchboard, template: Batch, occurrence: Occurrence, ends: datetime) -> str:
    for earlier in desk.ledger.schedules.runs(template.batch_id, open_only=True):
        if earlier.occurrence != occurrence.local:
            desk.ledger.schedules.end_run(earlier.batch_id, f"the occurrence {occurrence.local} has come")
            reached("recur.ended")
    terms = _run_terms(template.terms, occurrence, ends)

    def merge(old: Batch | None, now: datetime) -> BatchTerms:
        return old.terms if old else terms

    finder = span_finder(desk.rules)
    load = desk.ledger.loads.open(
        terms.name, merge, finder, resume=False, template_id=template.batch_id, occurrence=occurrence.local
    )
    reached("recur.opened")
    cursor: str | None = None
    while True:
        _, cursor = desk.ledger.schedules.copy_calls(template.batch_id, load, cursor, CHUNK)
        reached("recur.copied")
        if cursor is None:
            break
    run = desk.ledger.loads.finish(load)
    reached("recur.finished")
    return run.batch_id


def _run_terms(terms: BatchTerms, occurrence: Occurrence, ends: datetime) -> BatchTerms:
    ref = f"{terms.name.batch_ref}{OCCURRENCE_MARK}{occurrence.local}"
    name = BatchName(terms.name.workspace_id, terms.name.agent_id, ref)
    return replace(terms, name=name, nbf=occurrence.instant, exp=min(ends, terms.exp), cron=None)
