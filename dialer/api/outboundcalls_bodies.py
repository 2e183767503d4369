"""The OutboundCalls dialect's bodies as they are read, strictly, and its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dialer.api.batch_call_bodies import NAME_SCHEMA, PHONE_SCHEMA, PRINTABLE
from dialer.domain.registration import ContactSpec, read_tags
from dialer.domain.spec import Name, Spec
from dialer.domain.view import CallStatus

_CALL: Final = "01a205b3-d000-7000-8000-122b945534ea"
_INSTANT: Final = "ISO 8601, UTC."

AgentQuery = Annotated[
    str | None,
    Query(
        alias="agentId",
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="Of this agent.",
        examples=["clxXXX"],
    ),
]
CampaignQuery = Annotated[
    str | None,
    Query(alias="campaignId", min_length=1, max_length=255, description="Of this campaign.", examples=[_CALL]),
]
StatusQuery = Annotated[CallStatus | None, Query(alias="status", description="Of this status.", examples=["completed"])]
ListQuery = Annotated[
    str | None,
    Query(
        alias="contactListId",
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="Of this contact list: its id, or its name.",
        examples=["spring"],
    ),
]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many, newest first.", examples=[50])]
ContactLimit = Annotated[int, Query(ge=1, le=500, description="At most so many, newest first.", examples=[50])]


AgentPath = Annotated[str, Path(description="The workspace's own id of it.", examples=["sales-au"])]
ItemPath = Annotated[str, Path(description="Its id.", examples=[_CALL])]
Text = Annotated[Name, Field(min_length=1, max_length=255, json_schema_extra=NAME_SCHEMA)]


class NewCall(Spec):
    """One call, at once."""

    agent_id: Text = Field(
        description="A registered agent, or the id that the default account's provider knows.",
        examples=["clxXXX"],
    )
    to_number: Any = Field(json_schema_extra=PHONE_SCHEMA, description="The callee, E.164.", examples=["+14155551212"])
    phone_number_id: Text | None = Field(
        None,
        description="The number to call from: an id of the account's phone_numbers, or E.164. Absent = the agent's "
        "caller ID, else the account's.",
        examples=["+14157774444"],
    )
    contact_id: Text | None = Field(
        None,
        description="A contact: what is known of it travels as the call's variables.",
        examples=["01a205b3-d000-7000-8000-0509d5ac88be"],
    )


class NewContact(ContactSpec):
    """A contact of a list. A number that the list has keeps its id and takes what is given anew."""

    contact_list_id: Text = Field(description="The list: its id, or its name.", examples=["spring"])
    phone: Any = Field(json_schema_extra=PHONE_SCHEMA, description="E.164.", examples=["+14155551212"])
    name: Text | None = Field(None, description="Who it is.", examples=["Jane Doe"])
    email: Text | None = Field(None, description="As it is, unchecked.", examples=["jane@example.com"])
    company: Text | None = Field(None, description="Where they work.", examples=["Acme Corp"])
    tags: Annotated[tuple[str, ...], BeforeValidator(read_tags)] = Field(
        (),
        json_schema_extra={
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PRINTABLE},
            "maxItems": 50,
        },
        description="At most 50 texts, each counted once.",
        examples=[["lead", "website"]],
    )
    custom_fields: Any = Field(
        None,
        json_schema_extra={"type": ["object", "null"]},
        description="Any object, at most 5 KB of JSON; travels as the variables of a call.",
        examples=[{"plan": "gold"}],
    )


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class User(_Answer):
    """Whose key it is."""

    id: str = Field(description="The workspace.", examples=["acme"])
    name: str = Field(description="The workspace.", examples=["acme"])


class Me(_Answer):
    """The account behind the key."""

    user: User
    credit_balance: float | None = Field(
        description="Credits of the provider account that dials by default, as read within the last minutes; null "
        "where it has no balance: unmetered.",
        examples=[250.0],
    )
    subscription: None = Field(None, description="There is none: always null.", examples=[None])


class AgentShown(_Answer):
    """A registered agent."""

    id: str = Field(description="The workspace's own id of it.", examples=["sales-au"])
    name: str = Field(description="A title for people.", examples=["Sales, Australia"])
    status: Literal["deployed", "undeployed"] = Field(
        description="undeployed: its provider account is not in the configuration.", examples=["deployed"]
    )
    account: str = Field(description="The provider account that dials for it.", examples=["outboundcalls"])
    provider_agent_id: str = Field(description="Its id there.", examples=["clxXXX"])
    caller_id: str | None = Field(description="E.164; null = its account's.", examples=["+14157774444"])
    webhook_url: str | None = Field(description="Told of every call that has ended.", examples=[None])
    created_at: datetime | None = Field(
        description=f"When it was registered. {_INSTANT}", examples=["2026-11-23T09:00:00Z"]
    )


class AgentList(_Answer):
    """Agents, by their ids."""

    agents: list[AgentShown] = Field(description="At most `limit` of them.", examples=[[]])


class ContactShown(_Answer):
    """A contact."""

    id: str = Field(description="Its id.", examples=["01a205b3-d000-7000-8000-0509d5ac88be"])
    contact_list_id: str = Field(description="Its list's id.", examples=["01a205b3-d000-7000-8000-0509d5ac88be"])
    phone: str = Field(description="E.164.", examples=["+14155551212"])
    name: str | None = Field(description="Who it is.", examples=["Jane Doe"])
    email: str | None = Field(description="As it was given.", examples=[None])
    company: str | None = Field(description="As it was given.", examples=[None])
    tags: list[str] = Field(description="Each once.", examples=[["lead", "website"]])
    custom_fields: dict[str, Any] = Field(description="Travels as variables.", examples=[{"plan": "gold"}])
    created_at: datetime | None = Field(
        description=f"When it came into the list. {_INSTANT}", examples=["2026-11-23T09:00:00Z"]
    )


class ContactPage(_Answer):
    """Contacts, newest first."""

    contacts: list[ContactShown] = Field(description="At most `limit` of them.", examples=[[]])


class CallShown(_Answer):
    """A call, with all that its provider told of it. What is not known, or not yet, is null."""

    id: str = Field(description="Its id.", examples=[_CALL])
    status: CallStatus = Field(
        description="queued, initiated (also: handed to a provider that reports no outcome), in_progress, unknown (the "
        "provider is being asked), unresolved (nobody could tell), completed, no_answer, busy, voicemail, declined, "
        "failed, or canceled (never dialed).",
        examples=["completed"],
    )
    agent_id: str = Field(description="The agent.", examples=["clxXXX"])
    to_number: str = Field(description="The callee, E.164.", examples=["+14155551212"])
    from_number: str | None = Field(description="The caller ID, E.164; null = the account's own.", examples=[None])
    phone_number_id: str | None = Field(description="Its id in the account's phone_numbers.", examples=[None])
    contact_id: str | None = Field(description="The contact that it is linked to.", examples=[None])
    campaign_id: str | None = Field(description="The batch that it belongs to; null = none.", examples=[None])
    created_at: datetime = Field(description=f"When it was asked for. {_INSTANT}", examples=["2026-11-23T09:00:00Z"])
    started_at: datetime | None = Field(
        description=f"When its latest attempt began. {_INSTANT}", examples=["2026-11-23T09:00:00Z"]
    )
    answered_at: datetime | None = Field(
        description=f"When somebody picked up. {_INSTANT}", examples=["2026-11-23T09:00:00Z"]
    )
    ended_at: datetime | None = Field(
        description=f"When its latest attempt ended. {_INSTANT}", examples=["2026-11-23T09:00:00Z"]
    )
    duration: float | None = Field(description="Of its latest attempt, in seconds.", examples=[42.5])
    transcript: str | None = Field(
        description="Text, or JSON as text where the provider tells it by turns.", examples=["Hello?"]
    )
    summary: str | None = Field(description="The provider's own.", examples=["Wants to be called back."])
    recording_url: str | None = Field(
        description="Where the provider keeps the recording.", examples=["https://example.com/1.mp3"]
    )
    sentiment: Any = Field(None, description="The provider's own word.", examples=["neutral"])
    extracted_data: Any = Field(None, description="What the provider's agent extracted.", examples=[{}])
    credits_charged: float | None = Field(description="Of all its attempts, in credits.", examples=[1.5])
    attempts: int = Field(description="Requests to the provider so far.", examples=[1])
    reason: str | None = Field(description="Why it is over, in the dialer's word.", examples=["reached"])


class CallPage(_Answer):
    """Calls, newest first."""

    calls: list[CallShown] = Field(description="At most `limit` of them.", examples=[[]])


class Campaign(_Answer):
    """A batch, with its progress from the ledger."""

    id: str = Field(description="Its id.", examples=[_CALL])
    name: str = Field(description="A title for people.", examples=["Q1 Sales Campaign"])
    status: Literal["draft", "scheduled", "running", "paused", "completed", "terminated"] = Field(
        description="As `dialer status` says it.", examples=["running"]
    )
    agent_id: str = Field(description="The agent.", examples=["clxXXX"])
    calls_total: int = Field(description="Calls.", examples=[10])
    calls_completed: int = Field(description="Calls that are over, and of which it is known how.", examples=[4])
    calls_successful: int = Field(description="Of these, answered.", examples=[3])
    calls_failed: int = Field(description="Of these, not answered.", examples=[1])
    credits_used: float | None = Field(
        description="Charged by the provider, in credits; null where it names none.", examples=[4.5]
    )
    success_rate: float = Field(description="Successful of completed, from 0 to 1.", examples=[0.75])
    created_at: datetime = Field(description=f"When it was loaded. {_INSTANT}", examples=["2026-11-23T09:00:00Z"])


class CampaignPage(_Answer):
    """Campaigns, newest first."""

    campaigns: list[Campaign] = Field(description="At most `limit` of them.", examples=[[]])


class OutboundCallsError(BaseModel):
    """What is wrong, all of it in one line."""

    error: str = Field(
        description="Each mistake, beginning with its field.",
        examples=["toNumber: expected E.164 such as +61387772586"],
    )
    code: str = Field(description="Stable, of the first mistake.", examples=["PHONE_NOT_E164"])


SEED_CALL: Final = {"agentId": "clxXXX", "toNumber": "+14155551212"}
SEED_CONTACT: Final = {
    "contactListId": "clx...",
    "phone": "+14155551212",
    "name": "Jane Doe",
    "tags": ["lead", "website"],
}
