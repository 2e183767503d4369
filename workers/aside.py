"""What runs beside the main work of a process, on a thread of its own: heartbeats, and questions that take long."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from workers.logs import log
from workers.outage import Outage, outages


class Aside:
    """`once` at once and then again `every` seconds after it has ended, until stopped; whatever it raises is a line."""

    def __init__(self, name: str, once: Callable[[], None], every: float) -> None:
        self._name = name
        self._once = once
        self._every = every
        self._stopped = Event()
        # daemon: a provider that never answers must not keep a process from ending
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Says so; `wait` waits for what is under way."""
        self._stopped.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._once()
            except Outage as error:
                outages.began(error)
            except Exception as error:  # noqa: BLE001 - the next time may fare better; a silent worker is taken for dead
                log().error("aside.failed", aside=self._name, error=repr(error), exc_info=True)
            self._stopped.wait(self._every)
