"""Actors in threads of which only one runs at a time: each hands the baton back before every call of a port, and who
gets it next is the driver's choice."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread


def taken_lock() -> Lock:
    """One that another thread releases."""
    lock = Lock()
    lock.acquire()
    return lock


class Died(BaseException):
    """The process of this actor is gone: nothing of it happens any more."""


class Actor:
    """One move under way in one process."""

    def __init__(self, stage: Stage, name: str, process: str, body: Callable[[], None]) -> None:
        self.name = name
        self.process = process
        #: what it is about to do
        self.next = "begin"
        #: not to be given the baton before this instant, in seconds of the stage's clock
        self.wake_at = 0.0
        self.is_doomed = self.is_over = False
        self.failure: BaseException | None = None
        self.go = taken_lock()
        self._stage, self._body = stage, body
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.go.acquire()
        try:
            if not self.is_doomed:
                self._body()
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001 - the driver judges it
            self.failure = error
        self.is_over = True
        self._stage.back.release()

    def ended(self) -> None:
        """Its thread is on its last line: wait for it."""
        self._thread.join()


class Stage:
    """Whoever is on it, one at a time."""

    def __init__(self) -> None:
        self.current: Actor | None = None
        self.actors: list[Actor] = []
        self.back = taken_lock()
        #: port calls that were let through
        self.steps = 0

    def enter(self, name: str, process: str, body: Callable[[], None]) -> Actor:
        actor = Actor(self, name, process, body)
        self.actors.append(actor)
        return actor

    def step(self, actor: Actor) -> None:
        """Let it go on up to its next call of a port."""
        self.steps += 1
        self.current = actor
        actor.go.release()
        self.back.acquire()
        self.current = None
        if actor.is_over:
            actor.ended()
            self.actors.remove(actor)

    def pause(self, about_to: str, wake_at: float = 0.0) -> None:
        """Called by an actor: the baton goes back. Off stage, where nothing is interleaved, it does nothing."""
        actor = self.current
        if actor is None:
            return
        actor.next, actor.wake_at = about_to, wake_at
        self.back.release()
        actor.go.acquire()
        if actor.is_doomed:
            raise Died

    def kill(self, process: str) -> int:
        """Every actor of this process dies where it stands."""
        victims = [actor for actor in self.actors if actor.process == process]
        for actor in victims:
            actor.is_doomed = True
            while not actor.is_over:
                self.step(actor)
        return len(victims)

    def clear(self) -> None:
        for process in {actor.process for actor in self.actors}:
            self.kill(process)
