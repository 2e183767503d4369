"""The batch-call dialect's bodies as they are read, strictly, and its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from dialer.domain import fields
from dialer.domain.spec import Cli, Name, Retries, Spec, Zone
from dialer.domain.view import Stage
from dialer.errors import shown

MOST_TASKS: Final = 1000
LONGEST_PAGE: Final = 100
#: So that an offset still is a number for every database.
LAST_PAGE: Final = 1_000_000
#: Epoch numbers below are seconds (this is 1973 in milliseconds, and the year 5138 in seconds).
FIRST_MILLISECOND: Final = 100_000_000_000
#: The year 3000.
LAST_MILLISECOND: Final = 32_503_680_000_000

#: What can be a name at all: no control characters, and not blanks alone (those of Unicode, as Python strips them).
_BLANK: Final = r"\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
PRINTABLE: Final = rf"^[^\x00-\x1f]*[^{_BLANK}][^\x00-\x1f]*$"
#: Of a name that `read_name` judges: pydantic leaves the pattern of a field with a reader of its own out of the schema.
NAME_SCHEMA: Final[JsonDict] = {"pattern": PRINTABLE}

#: As far as a schema can tell.
PHONE_SCHEMA: Final[JsonDict] = {"type": "string", "minLength": 3, "maxLength": 64, "pattern": r"^ *\+[0-9 ().-]+$"}

_AGENT: Final = "agent_7ff47846-c8a0-4304-ae13-88cfc31c1a03"
_ID: Final = "batch_call_01a205b3d00070008000122b945534ea"
_STATUSES = Literal["draft", "scheduled", "sent", "completed", "failed"]
#: null counts as left out.
_COUNT_OR_NULL: Final[JsonDict] = {"type": ["integer", "null"]}
_INSTANT: Final = "Unix timestamp in milliseconds."


def read_milliseconds(value: object) -> datetime:
    """A Unix timestamp in milliseconds; one that is too small is likely to be in seconds, and says so."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise fields.wrong("TIMESTAMP_INVALID", f"expected a Unix timestamp in milliseconds, got {shown(value)}")
    if 0 <= value < FIRST_MILLISECOND:
        hint = f"that looks like seconds: did you mean {value * 1000}?"
        raise fields.wrong("TIMESTAMP_INVALID", f"expected a Unix timestamp in milliseconds, got {value}: {hint}")
    if not FIRST_MILLISECOND <= value <= LAST_MILLISECOND:
        raise fields.wrong("TIMESTAMP_INVALID", f"expected milliseconds before the year 3000, got {shown(value)}")
    return datetime.fromtimestamp(value / 1000, UTC)


def read_count(least: int, most: int) -> BeforeValidator:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise fields.wrong("FIELD_TYPE", f"expected a whole number from {least} to {most}, got {shown(value)}")
        return value

    return BeforeValidator(read)


def read_tasks(value: object) -> list[Any]:
    found = fields.read_rows(value)
    if not 1 <= len(found) <= MOST_TASKS:
        raise fields.wrong("FIELD_TOO_LONG", f"expected 1 to {MOST_TASKS} elements, got {len(found)}")
    return found


class _Body(Spec):
    """This API writes its names with underscores."""

    model_config = ConfigDict(alias_generator=None)
    rule_fields: ClassVar[tuple[str, ...]] = ()


Title = Annotated[
    Name, Field(min_length=1, max_length=255, json_schema_extra=NAME_SCHEMA, examples=["Q1 Sales Campaign"])
]
AgentId = Annotated[Name, Field(min_length=1, max_length=255, json_schema_extra=NAME_SCHEMA, examples=[_AGENT])]
Milliseconds = Annotated[
    datetime,
    BeforeValidator(read_milliseconds),
    WithJsonSchema({"type": "integer", "minimum": FIRST_MILLISECOND, "maximum": LAST_MILLISECOND}),
]
ZoneName = Annotated[Zone, WithJsonSchema({"type": "string", "format": "iana-timezone"})]
FirstStatus = Annotated[str, fields.one_of("draft", "scheduled", "sent")]


ItemId = Annotated[str, Path(description="The batch's id; its prefix may be left out.", examples=[_ID])]


After = Annotated[
    str | None,
    Query(
        max_length=255,
        description="The last task_id seen, to go on from.",
        examples=["01a205b3-d000-7000-8000-122b945534ea"],
    ),
]


class NewTask(_Body):
    """One number to call. The number is judged with the whole batch."""

    to_number: Any = Field(json_schema_extra=PHONE_SCHEMA, description="The callee, E.164.", examples=["+12137774445"])
    dynamic_variables: Any = Field(
        None,
        json_schema_extra={"type": ["object", "null"]},
        description="For the agent: any object, at most 5 KB of JSON.",
        examples=[{"first_name": "John", "last_name": "Doe", "company": "Acme Corp"}],
    )
    max_retries: Annotated[Retries, Field(ge=0, le=20)] | None = Field(
        None, description="Dials after the first; absent = none.", examples=[3]
    )


_TASKS_SCHEMA: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TASKS,
    "items": NewTask.model_json_schema(),
}


class NewBatchCall(_Body):
    """A list of up to 1000 numbers, taken whole or not at all."""

    from_number: Cli = Field(
        None,
        description="Caller ID, E.164; absent = the agent's own, else its account's; without any it is refused.",
        examples=["+14157774444"],
    )
    tasks: Annotated[list[Any], BeforeValidator(read_tasks), WithJsonSchema(_TASKS_SCHEMA)] = Field(
        description="1 to 1000 numbers; the same number twice is one call.", examples=[[{"to_number": "+12137774445"}]]
    )
    name: Title = Field(description="A title for people, at most 255 characters; need not be unique.")
    trigger_timestamp: Milliseconds | None = Field(
        None, description=f"When it begins; absent or past = due now. {_INSTANT}", examples=[1798758000000]
    )
    agent_id: AgentId = Field(description="A registered agent, or the id that the default account's provider knows.")
    timezone: ZoneName | None = Field(
        None,
        description="IANA; counts for numbers that lie in no known zone. Absent = each number's own.",
        examples=["America/New_York"],
    )
    status: FirstStatus | None = Field(
        None,
        json_schema_extra={"enum": ["draft", "scheduled", "sent", None]},
        description="draft: begins when it is executed. scheduled: begins at trigger_timestamp. sent: begins now. "
        "Absent: scheduled where trigger_timestamp lies ahead, else sent.",
        examples=["draft"],
    )
    send_now: Annotated[bool, BeforeValidator(fields.read_flag)] | None = Field(
        None, description="Begin now, whatever status and trigger_timestamp say.", examples=[False]
    )


class BatchCallEdit(_Body):
    """What is left out stays as it is."""

    name: Title | None = Field(None, description="A title for people.", examples=["Q2 Sales Campaign"])
    status: FirstStatus | None = Field(
        None,
        json_schema_extra={"enum": ["draft", "scheduled", "sent", None]},
        description="sent: begin now. scheduled: begin at trigger_timestamp. draft: take it back from the schedule.",
        examples=["scheduled"],
    )
    trigger_timestamp: Milliseconds | None = Field(
        None, description=f"When it begins; past = due now. {_INSTANT}", examples=[1798758000000]
    )
    timezone: ZoneName | None = Field(
        None, description="IANA; of a batch that has not begun.", examples=["America/New_York"]
    )


class ListWanted(_Body):
    """Which batches: newest first, page by page."""

    page: Annotated[int, read_count(0, LAST_PAGE)] = Field(
        0, ge=0, le=LAST_PAGE, json_schema_extra=_COUNT_OR_NULL, description="From 0.", examples=[0]
    )
    limit: Annotated[int, read_count(1, LONGEST_PAGE)] = Field(
        LONGEST_PAGE,
        ge=1,
        le=LONGEST_PAGE,
        json_schema_extra=_COUNT_OR_NULL,
        description="Batches on a page.",
        examples=[20],
    )
    sort_by: Annotated[str, fields.one_of("created_timestamp")] = Field(
        "created_timestamp",
        json_schema_extra={"type": ["string", "null"], "enum": ["created_timestamp", None]},
        description="When it was made.",
        examples=["created_timestamp"],
    )
    sort_order: Annotated[str, fields.one_of("asc", "desc")] = Field(
        "desc",
        json_schema_extra={"type": ["string", "null"], "enum": ["asc", "desc", None]},
        description="desc = newest first.",
        examples=["desc"],
    )
    status: Annotated[str, fields.one_of(*Stage)] | None = Field(
        None,
        json_schema_extra={"enum": [*map(str, Stage), None]},
        description="Only batches of this status.",
        examples=["scheduled"],
    )
    agent_id: AgentId | None = Field(None, description="Only batches of this agent.", examples=[_AGENT])
    name: Title | None = Field(None, description="Only batches of just this name.", examples=["Q1 Sales Campaign"])


class ListQuery(BaseModel):
    """The same as a query's words, which all are text."""

    model_config = ConfigDict(extra="forbid")

    page: int = Field(0, ge=0, le=LAST_PAGE, description="From 0.", examples=[0])
    limit: int = Field(LONGEST_PAGE, ge=1, le=LONGEST_PAGE, description="Batches on a page.", examples=[20])
    sort_by: Literal["created_timestamp"] = Field(
        "created_timestamp", description="When it was made.", examples=["created_timestamp"]
    )
    sort_order: Literal["asc", "desc"] = Field("desc", description="desc = newest first.", examples=["desc"])
    status: _STATUSES | None = Field(None, description="Only batches of this status.", examples=["scheduled"])
    agent_id: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="Only batches of this agent.",
        examples=[_AGENT],
    )
    name: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="Only batches of just this name.",
        examples=["Q1 Sales Campaign"],
    )


class AccessInfo(BaseModel):
    """Who has access."""

    user_id: str = Field(description="The workspace of the key.", examples=["acme"])
    session_id: str = Field(description="The name under which the dialer's commands know the batch.", examples=["b-1"])


class BatchCall(BaseModel):
    """A batch, with counters from the ledger."""

    batch_call_id: str = Field(description="Its id.", examples=[_ID])
    name: str = Field(description="A title for people.", examples=["Q1 Sales Campaign"])
    from_number: str | None = Field(description="Caller ID, E.164.", examples=["+14157774444"])
    scheduled_timestamp: int = Field(description=f"When it begins, or began. {_INSTANT}", examples=[1798758000000])
    total_task_count: int = Field(description="Calls.", examples=[1])
    total: int = Field(description="Calls; the same as total_task_count.", examples=[1])
    sent: int = Field(description="Calls that a request to the provider was made for, or may have been.", examples=[0])
    picked_up: int = Field(description="Calls that somebody answered.", examples=[0])
    completed: int = Field(
        description="Calls that are over. Where nobody can tell how a call ended (its provider reports no outcome, or "
        "could not say) it is not counted here.",
        examples=[0],
    )
    agent_id: str = Field(description="The agent.", examples=[_AGENT])
    organization_id: str = Field(description="The workspace.", examples=["e3yn0c4mivqs8y4yhb5k"])
    status: _STATUSES = Field(
        description="draft, scheduled, sent (begun; also while nobody can tell how some calls ended), completed (every "
        "call is over) or failed (terminated).",
        examples=["draft"],
    )
    timezone: str = Field(description="IANA; UTC where none was given.", examples=["America/New_York"])
    last_sent_timestamp: int | None = Field(
        description=f"The latest request to the provider; null before the first. {_INSTANT}", examples=[None]
    )
    tasks_url: str = Field(description="Where its tasks are.", examples=[f"/batch-call/{_ID}/tasks"])
    created_timestamp: int = Field(description=f"When it was made. {_INSTANT}", examples=[1798758000000])
    access_info: AccessInfo


class Task(BaseModel):
    """One call of a batch."""

    task_id: str = Field(description="Its id.", examples=["01a205b3-d000-7000-8000-122b945534ea"])
    to_number: str = Field(description="The callee, E.164.", examples=["+12137774445"])
    status: Literal["PENDING", "CALLING", "COMPLETED", "FAILED"] = Field(
        description="PENDING: not dialed yet, or waiting for a retry. CALLING: with the provider, also where nobody "
        "can tell how it ended. COMPLETED: answered. FAILED: over without an answer.",
        examples=["PENDING"],
    )
    call_id: str | None = Field(
        description="The provider's id of the latest call; null before the first.", examples=["call_1"]
    )
    error_message: str | None = Field(description="Why it failed, or what is not known of it.", examples=["no answer"])
    attempts: int = Field(description="Requests to the provider so far.", examples=[0])


class _Envelope(BaseModel):
    message: str = Field(description="What was done, for people.", examples=["Batch call created successfully"])
    status: Literal["success"] = Field("success", description="Always this.", examples=["success"])
    error: None = Field(None, description="Always null.", examples=[None])


class OneBatchCall(_Envelope):
    data: BatchCall


class BatchCallPage(BaseModel):
    """A page of batches."""

    batch_calls: list[BatchCall] = Field(description="At most `limit` of them.", examples=[[]])
    total: int = Field(description="Batches on all pages.", examples=[1])
    page: int = Field(description="This one, from 0.", examples=[0])
    limit: int = Field(description="Batches on a page.", examples=[100])


class ManyBatchCalls(_Envelope):
    data: BatchCallPage


class ManyTasks(_Envelope):
    data: list[Task] = Field(
        description="At most `limit` of them, in the order in which they were given.", examples=[[]]
    )


class BatchCallError(BaseModel):
    """What is wrong, all of it in one line."""

    message: str = Field(
        description="Each mistake, beginning with its field.",
        examples=["tasks[0].to_number: expected E.164 such as +61387772586"],
    )
    status: Literal["error"] = Field("error", description="Always this.", examples=["error"])
    error: str = Field(description="Stable code of the first mistake.", examples=["PHONE_NOT_E164"])


SEED: Final = {
    "from_number": "+14157774444",
    "tasks": [
        {
            "to_number": "+12137774445",
            "dynamic_variables": {"first_name": "John", "last_name": "Doe", "company": "Acme Corp"},
            "max_retries": 3,
        }
    ],
    "name": "Q1 Sales Campaign",
    "trigger_timestamp": 1735718400000,
    "agent_id": _AGENT,
    "timezone": "America/New_York",
    "status": "draft",
    "send_now": False,
}
