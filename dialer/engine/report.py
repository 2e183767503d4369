"""The month's end of one workspace: reads the quarters around the days asked for; what a day is, the domain decides."""

from __future__ import annotations

from datetime import date

from dialer.domain.report import Report, lines, reach
from dialer.domain.zones import check_timezone
from dialer.errors import InvalidInput
from dialer.ports import Switchboard

MOST_DAYS = 3660


def report(desk: Switchboard, workspace_id: str, first: date, last: date, timezone: str) -> Report:
    """InvalidInput where the days are the wrong way round, or the zone is unknown or missing."""
    if last < first:
        message = f"to: expected {first.isoformat()} or later, got {last.isoformat()}"
        raise InvalidInput(message, code="DAYS_REVERSED")
    if (last - first).days > MOST_DAYS:
        raise InvalidInput(
            f"to: expected at most {MOST_DAYS} days, got {(last - first).days + 1}", code="TOO_MANY_DAYS"
        )
    name = timezone or desk.rules.default_timezone
    if not name:
        message = "timezone: expected an IANA name, for there is no default_timezone"
        raise InvalidInput(message, code="TIMEZONE_UNKNOWN")
    here = check_timezone(name)
    start, end = reach(first, last)
    found = lines(desk.ledger.books.quarters(workspace_id, start, end), first, last, here)
    return Report(workspace_id, first, last, here, found)
