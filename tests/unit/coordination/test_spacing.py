"""How far start instants lie apart."""

from __future__ import annotations

import pytest

from dialer.coordination.admission import spacing_micros


@pytest.mark.parametrize(
    ("rate", "micros"), [(0.1, 10_000_000), (1, 1_000_000), (3, 333_334), (5, 200_000), (300, 3_334), (1e6, 1)]
)
def test_a_start_is_rather_late_than_early(rate: float, micros: int) -> None:
    assert spacing_micros(rate) == micros
