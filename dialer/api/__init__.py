"""The seeds' own APIs, served: routes parse and render, one small file for each dialect; the engine does the work."""

from __future__ import annotations

from dialer.api.app import create_app

__all__ = ["create_app"]
