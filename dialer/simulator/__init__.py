"""A provider that rings nobody: three dialects on one port, scripted by number, and the auditor of what it was sent."""

from __future__ import annotations

from dialer.simulator.running import Simulator, main
from dialer.simulator.scenario import Scenario

__all__ = ["Scenario", "Simulator", "main"]
