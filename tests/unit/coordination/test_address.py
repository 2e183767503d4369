"""What of a Redis url may be shown."""

from __future__ import annotations

import pytest

from dialer.coordination.connection import address_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://ada:s3cret@h:6379/2", "redis://h:6379/2"),
        ("rediss://:s3cret@h", "rediss://h"),
        ("redis://h:6379/0?password=s3cret", "redis://h:6379/0"),
        ("redis://h/0/s3cret@x", "redis://h"),
        ("unix://:s3cret@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_user_password_and_options_are_left_out(url: str, shown: str) -> None:
    assert address_of(url) == shown
