"""Which versions `dialer check` warns of."""

from __future__ import annotations

import pytest

from dialer.coordination.connection import without_credentials
from dialer.coordination.faults import mended_in


@pytest.mark.parametrize(
    ("server", "version", "mended"),
    [
        ("redis", "7.2.10", "7.2.11"),
        ("redis", "7.2.11", None),
        ("redis", "7.0.15", "7.2.11"),  # a line that is mended no more: the next one
        ("redis", "6.0.20", "6.2.20"),
        ("redis", "8.6.2", "8.6.3"),
        ("redis", "9.0.0", None),  # younger than what we know of
        ("valkey", "9.1.0", "9.1.1"),
        ("valkey", "9.1.2", None),
        ("valkey", "8.0.8", "8.0.10"),
        ("dragonfly", "1.0.0", None),
        ("redis", "unstable", None),
    ],
)
def test_a_version_with_known_faults_is_told_where_they_are_mended(
    server: str, version: str, mended: str | None
) -> None:
    assert mended_in(server, version) == mended


@pytest.mark.parametrize(
    ("url", "stranger"),
    [
        ("redis://worker:s3cret@h:6379/0", "redis://h:6379/0"),
        ("rediss://:p%40ss@h/1?ssl_ca_certs=/x", "rediss://h/1?ssl_ca_certs=/x"),
        ("unix:///run/redis.sock?password=x&db=2", "unix:///run/redis.sock?db=2"),
        ("redis://h:6379/0", "redis://h:6379/0"),
    ],
)
def test_a_stranger_comes_to_the_same_door_without_name_or_password(url: str, stranger: str) -> None:
    assert without_credentials(url) == stranger
