"""Paths as clients write them, and as the log shows them."""

from __future__ import annotations

import pytest

from dialer.api.paths import straight
from workers.access import without_secrets


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/load-json", "/load-json"),
        ("//load-json", "/load-json"),
        ("////load-json", "/load-json"),
        ("/k/key//load-json", "/k/key/load-json"),
        ("//k/key//load-json", "/k/key/load-json"),
        ("/k//load-json", "/k//load-json"),
        ("/batch-call//1", "/batch-call//1"),
        ("/../load-json", "/../load-json"),
        ("/", "/"),
    ],
)
def test_only_leading_slashes_are_put_right(written: str, meant: str) -> None:
    assert straight(written) == meant


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/k/oc_live_abc/load-json", "/k/***/load-json"),
        ("//k//oc_live_abc//load-json", "//k//***//load-json"),
        ("/k/oc_live_abc", "/k/***"),
        ("/webhooks/main/s3cret", "/webhooks/main/***"),
        ("//webhooks/main//s3/c\nret", "//webhooks/main//***"),
        ("/webhooks/main", "/webhooks/main"),
        ("/batch-call/k/1", "/batch-call/k/1"),
    ],
)
def test_a_log_never_shows_a_key_of_a_path(path: str, shown: str) -> None:
    assert without_secrets(path) == shown
