"""Ends child processes when their time has come: when we say so, or when this process is gone, `kill -9` included."""

from __future__ import annotations

import os
import signal
import subprocess

PATIENCE_SECONDS = 10.0

# Waits for the end of its input, which is the end of this process, then stops the other one: politely, and after five
# seconds for good. CONT first wakes a process that was stopped, for TERM would stay pending. It looks each second
# whether the process is gone already, lest it kill another that got its number.
WATCHER = """
read -r _
kill -CONT "$1"; kill -TERM "$1"
for second in 1 2 3 4 5; do sleep 1; kill -0 "$1" || exit 0; done
kill -KILL "$1"
"""


def watch(pid: int) -> subprocess.Popen[bytes]:
    """Ends the process `pid` once this one is gone; end the watcher itself as soon as `pid` has ended otherwise.

    A watcher and not PR_SET_PDEATHSIG: that fires when the starting thread ends, and only Linux has it.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "watcher", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_process(process: subprocess.Popen[bytes], by: signal.Signals) -> None:
    """Returns when the process is gone; SIGKILL follows after ten seconds."""
    process.send_signal(by)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
