"""Tells of an alert by running the operator's own program: no shell, an empty environment, and not for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence

from dialer.domain.upkeep import Tiding

DEADLINE_SECONDS = 10.0
#: Nothing of ours, which holds secrets; what it needs else, it sets itself.
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class CommandAlarm:
    """`dialer.ports.upkeep.Alarm`. The document is one line of JSON on stdin; the main words are variables, too."""

    channel = "command"

    def __init__(self, command: Sequence[str], deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._command = list(command)
        self._seconds = deadline_seconds

    def tell(self, tiding: Tiding) -> str | None:
        document = tiding.document()
        words = {f"DIALER_ALERT_{name.upper()}": value or "" for name, value in document.items()}
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_PATH | words,
                start_new_session=True,  # what it starts itself ends with it
            )
        except OSError as error:
            return f"it could not be started: {error.strerror}"
        return self._heard(process, json.dumps(document) + "\n")

    def _heard(self, process: subprocess.Popen[bytes], text: str) -> str | None:
        try:
            process.communicate(text.encode(), timeout=self._seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"it was not done within {self._seconds:g} s, and was ended"
        return None if process.returncode == 0 else f"exit code {process.returncode}"
