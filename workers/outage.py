"""Says once that Redis or the ledger is gone, and once that it is back, however many threads notice."""

from __future__ import annotations

from threading import Lock

from dialer.errors import DialerError, LedgerUnreachable, RedisUnreachable
from workers.logs import log

#: What ends by itself: nobody is dialed meanwhile.
Outage = (RedisUnreachable, LedgerUnreachable)


class Outages:
    """Which of the two is gone, as this process sees it."""

    def __init__(self) -> None:
        self._gone: set[str] = set()
        self._lock = Lock()

    def began(self, error: DialerError) -> None:
        with self._lock:
            is_news = error.code not in self._gone
            self._gone.add(error.code)
        if is_news:
            log().error(f"{_who(error.code)}.lost", error=str(error), then="nobody is dialed until it is back")

    def ended(self, *kinds: type[DialerError]) -> None:
        """Something that needs these (or, none named, both) succeeded."""
        if not self._gone:
            return
        back = {kind.default_code for kind in kinds or Outage}
        with self._lock:
            over = self._gone & back
            self._gone -= back
        for code in sorted(over):
            log().info(f"{_who(code)}.back")


#: this process' own
outages = Outages()


def _who(code: str) -> str:
    return "redis" if code == RedisUnreachable.default_code else "ledger"
