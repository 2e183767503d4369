"""The whole ledger: its rooms over one database, its clock, its identity and the version of its schema."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from sqlalchemy import select

from dialer.errors import SchemaOutdated
from dialer.ledger import schema
from dialer.ledger.accounts import SqlAccounts
from dialer.ledger.agents import SqlAgents
from dialer.ledger.alerts import SqlAlerts
from dialer.ledger.answers import SqlAnswers
from dialer.ledger.attempts import SqlAttempts
from dialer.ledger.backend import Backend
from dialer.ledger.batches import SqlBatches
from dialer.ledger.books import SqlBooks
from dialer.ledger.claims import SqlClaims
from dialer.ledger.cohorts import SqlCohorts
from dialer.ledger.contacts import SqlContacts
from dialer.ledger.decisions import SqlDecisions
from dialer.ledger.erasure import SqlErasure
from dialer.ledger.failures import SqlFailures
from dialer.ledger.gauges import SqlGauges
from dialer.ledger.inbox import SqlInbox
from dialer.ledger.keys import SqlKeys
from dialer.ledger.loads import SqlLoads
from dialer.ledger.notices import SqlNotices
from dialer.ledger.outbox import SqlOutbox
from dialer.ledger.overview import SqlOverview
from dialer.ledger.reading import SqlReading
from dialer.ledger.redials import SqlRedials
from dialer.ledger.release import SqlRelease
from dialer.ledger.retention import SqlRetention
from dialer.ledger.schedules import SqlSchedules
from dialer.ledger.suppressions import SqlSuppressions
from dialer.ledger.sweeps import SqlSweeps
from dialer.ledger.tables import ledger
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.trust import SqlTrust
from dialer.ledger.views import SqlViews
from dialer.ledger.workers import SqlWorkers
from dialer.ports import clients, upkeep
from dialer.ports import ledger as ports


class SqlLedger:
    """`dialer.ports.ledger.Ledger`. One for each process, shared by its threads; opened after any fork."""

    def __init__(self, backend: Backend) -> None:
        self._transactions = Transactions(backend)
        self.address = backend.address
        self.loads: ports.Loads = SqlLoads(self._transactions)
        self.batches: ports.Batches = SqlBatches(self._transactions)
        self.cohorts: ports.Cohorts = SqlCohorts(self._transactions)
        self.release: ports.Release = SqlRelease(self._transactions)
        self.claims: ports.Claims = SqlClaims(self._transactions, lambda: self.ledger_id)
        self.redials: ports.Redials = SqlRedials(self._transactions)
        self.attempts: ports.Attempts = SqlAttempts(self._transactions)
        self.failures: ports.Failures = SqlFailures(self._transactions)
        self.sweeps: ports.Sweeps = SqlSweeps(self._transactions)
        self.suppressions: ports.Suppressions = SqlSuppressions(self._transactions)
        self.accounts: ports.Accounts = SqlAccounts(self._transactions)
        self.outbox: ports.Outbox = SqlOutbox(self._transactions)
        self.workers: ports.Workers = SqlWorkers(self._transactions)
        self.schedules: ports.Schedules = SqlSchedules(self._transactions)
        self.reading: ports.Reading = SqlReading(self._transactions)
        self.trust: ports.Trust = SqlTrust(self._transactions, lambda: self.ledger_id)
        self.decisions: ports.Decisions = SqlDecisions(self._transactions)
        self.keys: clients.Keys = SqlKeys(self._transactions)
        self.agents: clients.Agents = SqlAgents(self._transactions)
        self.contacts: clients.Contacts = SqlContacts(self._transactions)
        self.answers: clients.Answers = SqlAnswers(self._transactions)
        self.inbox: clients.Inbox = SqlInbox(self._transactions)
        self.notices: clients.Notices = SqlNotices(self._transactions)
        self.views: clients.Views = SqlViews(self._transactions)
        self.alerts: upkeep.Alerts = SqlAlerts(self._transactions)
        self.erasure: upkeep.Erasure = SqlErasure(self._transactions)
        self.retention: upkeep.Retention = SqlRetention(self._transactions)
        self.books: upkeep.Books = SqlBooks(self._transactions)
        self.overview: upkeep.Overview = SqlOverview(self._transactions)
        self.gauges: upkeep.Gauges = SqlGauges(self._transactions)

    @cached_property
    def ledger_id(self) -> str:
        """Made by the first migration; attempts' references are derived from it."""
        with self._transactions.read() as connection:
            ledger_id: str = connection.execute(select(ledger.c.ledger_id)).scalar_one()
        return ledger_id

    @property
    def keeps_host_time(self) -> bool:
        return self._transactions.backend.engine.dialect.name == "sqlite"

    def now(self) -> datetime:
        with self._transactions.read() as connection:
            return now_of(connection)

    def check(self) -> None:
        with self._transactions.read() as connection:
            stands = schema.status(connection)
        if stands.may_run:
            return
        way_out = "run `dialer migrate`"
        if stands.oldest_allowed is not None or stands.found not in (None, *schema.known()):
            way_out = f"that is newer, and no version before {stands.oldest_allowed} may run on it: install a newer one"
        raise SchemaOutdated(
            f"the ledger at {self.address} is at schema {stands.found or 'none'}, this version needs {stands.needed}: "
            f"{way_out}"
        )

    def close(self) -> None:
        self._transactions.close()
