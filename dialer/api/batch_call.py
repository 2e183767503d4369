"""The batch-call dialect: lists of up to a thousand numbers, drafted, scheduled, sent, edited, listed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from dialer.api import batch_call_bodies as bodies
from dialer.api.batch_call_bodies import MOST_TASKS, SEED, BatchCallEdit, ListQuery, ListWanted, NewBatchCall, NewTask
from dialer.api.batch_call_view import ID_PREFIX, batch_call, task
from dialer.api.body import THOUSANDS, document
from dialer.api.describing import takes
from dialer.api.entrance import Caller, caller
from dialer.api.naming import in_words_of
from dialer.api.once import IdempotencyKey, as_json, once
from dialer.api.problems import ANY_BODY, Dialect, Kind, Problem
from dialer.domain.client import Scope
from dialer.domain.phone import parse_phone
from dialer.domain.spec import CallSpec
from dialer.domain.view import BatchQuery, BatchView, Edit, Stage
from dialer.errors import BadPhone, FieldError, LoadRefused

Document = Mapping[str, Any]

#: The engine's names of fields, as this API has them.
_WORDS: Final = {
    "call_list": "tasks",
    "phone": "to_number",
    "variables": "dynamic_variables",
    "cli": "from_number",
    "nbf": "trigger_timestamp",
    "exp": "trigger_timestamp",
}
_MOST_SAID: Final = 20
#: How an error names a row that is no object at all.
_WHOLE: Final = ".(document)"


def _body(problem: Problem, _: int) -> dict[str, Any]:
    said = [f"{one.field}: {one.message}" if one.field else one.message for one in problem.errors[:_MOST_SAID]]
    more = len(problem.errors) - len(said)
    message = "; ".join(said) + (f"; and {more} more" if more else "")
    return {"message": message, "status": "error", "error": problem.code}


#: Its table has no 403: a key that may not do this is answered as one that may nothing.
DIALECT: Final = Dialect(("/batch-call",), _body, bodies.BatchCallError, {Kind.FORBIDDEN: 401})

ITEM: Final = "/batch-call/{batch_call_id}"
_ENQUEUER, _CONTROLLER, _READER = caller(Scope.ENQUEUE), caller(Scope.CONTROL), caller(Scope.READ)
_TASKS, _SMALL = document(THOUSANDS), document()
_WITH_BODY, _WITHOUT = DIALECT.responses(*ANY_BODY, Kind.NOT_FOUND), DIALECT.responses(Kind.INVALID, Kind.NOT_FOUND)

router: Final = APIRouter(tags=["batch-call"])


@router.post(
    "/batch-call",
    response_model=bodies.OneBatchCall,
    responses=DIALECT.responses(*ANY_BODY, Kind.CONFLICT),
    openapi_extra=takes(NewBatchCall, seed=SEED),
)
def create(request: Request, key: IdempotencyKey = None, who: Caller = _ENQUEUER, body: Document = _TASKS) -> Response:
    """Create a batch: a draft, scheduled, or sent at once.

    It is taken whole or not at all. `send_now` and `status: sent` begin it now, whatever trigger_timestamp says.
    """
    wanted = NewBatchCall.read(body)
    rows = _rows(wanted.tasks, wanted.from_number)

    def make(ref: str) -> str:
        with in_words_of(_WORDS):
            view, receipt = who.portfolio.add_batch(_spec(wanted, ref), rows, _starts_at(wanted))
        twice = f"; {receipt.duplicates} duplicate numbers left out" if receipt and receipt.duplicates else ""
        return _told(request, view, f"Batch call created successfully{twice}").model_dump_json()

    return once(who.portfolio, key, ("/batch-call", body), make, as_json)


def _spec(wanted: NewBatchCall, ref: str) -> dict[str, object]:
    is_draft = wanted.status == "draft" and not wanted.send_now
    given: dict[str, object] = {
        "agent_id": wanted.agent_id,
        "batch_ref": f"batch-call-{ref}",
        "name": wanted.name,
        "cli": wanted.from_number,
        "timezone": wanted.timezone,
        "status": "draft" if is_draft else "scheduled",
    }
    return {name: value for name, value in given.items() if value is not None}


def _starts_at(wanted: NewBatchCall) -> datetime | None:
    """None = now."""
    return None if wanted.send_now or wanted.status == "sent" else wanted.trigger_timestamp


def _rows(tasks: list[Any], from_number: str | None) -> list[CallSpec]:
    rows, wrong = [], []
    for index, row in enumerate(tasks):
        try:
            read = NewTask.read(row)
        except LoadRefused as refused:
            wrong += [replace(one, field=f"tasks[{index}].{one.field}".removesuffix(_WHOLE)) for one in refused.errors]
            continue
        if from_number is not None and _is_same(read.to_number, from_number):
            message = "expected another number than from_number"
            wrong.append(FieldError("PHONE_NOT_POSSIBLE", f"tasks[{index}].to_number", from_number, message))
        rows.append(CallSpec(read.to_number, read.dynamic_variables, max_retries=read.max_retries))
    if wrong:
        raise LoadRefused(wrong)
    return rows


def _is_same(to_number: object, from_number: str) -> bool:
    """A number that cannot be read is judged with the others."""
    try:
        return parse_phone(to_number) == from_number
    except BadPhone:
        return False


@router.get("/batch-call", response_model=bodies.ManyBatchCalls, responses=DIALECT.responses(Kind.INVALID))
@router.get("/batch-call/list", response_model=bodies.ManyBatchCalls, responses=DIALECT.responses(Kind.INVALID))
def list_by_query(
    request: Request,
    wanted: Annotated[ListQuery, Query()],
    who: Caller = _READER,
) -> bodies.ManyBatchCalls:
    """List batches, newest first."""
    return _listed(request, who, ListWanted.read(wanted.model_dump()))


@router.post(
    "/batch-call/list",
    response_model=bodies.ManyBatchCalls,
    responses=DIALECT.responses(*ANY_BODY),
    openapi_extra=takes(ListWanted, first_page={"page": 0, "limit": 20}),
)
def list_by_body(request: Request, who: Caller = _READER, body: Document = _SMALL) -> bodies.ManyBatchCalls:
    """List batches, newest first; the same as by GET."""
    return _listed(request, who, ListWanted.read(body))


def _listed(request: Request, who: Caller, wanted: ListWanted) -> bodies.ManyBatchCalls:
    query = BatchQuery(
        who.workspace_id,
        agent_id=wanted.agent_id,
        name=wanted.name,
        stage=None if wanted.status is None else Stage(wanted.status),
        page=wanted.page,
        limit=wanted.limit,
        oldest_first=wanted.sort_order == "asc",
    )
    ours = who.portfolio
    page = bodies.BatchCallPage(
        batch_calls=[batch_call(view, _root(request)) for view in ours.batches(query)],
        total=ours.count(query),
        page=wanted.page,
        limit=wanted.limit,
    )
    return bodies.ManyBatchCalls(message="Batch calls retrieved successfully", data=page)


@router.get(ITEM, response_model=bodies.OneBatchCall, responses=_WITHOUT)
def read(request: Request, batch_call_id: bodies.ItemId, who: Caller = _READER) -> bodies.OneBatchCall:
    """One batch, with its counters as they are now."""
    view = who.portfolio.batch(_id_of(batch_call_id))
    return _told(request, view, "Batch call retrieved successfully")


@router.get(f"{ITEM}/tasks", response_model=bodies.ManyTasks, responses=_WITHOUT)
def tasks(
    batch_call_id: bodies.ItemId,
    limit: Annotated[int, Query(ge=1, le=MOST_TASKS, description="Tasks at most.", examples=[100])] = MOST_TASKS,
    after: bodies.After = None,
    who: Caller = _READER,
) -> bodies.ManyTasks:
    """The calls of a batch, in the order in which they were given."""
    found = who.portfolio.tasks(_id_of(batch_call_id), after, limit)
    return bodies.ManyTasks(message="Tasks retrieved successfully", data=[task(record) for record in found])


@router.post(f"{ITEM}/execute", response_model=bodies.OneBatchCall, responses=_WITHOUT)
def execute(request: Request, batch_call_id: bodies.ItemId, who: Caller = _CONTROLLER) -> bodies.OneBatchCall:
    """Begin a draft or a scheduled batch now."""
    view = who.portfolio.execute(_id_of(batch_call_id))
    return _told(request, view, "Batch call execution started")


@router.patch(
    ITEM,
    response_model=bodies.OneBatchCall,
    responses=_WITH_BODY,
    openapi_extra=takes(BatchCallEdit, rename={"name": "Q2 Sales Campaign"}, unschedule={"status": "draft"}),
)
def edit(
    request: Request, batch_call_id: bodies.ItemId, who: Caller = _CONTROLLER, body: Document = _SMALL
) -> bodies.OneBatchCall:
    """Change a batch that has not begun; of one that has, only its name can change."""
    asked = BatchCallEdit.read(body)
    wanted = Edit(asked.name, asked.trigger_timestamp, asked.timezone, Stage(asked.status) if asked.status else None)
    with in_words_of(_WORDS):
        view = who.portfolio.edit(_id_of(batch_call_id), wanted)
    return _told(request, view, "Batch call updated successfully")


@router.delete(ITEM, response_model=bodies.OneBatchCall, responses=_WITHOUT)
def delete(request: Request, batch_call_id: bodies.ItemId, who: Caller = _CONTROLLER) -> bodies.OneBatchCall:
    """Delete a draft, which is never dialed then, or a batch that is over; it answers with what was deleted."""
    view = who.portfolio.delete(_id_of(batch_call_id))
    return _told(request, view, "Batch call deleted successfully")


def _told(request: Request, view: BatchView, message: str) -> bodies.OneBatchCall:
    return bodies.OneBatchCall(message=message, data=batch_call(view, _root(request)))


def _root(request: Request) -> str:
    """Where this server is, as the client wrote it."""
    return str(request.base_url).rstrip("/")


def _id_of(shown: str) -> str:
    """With or without the prefix that this API's ids have."""
    return shown.removeprefix(ID_PREFIX)
