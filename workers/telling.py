"""Sends notices on threads of its own, so that no slow receiver ever holds a slot that a call could have.

Which notice is due the ledger knows; what is sent, and when it is sent again, is `dialer.engine.telling`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from dialer.engine.telling import Silences, tell
from dialer.ports import Switchboard
from dialer.ports.courier import Courier
from workers import lines
from workers.logs import log
from workers.outage import Outage, outages

#: Notices on their way at once, and how many more may wait here: one beyond is left to the ledger, which hands it out
#: again in a minute.
SLOTS = 8
WAITING = 200


class Telling:
    """`begin` hands a notice over and returns at once."""

    def __init__(self, desk: Switchboard, courier: Courier) -> None:
        self._desk = desk
        self._courier = courier
        self._silences = Silences()
        self._pool = ThreadPoolExecutor(SLOTS, thread_name_prefix="tell")
        self._under_way = 0
        self._lock = Lock()

    def begin(self, notice_id: str) -> None:
        with self._lock:
            if self._under_way >= SLOTS + WAITING:
                return
            self._under_way += 1
        self._pool.submit(self._tell, notice_id)

    def close(self) -> None:
        """What is being sent is sent to its end, and written down; what waits is handed out again."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _tell(self, notice_id: str) -> None:
        try:
            lines.told(tell(self._desk, self._courier, notice_id, self._silences))
        except Outage as error:
            outages.began(error)
        except Exception as error:  # noqa: BLE001 - handed out again in a minute
            log().error("notice.not_told", notice_id=notice_id, error=repr(error), exc_info=True)
        finally:
            with self._lock:
                self._under_way -= 1
