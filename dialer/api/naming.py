"""Tells what is wrong in the words of the dialect that was spoken: its names of fields instead of the engine's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from dialer.errors import LoadRefused

_UNSAID = re.compile(r"^\[\d+\]\.")
_PLACE = re.compile(r"\.(\d+)(?=\.|$)")


@contextmanager
def in_words_of(names: Mapping[str, str]) -> Iterator[None]:
    """What a LoadRefused in here names is renamed, part by part: `call_list.3.phone` becomes `tasks[3].to_number`.

    A list that this dialect does not have is named "": then its place goes without saying.
    """
    try:
        yield
    except LoadRefused as refused:
        raise LoadRefused([replace(one, field=_renamed(one.field, names)) for one in refused.errors]) from None


def _renamed(field: str, names: Mapping[str, str]) -> str:
    spelled = ".".join(names.get(part, part) for part in field.split("."))
    return _UNSAID.sub("", _PLACE.sub(r"[\1]", spelled))
