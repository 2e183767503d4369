"""What becomes of all that goes wrong in a command: clear lines on stderr and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from dialer.cli.desk import Desk
from dialer.cli.render import print_json, printable
from dialer.errors import ConfigInvalid, DialerError, InvalidInput, LoadRefused
from dialer.saying import say
from dialer.settings import is_debugging

FAILED, REFUSED = 1, 2
#: what shells report for a program that SIGINT or SIGPIPE ended
INTERRUPTED, NOBODY_READS = 130, 141

#: typer's click, whichever that is: newer versions bring their own
_ClickException: Any = typer.BadParameter.__mro__[2]


class CarefulGroup(TyperGroup):
    """The top of the command line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; ends the process with the command's exit code."""
        desk: Desk = extra.setdefault("obj", Desk())
        _take_any_character()
        code = _exit_code(desk, lambda: super(CarefulGroup, self).main(args, prog_name, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # else the interpreter would say so when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(NOBODY_READS) from None
        return answer


def _exit_code(desk: Desk, run: Callable[[], Any]) -> int:
    try:
        code = run()
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except _ClickException as error:
        return _say_usage(error)
    except DialerError as error:
        return _say(desk, error)
    except Exception as error:  # noqa: BLE001 the last resort: people at a terminal get a line, not a traceback
        return _say_unexpected(error)
    return code if isinstance(code, int) else 0


def exit_code_of(error: DialerError) -> int:
    """2 = whoever typed must change something; 1 = it may work later, or there is no such thing."""
    return REFUSED if isinstance(error, InvalidInput | ConfigInvalid) else FAILED


def lines_of(error: DialerError) -> list[str]:
    """One line for each thing that is wrong, each beginning with its code."""
    if isinstance(error, LoadRefused) and error.errors:
        return [str(one) for one in error.errors]
    return [f"{error.code}: {line}" for line in error.message.splitlines() if line.strip()]


def complain(text: str) -> None:
    """One line on stderr, whatever is in the text."""
    say(printable(text))


def _say(desk: Desk, error: DialerError) -> int:
    for line in lines_of(error):
        complain(line)
    if desk.as_json:
        print_json({"errors": _error_records(error)})
    return exit_code_of(error)


def _error_records(error: DialerError) -> list[dict[str, Any]]:
    if isinstance(error, LoadRefused):
        return [
            {"code": one.code, "field": one.field, "value": one.value, "message": one.message} for one in error.errors
        ]
    return [{"code": error.code, "message": error.message}]


def _say_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    if message := error.format_message().strip():  # none where only the help was asked for, and shown
        complain(f"error: {message}")
    if context is not None:
        complain(f"see `{context.command_path} --help`")
    return REFUSED


def _say_unexpected(error: Exception) -> int:
    if is_debugging():
        raise error
    first_line = (str(error).strip() or "no details").splitlines()[0]
    complain(f"UNEXPECTED: {type(error).__name__}: {first_line:.300} (DIALER_DEBUG=1 shows where)")
    return FAILED


def _take_any_character() -> None:
    """A terminal without a sign for a character gets a substitute instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")
