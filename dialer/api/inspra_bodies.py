"""What the OpenAPI document says of Inspra's bodies. They are judged by `dialer.domain.spec`, not by these."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from dialer.api.batch_call_bodies import PRINTABLE
from dialer.domain.spec import TEMPLATE_REF_LIMIT

RULE: Final = "Mon-Fri|0800-1600"
_INSTANT: Final = "ISO 8601 with an offset; Z counts."


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class BatchNamed(_Body):
    """A batch, by the name that its load-json gave it."""

    workspace_id: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="The key's workspace; may be left out.",
        examples=["acme"],
    )
    agent_id: str = Field(
        min_length=1, max_length=255, pattern=PRINTABLE, description="The agent's id.", examples=["agent-7"]
    )
    batch_ref: str = Field(
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="The batch's name, unique for workspace and agent.",
        examples=["spring"],
    )


class Callee(_Body):
    """One number to call."""

    phone: str = Field(
        description="E.164; blanks and -(). are dropped. A number that cannot be dialed rejects itself, not the batch.",
        examples=["+61278132035"],
    )
    variables: dict[str, Any] | None = Field(
        None, description="For the agent; at most 5 KB of JSON.", examples=[{"FIRST_NAME": "Kushal"}]
    )
    timezone: str | None = Field(
        None, description="Of the callee, IANA; beats the batch's.", examples=["Australia/Melbourne"]
    )
    max_retries: int | None = Field(
        None, ge=0, le=20, description="Dials after the first; beats the batch's.", examples=[2]
    )
    priority: Literal["high", "normal", "low"] | None = Field(
        None, description="high, normal or low; beats the batch's.", examples=["normal"]
    )


class _Window(_Body):
    cli: str | None = Field(
        None, description="Caller ID, E.164; absent = the agent's, else its account's.", examples=["+61387772586"]
    )
    nbf: str | None = Field(
        None, description=f"Not before; absent = now. {_INSTANT}", examples=["2027-01-04T10:58:00.001Z"]
    )
    exp: str | None = Field(
        None,
        description=f"Expiry, exclusive; absent = 30 days after nbf. {_INSTANT}",
        examples=["2027-01-19T08:04:00.000Z"],
    )
    block_rules: list[str] | None = Field(
        None,
        max_length=64,
        description="When dialing is forbidden, DAYS|HHMM-HHMM on the callee's own clock.",
        examples=[[RULE]],
    )
    timezone: str | None = Field(
        None, description="Of the rules, IANA; absent = the numbers' own.", examples=["Australia/Melbourne"]
    )
    provider: str | None = Field(
        None,
        max_length=255,
        pattern=PRINTABLE,
        description="Provider account; absent = the agent's, else the default.",
        examples=["inspra_au"],
    )


#: A recurring batch needs a clock, and room in its name for each run's.
_CRON: Final[JsonDict] = {
    "if": {"properties": {"cron": {"type": "string"}}, "required": ["cron"]},
    "then": {
        "properties": {"timezone": {"type": "string"}, "batchRef": {"maxLength": TEMPLATE_REF_LIMIT}},
        "required": ["timezone"],
    },
}


class LoadJson(BatchNamed, _Window):
    """A batch, or numbers for one; fields left out of a repeated load stay as they are. It resumes what was paused."""

    model_config = ConfigDict(json_schema_extra=_CRON)

    call_list: list[Callee] = Field(
        [],
        description="New numbers are added, known ones left as they are; empty = change the batch only.",
        examples=[[{"phone": "+61278132035", "variables": {"FIRST_NAME": "Kushal"}}]],
    )
    calling_hours: list[str] | None = Field(
        None,
        max_length=64,
        description="When dialing is allowed; the grammar of blockRules.",
        examples=[["*|0900-2000"]],
    )
    name: str | None = Field(
        None, max_length=255, pattern=PRINTABLE, description="A title for people.", examples=["Spring survey"]
    )
    max_retries: int | None = Field(None, ge=0, le=20, description="Dials after the first.", examples=[2])
    retry: dict[str, float | str | None] | None = Field(
        None,
        description="Delay after each outcome (noAnswer, busy, voicemail, failed, declined): seconds, or an ISO 8601 "
        "duration; null = never.",
        examples=[{"noAnswer": "PT30M", "busy": 600}],
    )
    priority: Literal["high", "normal", "low"] | None = Field(
        None, description="high, normal or low.", examples=["normal"]
    )
    status: Literal["scheduled", "draft"] | None = Field(
        None, description="scheduled, or draft: a new batch that waits to be started.", examples=["scheduled"]
    )
    cron: str | None = Field(
        None,
        description="Five fields on the clock of timezone: the load is a template, dialed anew at each occurrence.",
        examples=["0 9 * * Mon"],
    )
    on_unknown: Literal["hold", "redial"] | None = Field(
        None, description="hold, or redial where the provider knows idempotency keys.", examples=["hold"]
    )
    max_call_seconds: float | None = Field(
        None, ge=1, le=86_400, description="Seconds after which a call without news is unresolved.", examples=[7200]
    )


class TestCall(_Window):
    """One call, before all others, gated like any other."""

    __test__ = False  # not for pytest

    workspace_id: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="The key's workspace; may be left out.",
        examples=["acme"],
    )
    agent_id: str = Field(
        min_length=1, max_length=255, pattern=PRINTABLE, description="The agent's id.", examples=["agent-7"]
    )
    batch_ref: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="A name for pause and terminate.",
        examples=["batchtest-1"],
    )
    phone: str = Field(description="E.164; blanks and -(). are dropped.", examples=["+61278132035"])
    variables: dict[str, Any] | None = Field(
        None, description="For the agent; at most 5 KB of JSON.", examples=[{"FIRST_NAME": "Kushal"}]
    )
    ignore_hours: bool | None = Field(
        None, description="Dial outside hours; only the configuration's test_numbers may.", examples=[False]
    )


BATCH: Final = {"workspaceId": "acme", "agentId": "agent-7", "batchRef": "spring"}
LOAD: Final = {
    "agentId": "agent-7",
    "workspaceId": "acme",
    "batchRef": "spring",
    "cli": "+61387772586",
    "callList": [{"phone": "+61278132035", "variables": {"FIRST_NAME": "Kushal"}}],
    "nbf": "2027-01-04T10:58:00.001Z",
    "exp": "2027-01-19T08:04:00.000Z",
    "blockRules": ["Mon-Fri|0800-1600", "Sun|0000-2400"],
}
TEST: Final = {
    "agentId": "0a85ad54-ae4c-44de-b149-079069ca04f5",
    "workspaceId": "O8K5OFUtWa0CKBbC2pGC",
    "batchRef": "batchtest-7897766006555",
    "cli": "+61387772586",
    "nbf": "2027-01-04T10:58:00.001Z",
    "exp": "2027-01-19T08:04:00.000Z",
    "blockRules": ["Mon-Fri|0800-1600"],
    "phone": "+61278132035",
    "variables": {
        "FIRST_NAME": "Kushal",
        "LAST_NAME": "CARAH",
        "COMPANY_NAME": "TASH CARAH PHOTOGRAPHY",
        "STATE": "VIC",
        "INDUSTRY": "",
        "ADDRESS": "18 Progress St",
        "CITY": "Mornington Peninsula",
        "POST_CODE": "3931",
    },
}
