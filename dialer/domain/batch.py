"""A batch and its cohorts as the ledger keeps them; what a user writes is `dialer.domain.spec`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from dialer.domain.retry import RetryPolicy
from dialer.domain.states import BatchState, Lane

#: Occurrences of a template are named REF@2026-11-23T09:00.
OCCURRENCE_MARK = "@"


@dataclass(frozen=True, slots=True)
class BatchName:
    """The name a user gave a batch; unique in the ledger, test calls apart."""

    workspace_id: str
    agent_id: str
    batch_ref: str

    def __str__(self) -> str:
        return f"{self.workspace_id}/{self.agent_id}/{self.batch_ref}"


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """The policy all calls of a batch share. Instants are aware, UTC; rules are texts, already parsed once."""

    name: BatchName
    account: str
    nbf: datetime
    exp: datetime
    #: the user's own title
    title: str = ""
    cli: str | None = None
    block_rules: tuple[str, ...] = ()
    calling_hours: tuple[str, ...] = ()
    timezone: str | None = None
    lane: Lane = Lane.NORMAL
    max_retries: int = 0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_unknown: str = "hold"  #: hold | redial
    max_call: timedelta = timedelta(seconds=7200)
    cron: str | None = None
    #: a test call obeys hours unless this is set (only numbers of `test_numbers` may)
    ignore_hours: bool = False
    #: the agent's id at the provider, where it is registered under another name
    provider_agent_id: str | None = None

    @property
    def wire_agent_id(self) -> str:
        """The agent as the provider knows it."""
        return self.provider_agent_id or self.name.agent_id

    @property
    def is_test(self) -> bool:
        return self.lane is Lane.TEST

    @property
    def is_template(self) -> bool:
        """Its calls stay waiting; each occurrence of `cron` loads a run of them."""
        return self.cron is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch row."""

    batch_id: str
    terms: BatchTerms
    state: BatchState
    #: plus one at each pause, resume and terminate; signals in Redis carry it
    control_seq: int
    created_at: datetime
    #: why it is paused, in words; `paused_by` tells who
    pause_reason: str | None = None
    #: user | dialer; what the dialer paused itself ends only by resume
    paused_by: str | None = None
    #: a load is under way (or was interrupted): never completes
    is_loading: bool = False
    #: the first load finished once: before that nothing is dialed
    is_loaded: bool = False
    completed_at: datetime | None = None
    template_id: str | None = None
    #: local wall-clock occurrence of a run, e.g. 2026-11-23T09:00
    occurrence: str | None = None


class CohortZones(NamedTuple):
    """The zones that gate a cohort: those of the batch's rules, and those of the legal hours. Sorted IANA names.

    `legal` is empty where no legal hours are configured at load time; the worker's gate reads them anyway.
    A tuple, for it is looked up several times for each row of a load.
    """

    rules: tuple[str, ...]
    legal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """An open span of a cohort, half-open, UTC, cut to nbf and exp."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Cohort:
    """One cohort row. `span` is the current or next open span; None = never again before exp."""

    cohort_id: int
    batch_id: str
    #: 1 for the first that came to be, 2 for the next, …
    number: int
    zones: CohortZones
    span: Span | None

    def wire_ref(self, batch_ref: str) -> str:
        """The batchRef its calls carry on the wire."""
        return batch_ref if self.number == 1 else f"{batch_ref}~{self.number}"


@dataclass(frozen=True, slots=True)
class StaleCohort:
    """A cohort whose span is over, with what is needed to find the next one."""

    cohort: Cohort
    terms: BatchTerms
