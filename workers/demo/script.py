"""What the demo dials and what its providers play: sample batches on numbers that are reserved for films."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from dialer.errors import InvalidInput

WORKSPACE = "demo"
DO_NOT_CALL = "asked not to be called"
MOST_CALLS = 30_000
#: American area codes, each with the hundred numbers 555-0100 to 555-0199
_AREAS = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 "
    "251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 "
    "317 318 319 320 321 323 325 330 334 336 337 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 "
    "412 413 414 415 417 419 423 424 425 432 434 435 440 443 478 479 480 484 501 502 503 "
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One batch of the demo and the account that dials it."""

    account: str
    kind: str
    agent_id: str
    batch_ref: str
    phones: tuple[str, ...] = ()
    #: where the numbers themselves do not tell: British film numbers lie in no range that anybody was given
    timezone: str | None = None

    @property
    def suppressed(self) -> tuple[str, ...]:
        """Numbers that are put on the do-not-call list first."""
        return self.phones[10:11]

    def spec(self) -> dict[str, Any]:
        """As a user would write it, in the words of the seed's load-json."""
        return {
            "workspaceId": WORKSPACE,
            "agentId": self.agent_id,
            "batchRef": self.batch_ref,
            "provider": self.account,
            "callList": [{"phone": phone, "variables": {"greeting": "Hello"}} for phone in self.phones],
            "timezone": self.timezone,
            "maxRetries": 1,
            # Seconds instead of minutes, so that a demo sees the second attempt too.
            "retry": {"noAnswer": 1, "busy": 1, "failed": 1},
        }


def scenes(calls: int) -> list[Scene]:
    """Three batches that share `calls` numbers; InvalidInput when there are not so many film numbers."""
    if not 1 <= calls <= MOST_CALLS:
        raise InvalidInput(f"--calls: expected 1 to {MOST_CALLS}, got {calls}")
    shares = [calls // 3 + (place < calls % 3) for place in range(3)]
    parts = [
        (Scene("sample_inspra", "inspra", "agent-survey", "survey-2026"), australian()),
        (Scene("sample_batch_call", "batch_call", "agent-reminder", "reminders-2026"), american()),
        (
            Scene("sample_outbound", "outboundcalls", "agent-renewal", "renewals-2026", timezone="Europe/London"),
            british(),
        ),
    ]
    cast = zip(parts, shares, strict=True)
    return [replace(scene, phones=tuple(islice(numbers, share))) for (scene, numbers), share in cast if share]


def australian() -> Iterator[str]:
    """(02) 5550 0000 and on."""
    for area in (2, 3, 7, 8):
        for line in range(10_000):
            yield f"+61{area}5550{line:04}"


def american() -> Iterator[str]:
    """(202) 555-0100 and on."""
    for line in range(100, 198):  # 198 and 199 are the caller ID and the test call
        for area in _AREAS.split():
            yield f"+1{area}5550{line}"


def british() -> Iterator[str]:
    """020 7946 0000 and on, then other cities."""
    for line in range(1000):
        yield f"+442079460{line:03}"
    for city in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161):
        for line in range(1000):
            yield f"+44{city}4960{line:03}"


#: Nobody's: the demo's test call goes here.
TEST_PHONE = "+12025550199"


def scenario(cast: list[Scene]) -> dict[str, Any]:
    """Short calls of every outcome, and the faults that a provider has on a bad day, each on a number of its own."""
    return {
        "seed": 2026,
        "defaults": {
            "outcome": {"answered": 6, "no_answer": 2, "busy": 1, "voicemail": 1, "declined": 0.5, "failed": 0.5},
            "answer_after": [0.02, 0.1],
            "ring_seconds": [0.2, 0.6],
            "talk_seconds": [0.3, 1.0],
        },
        "rules": [rule for scene in cast for rule in _faults(scene)],
    }


def _faults(scene: Scene) -> Iterator[dict[str, Any]]:
    """By place in the batch. What was placed all the same must be found by asking, and not dialed again on a guess."""
    played: dict[int, Any] = {
        3: {"status": 502, "placed": True},  # the answer hides a call that rings
        5: "timeout",  # likewise, and it takes the whole deadline
        7: {"status": 429, "retry_after": 1},  # the whole account waits a second
        8: "reset_before",  # nothing was done, but who can tell
        9: 422,  # this number, for good
    }
    if scene.kind == "inspra":
        del played[5], played[8]  # this one cannot be asked: each such number would end unresolved
    for place, fault in played.items():
        if place < len(scene.phones):
            first = {} if fault == 422 else {"nth": 1}
            yield {"phone": scene.phones[place], "dialect": scene.kind, "fault": fault, **first}


def configuration(simulator: str, calls: int) -> str:
    """The dialer.toml of the demo: one account of each kind, quick, and patient for seconds instead of minutes."""
    pace = f"calls_per_second = {max(20.0, calls / 30)}\nchannels = {max(60, calls // 4)}\ndeadline_seconds = 3.0"
    return f"""
default_provider = "sample_batch_call"

[providers.sample_inspra]
kind = "inspra"
base_url = "{simulator}/inspra"
caller_id = "+61255509999"
{pace}

[providers.sample_batch_call]
kind = "batch_call"
base_url = "{simulator}/batch_call"
api_key = "demo-key"
api_secret = "demo-secret"
caller_id = "+12025550198"
{pace}

[providers.sample_outbound]
kind = "outboundcalls"
base_url = "{simulator}/outboundcalls"
api_key = "oc_demo"
{pace}

[timing]
absent_seconds = 3.0
give_up_seconds = 4.0
heartbeat_seconds = 0.5
dead_after_seconds = 3.0
"""
