"""What a library does not get while it is imported, and who has it all the same."""

from __future__ import annotations

import sys

import pytest

from dialer.lean import without


def test_what_is_left_out_cannot_be_imported_until_the_library_is_in() -> None:
    sys.modules.pop("colorsys", None)
    with without("colorsys"), pytest.raises(ModuleNotFoundError):
        import colorsys
    import colorsys

    assert colorsys.rgb_to_hls(1, 1, 1) == (0.0, 1.0, 0.0)


def test_who_has_it_keeps_it() -> None:
    with without("json"):
        import json

        assert sys.modules["json"] is json
    assert sys.modules["json"] is json
