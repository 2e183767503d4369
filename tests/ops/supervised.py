"""The dialer under a supervisord of the test's own, by the file that `dialer install-units --supervisor` writes."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from tests.system.flower import LOGIN
from tests.system.site import PATIENCE_SECONDS, QUICK, Site
from workers.children import Child
from workers.embedded_redis import free_port

BIN = Path(sys.executable).parent
WE = pwd.getpwuid(os.getuid()).pw_name

#: What a machine's /etc/supervisor/supervisord.conf says, in short.
MAIN = """
[unix_http_server]
file={home}/supervisor.sock

[supervisord]
nodaemon=true
logfile={home}/supervisord.log
pidfile={home}/supervisord.pid
childlogdir={home}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {home}/etc/supervisor/conf.d/*.conf
"""

#: The provider takes so long to answer that there are requests in the air whenever something stops.
SLOW_ANSWERS = {"defaults": QUICK, "rules": [{"on": "place", "answer_after": 0.4}]}


class Supervised(Site):
    """A site whose scheduler, workers, HTTP and Flower are supervisord's."""

    def __init__(self, home: Path, ledger_url: str, scenario: dict[str, Any] | None = None) -> None:
        super().__init__(home, ledger_url, scenario or SLOW_ANSWERS)
        self.http_port, self.flower_port = free_port(), free_port()

    def __enter__(self) -> Self:
        super().__enter__()
        self._install()
        self._supervisord = self._stack.enter_context(self._running())
        transport: Any = SupervisorTransport(None, None, f"unix://{self.home}/supervisor.sock")
        self._rpc = self._stack.enter_context(ServerProxy("http://127.0.0.1", transport=transport))
        self.until(lambda: (self.home / "supervisor.sock").exists(), "supervisord")
        return self

    def names(self) -> list[str]:
        """Every process, group:name."""
        return [f"{row['group']}:{row['name']}" for row in self._processes()]

    def restart(self, name: str) -> None:
        """As `supervisorctl restart` does it, but without waiting the ten seconds that make it RUNNING."""
        self._rpc.supervisor.stopProcess(name, True)
        self._rpc.supervisor.startProcess(name, False)

    def is_up(self, name: str) -> bool:
        return str(self.process(name)["statename"]) in {"STARTING", "RUNNING"}

    def process(self, name: str) -> dict[str, Any]:
        row: Any = self._rpc.supervisor.getProcessInfo(name)
        return dict(row)

    def logged(self, name: str) -> str:
        path = Path(str(self.process(name)["stdout_logfile"]))
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _processes(self) -> list[dict[str, Any]]:
        rows: Any = self._rpc.supervisor.getAllProcessInfo()
        return list(rows)

    def _install(self) -> None:
        """As the guide says; the two ports are changed, for a test has no machine to itself."""
        etc = self.home / "etc" / "dialer"
        etc.mkdir(parents=True)
        (etc / "flower_basic_auth").write_text(f"{LOGIN}\n", encoding="utf-8")
        (self.home / "dialer.toml").rename(etc / "dialer.toml")
        os.environ["DIALER_CONFIG"] = str(etc / "dialer.toml")
        run = [str(BIN / "dialer"), "install-units", "--prefix", str(self.home), "--supervisor", "--user", WE]
        subprocess.run(run, check=True, capture_output=True, timeout=30)
        shipped = self.home / "etc" / "supervisor" / "conf.d" / "dialer.conf"
        text = shipped.read_text(encoding="utf-8")
        assert "--port 8080" in text
        shipped.write_text(text.replace("--port 8080", f"--port {self.http_port}"), encoding="utf-8")
        (self.home / "supervisord.conf").write_text(MAIN.format(home=self.home), encoding="utf-8")

    @contextmanager
    def _running(self) -> Iterator[Child]:
        os.environ["FLOWER_PORT"] = str(self.flower_port)
        command = [str(BIN / "supervisord"), "-c", str(self.home / "supervisord.conf")]
        child = Child("supervisord", command, lambda who, line: self.lines.append(f"{who} | {line}"), PATIENCE_SECONDS)
        child.start()
        try:
            yield child
        finally:
            os.environ.pop("FLOWER_PORT")
            child.end()
            child.wait()
