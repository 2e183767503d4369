"""The commented configuration that `dialer init` writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from dialer.errors import ConfigInvalid

SAMPLE_TOML: Final = """\
# Configuration of the dialer. Every key may also be set by a variable, which wins over this file, with `__` between
# levels: DIALER_DATABASE_URL, DIALER_PROVIDERS__INSPRA_AU__TOKEN, … Keep secrets out of version control.

# The ledger, where everything is kept: an SQLite file (its path relative to this file), or for more than one machine
# "postgresql://dialer:PASSWORD@db.internal/dialer".
database_url = "sqlite:///dialer.db"

# Queues, signals and limits. "embedded" = the one that `dialer up` starts; or "redis://redis.internal:6379/0".
redis_url = "embedded"

# The account that batches use which name none.
default_provider = "inspra_au"

# The timezone of numbers where neither call, batch nor the number itself tells one. Empty = reject such a number.
default_timezone = ""

# How well a number is checked: "possible" for its country, or "valid" (metadata may lag behind new ranges).
number_check = "possible"

# Hours in which anyone may be called at all, on the callee's own clock, whatever a batch says. Know your local law.
legal_hours = ["*|0800-2100"]

# Timezones left out of those a number may lie in while others remain (Australian mobiles).
ignore_zones = ["Indian/Cocos", "Indian/Christmas"]

# Numbers, in E.164, that a test call may reach outside hours: your own.
test_numbers = []

# Where the web reaches `dialer serve`, for providers' webhooks: "https://dialer.example". `dialer webhooks addresses`
# then says what to tell each provider.
public_url = ""

# Networks that agents' webhooks may be sent to besides the open internet, and by plain http: ["10.1.2.3", "fd00::/8"].
webhook_allow = []
# Who is told when an account stops, the dialer pauses a batch, credit is out, or no scheduler ticks: a URL that gets a
# JSON document by POST, and a program (full path and arguments) that gets it on its stdin.
alert_webhook = ""
alert_command = []

# One table for each provider account. Names are yours: a-z, 0-9 and _.
[providers.inspra_au]
kind = "inspra"                     # inspra | batch_call | outboundcalls | an adapter of your own
base_url = "https://inspra.example" # where its load-json lives
token = ""                          # bearer token, if yours needs one
calls_per_second = 5.0              # pace of new calls, over every worker on every host
channels = 50                       # calls in progress at once, likewise
deadline_seconds = 30.0             # one whole request
caller_id = ""                      # the number that callees see where a batch names none, E.164
webhook_secret = ""                 # last part of the path of its incoming webhooks
workspaces = []                     # who may use this account; empty = everyone
send_block_rules = true             # pass the batch's block rules on

# [providers.batch_call_us]
# kind = "batch_call"
# base_url = "http://localhost:8080"
# api_key = ""
# api_secret = ""

# [providers.outboundcalls]
# kind = "outboundcalls"
# base_url = "https://outboundcalls.ai/api/v1"
# api_key = "oc_live_…"
# minimum_balance = 25.0            # credits; below it nothing is placed
# phone_number_id = ""              # the number calls come from; empty = the provider chooses
# contact_list_id = ""              # needed for variables: they travel as a contact's customFields
# phone_numbers = {}                # caller ID -> phoneNumberId: {"+61387772586" = "clx…"}

# `dialer serve`, the HTTP API; `dialer up` runs it too. Beyond this machine put a proxy that speaks TLS in front.
[http]
host = "127.0.0.1"
port = 8080                         # 0 = any free one
requests_per_second = 100.0         # of each API key, over all servers together; 0 = no limit

# For tests and unusual providers.
# [timing]
# absent_seconds = 120              # a complete list that does not show a call this long after its request: no call
# give_up_seconds = 600             # an unknown without an answer for this long is unresolved
# heartbeat_seconds = 2
# dead_after_seconds = 10
"""


def write_sample(path: Path) -> None:
    """Write SAMPLE_TOML to a new file that only its owner may read; ConfigInvalid when there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigInvalid(f"{path}: exists already, and is left as it is") from None
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be written: {error.strerror or error}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(SAMPLE_TOML)
