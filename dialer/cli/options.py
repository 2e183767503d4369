"""Arguments and options that several commands share, with the checks that need nothing but the text."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from dialer.domain.fields import read_timestamp
from dialer.domain.phone import parse_phone
from dialer.errors import DialerError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="Batch id, or WORKSPACE/AGENT/REF.")]
WorkspaceOption = Annotated[str | None, typer.Option("--workspace", metavar="W", help="Workspace id.")]
OwnWorkspaceOption = Annotated[str, typer.Option("--workspace", metavar="W", help="Workspace that it belongs to.")]
CountryOption = Annotated[
    str | None,
    typer.Option("--country", metavar="CC", help="Accept national formats of this country too: two letters, e.g. AU."),
]


def one_of(word: str | None, words: list[str], option: str) -> str | None:
    """The word itself if it is one of them; a usage error with the nearest otherwise."""
    if word is None or word in words:
        return word
    near = get_close_matches(word, words, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(words)}"
    raise typer.BadParameter(f"{word!r}: {hint}", param_hint=option)


def phone_of(text: str, country: str | None = None) -> str:
    """E.164; a usage error otherwise."""
    try:
        return parse_phone(text, country=country)
    except DialerError as error:
        raise typer.BadParameter(str(error)) from None


def instant_of(text: str | None, option: str) -> datetime | None:
    """An instant with an offset, in UTC; a usage error otherwise."""
    if text is None:
        return None
    try:
        return read_timestamp(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(error.message(), param_hint=option) from None
