"""The `dialer` command: what people type; it says what the facade answers, and decides nothing itself."""

from dialer.cli.entry import app, main

__all__ = ["app", "main"]
