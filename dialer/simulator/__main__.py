"""Reads the arguments of `python -m dialer.simulator`; what they mean is decided in `running` and `scenario`."""

from __future__ import annotations

import argparse
import sys

from dialer.errors import DialerError
from dialer.simulator.running import main


def command() -> int:
    parser = argparse.ArgumentParser(prog="dialer simulator", description="A provider simulator that rings nobody.")
    parser.add_argument("--port", type=int, default=8099, help="0 takes a free one (default: 8099)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--scenario", help="JSON file that scripts outcomes and faults, see docs/simulator.md")
    parser.add_argument("--log", help="file that gets every request as a line of JSON, appended at once")
    given = parser.parse_args()
    try:
        main(given.port, given.scenario, given.log, given.host)
    except DialerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(command())
