"""Child processes of `dialer up` and of the demo: started, heard, started again when they die, ended."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Sequence
from threading import Thread

from dialer.clock import SystemClock
from workers.leash import watch
from workers.logs import log

#: Waits before the first, second, … start after a death; a child that lived this long begins anew.
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0

Write = Callable[[str, str], None]


class Child:
    """One process of ours. `write(name, line)` gets each line it prints; `patience` seconds it has to end by itself."""

    def __init__(self, name: str, command: Sequence[str], write: Write, patience: float) -> None:
        self.name = name
        self._command = list(command)
        self._write = write
        self._patience = patience
        self._clock = SystemClock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None
        self._deaths = 0
        self._started_at = self._start_at = 0.0

    @property
    def pid(self) -> int:
        """0 while it is not running."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before it was started."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us, who end our children in their order
        )
        self._watcher = watch(self._process.pid)  # ours is the only life they should have
        self._started_at = self._clock.boottime()
        self._reader = Thread(target=self._pass_on, args=(self._process,), name=f"{self.name} lines", daemon=True)
        self._reader.start()

    def mend(self) -> None:
        """Start it again when it has died and has waited long enough; to be called every now and then."""
        now = self._clock.boottime()
        if self._process is not None and (code := self._process.poll()) is not None:
            self._deaths = 1 if now - self._started_at > STEADY_SECONDS else self._deaths + 1
            wait = BACKOFF_SECONDS[min(self._deaths, len(BACKOFF_SECONDS)) - 1]
            self._start_at = now + wait
            log().error("process.died", process=self.name, exit_code=code, again_in_seconds=wait)
            self._bury()
        elif self._process is None and now >= self._start_at:
            self.start()

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Say that it should end; `wait` waits for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(by)

    def wait(self) -> None:
        """Until it has ended; SIGKILL when its patience is over."""
        if self._process is None:
            return
        try:
            self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            log().error("process.killed", process=self.name, after_seconds=self._patience)
            self._process.kill()
            self._process.wait()
        self._bury()

    def _bury(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:  # before its input closes: the pid it watches may be another's soon
            watcher.kill()
            watcher.wait()
            if watcher.stdin is not None:
                watcher.stdin.close()
        if self._reader is not None:
            self._reader.join(timeout=2)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def _pass_on(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        for line in process.stdout:
            self._write(self.name, line.decode("utf-8", "replace").rstrip())


def end_in_order(*groups: Sequence[Child]) -> None:
    """Each group together, one group after the other."""
    for group in groups:
        for child in group:
            child.end()
        for child in group:
            child.wait()
