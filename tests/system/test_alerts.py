"""A scheduler that is lost: the workers notice and call somebody, once, and once more when one is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dialer.ledger import migrate
from tests.system.site import Site, kill

#: Of the site's `dead_after_seconds`, and a look of each worker every five seconds.
PATIENCE = 30.0


class PagedSite(Site):
    """Its alarm appends to a file."""

    @property
    def heard(self) -> list[dict[str, Any]]:
        path = self.home / "heard"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def before_it_opens(self) -> None:
        migrate(self._ledger_url)
        config = self.home / "dialer.toml"
        command = json.dumps(["/bin/sh", "-c", f"cat >> {self.home / 'heard'}"])
        config.write_text(f"alert_command = {command}\n{config.read_text()}")


def test_the_workers_tell_of_a_lost_scheduler_once_and_of_its_return_once(tmp_path: Path) -> None:
    with PagedSite(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}") as site:
        scheduler = site.schedule()
        for _ in range(2):
            site.hire(slots=1)
        site.until(lambda: site.dialer.upkeep.workers() != [], "the workers")
        # Not merely a leader: a ledger on which none has ever ticked has lost none.
        site.until(lambda: site.dialer.upkeep.glance().is_ticking, "a tick")
        kill(scheduler)
        site.until(lambda: site.heard != [], "the alert", seconds=PATIENCE)
        site.schedule()
        site.until(lambda: len(site.heard) == 2, "the end of it", seconds=PATIENCE)
        assert [(each["event"], each["kind"]) for each in site.heard] == [
            ("began", "scheduler_lost"),
            ("over", "scheduler_lost"),
        ]
        assert "no scheduler has ticked since" in site.heard[0]["detail"]
