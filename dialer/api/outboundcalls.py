"""The OutboundCalls dialect under /api/v1: single calls, agents, contacts, and campaigns, which are our batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic.alias_generators import to_camel

from dialer.api import outboundcalls_bodies as bodies
from dialer.api import outboundcalls_view as render
from dialer.api.body import document
from dialer.api.describing import takes
from dialer.api.entrance import Caller, caller
from dialer.api.naming import in_words_of
from dialer.api.once import IdempotencyKey, as_json, once
from dialer.api.outboundcalls_bodies import SEED_CALL, SEED_CONTACT, NewCall, NewContact
from dialer.api.problems import ANY_BODY, Dialect, Kind, Problem
from dialer.domain.client import Scope
from dialer.domain.registration import ContactSpec
from dialer.domain.view import BatchQuery, CallQuery, Single
from dialer.errors import LoadRefused

Document = Mapping[str, Any]

#: Fields of bodies, as this API spells them.
_SPELLED: Final = {
    name: to_camel(name)
    for name in ("agent_id", "to_number", "phone_number_id", "contact_id", "contact_list_id", "custom_fields")
}
#: The engine's names of them. One call has one row, whose number goes without saying.
_WORDS: Final = _SPELLED | {"call_list": "", "phone": "toNumber", "cli": "phoneNumberId"}
_MOST_SAID: Final = 20


def _body(problem: Problem, _: int) -> dict[str, Any]:
    said = [f"{one.field}: {one.message}" if one.field else one.message for one in problem.errors[:_MOST_SAID]]
    return {"error": "; ".join(said), "code": problem.code}


#: Its table has no 403: a key that may not do this is answered as one that may nothing.
DIALECT: Final = Dialect(("/api/v1",), _body, bodies.OutboundCallsError, {Kind.FORBIDDEN: 401})
_ENQUEUER, _READER, _SMALL = caller(Scope.ENQUEUE), caller(Scope.READ), document()
_LIST, _ITEM = DIALECT.responses(Kind.INVALID), DIALECT.responses(Kind.NOT_FOUND)

router: Final = APIRouter(prefix="/api/v1", tags=["OutboundCalls"])


@router.get("/me", response_model=bodies.Me, responses=DIALECT.responses())
def me(who: Caller = _READER) -> bodies.Me:
    """The workspace of the key, and the balance of the account that dials for it."""
    name = who.workspace_id
    return bodies.Me(user=bodies.User(id=name, name=name), credit_balance=who.portfolio.balance())


@router.get("/agents", response_model=bodies.AgentList, responses=_LIST)
def agents(
    status: Annotated[
        Literal["deployed", "undeployed"] | None, Query(description="Only of this status.", examples=["deployed"])
    ] = None,
    limit: bodies.Limit = 50,
    who: Caller = _READER,
) -> bodies.AgentList:
    """The registered agents of the workspace, by their ids."""
    ours = who.portfolio
    shown = (render.agent(each, is_deployed=ours.account(each.account) is not None) for each in ours.agents())
    return bodies.AgentList(agents=list(islice((one for one in shown if status in (None, one.status)), limit)))


@router.get("/agents/{id}", response_model=bodies.AgentShown, responses=_ITEM)
def agent(id: bodies.AgentPath, who: Caller = _READER) -> bodies.AgentShown:
    """One registered agent."""
    found = who.portfolio.agent(id)
    return render.agent(found, is_deployed=who.portfolio.account(found.account) is not None)


@router.get("/contacts", response_model=bodies.ContactPage, responses=DIALECT.responses(Kind.INVALID, Kind.NOT_FOUND))
def contacts(
    contact_list_id: bodies.ListQuery = None, limit: bodies.ContactLimit = 50, who: Caller = _READER
) -> bodies.ContactPage:
    """Contacts of one list, or of all, newest first."""
    found = who.portfolio.contacts(contact_list_id, limit)
    return bodies.ContactPage(contacts=[render.contact(each) for each in found])


@router.post(
    "/contacts",
    status_code=201,
    response_model=bodies.ContactShown,
    responses=DIALECT.responses(*ANY_BODY, Kind.NOT_FOUND),
    openapi_extra=takes(NewContact, seed=SEED_CONTACT),
)
def add_contact(who: Caller = _ENQUEUER, body: Document = _SMALL) -> bodies.ContactShown:
    """Add a contact to a list, or to what the list knows of that number."""
    with in_words_of(_SPELLED):
        wanted = NewContact.read(body)
        given = {name: getattr(wanted, name) for name in ContactSpec.model_fields}
        saved = who.portfolio.add_contact(wanted.contact_list_id, given)
    return render.contact(saved)


@router.get("/calls", response_model=bodies.CallPage, responses=_LIST)
def calls(
    status: bodies.StatusQuery = None,
    agent_id: bodies.AgentQuery = None,
    campaign_id: bodies.CampaignQuery = None,
    limit: bodies.Limit = 50,
    who: Caller = _READER,
) -> bodies.CallPage:
    """Calls of the workspace, newest first."""
    ours = who.portfolio
    wanted = CallQuery(who.workspace_id, agent_id=agent_id, batch_id=campaign_id, status=status, limit=limit)
    found = ours.calls(wanted)
    return bodies.CallPage(calls=[render.call(each, ours.account(each.batch.terms.account)) for each in found])


@router.get("/calls/{id}", response_model=bodies.CallShown, responses=_ITEM)
def call(id: bodies.ItemPath, who: Caller = _READER) -> bodies.CallShown:
    """One call: transcript, summary, recording, sentiment, extracted data and credits, as far as the provider gave
    them."""
    ours = who.portfolio
    found = ours.call(id)
    return render.call(found, ours.account(found.batch.terms.account))


@router.post(
    "/calls",
    status_code=201,
    response_model=bodies.CallShown,
    responses=DIALECT.responses(*ANY_BODY, Kind.NO_CREDIT, Kind.NOT_FOUND, Kind.CONFLICT, Kind.UPSTREAM),
    openapi_extra=takes(NewCall, seed=SEED_CALL),
)
def place(key: IdempotencyKey = None, who: Caller = _ENQUEUER, body: Document = _SMALL) -> Response:
    """Place one call at once, gated like any other; each request is a new call, unless its Idempotency-Key repeats.

    It waits for open hours, for its turn and for a channel, a day at most. 402: the account's credits are below its
    minimum. 502: the provider refuses the account's keys.
    """
    ours = who.portfolio
    with in_words_of(_SPELLED):
        wanted = NewCall.read(body)

    def make(ref: str) -> str:
        single = Single(
            who.workspace_id,
            wanted.agent_id,
            wanted.to_number,
            ref,
            phone_number_id=wanted.phone_number_id,
            contact_id=wanted.contact_id,
        )
        with _not_ours(), in_words_of(_WORDS):
            view = ours.place(single)
        return render.call(view, ours.account(view.batch.terms.account)).model_dump_json(by_alias=True)

    return once(ours, key, ("/api/v1/calls", body), make, as_json, status=201)


@contextmanager
def _not_ours() -> Iterator[None]:
    """An account that is not for this workspace is, in this API's table, not found."""
    try:
        yield
    except LoadRefused as refused:
        first = refused.errors[0]
        if any(one.code == "PROVIDER_NOT_ALLOWED" for one in refused.errors):
            raise Problem(Kind.NOT_FOUND, first.code, first.message, errors=refused.errors) from None
        raise


@router.get("/campaigns", response_model=bodies.CampaignPage, responses=_LIST)
def campaigns(limit: bodies.Limit = 50, who: Caller = _READER) -> bodies.CampaignPage:
    """The batches of the workspace, newest first, however they were loaded."""
    ours = who.portfolio
    found = ours.batches(BatchQuery(who.workspace_id, limit=limit))
    return bodies.CampaignPage(campaigns=[render.campaign(each) for each in found])


@router.get("/campaigns/{id}", response_model=bodies.Campaign, responses=_ITEM)
def campaign(id: bodies.ItemPath, who: Caller = _READER) -> bodies.Campaign:
    """One batch with its progress."""
    return render.campaign(who.portfolio.batch(id))
