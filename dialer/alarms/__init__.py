"""Ways of calling whoever runs the dialer: a webhook of theirs, a program of theirs. When to, is the engine's."""

from __future__ import annotations

from dialer.alarms.command import CommandAlarm
from dialer.alarms.webhook import WebhookAlarm

__all__ = ["CommandAlarm", "WebhookAlarm"]
