"""A workspace's portfolio: lists taken whole, single calls, and what may still be changed of a batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.placement import Capabilities
from dialer.domain.spec import CallSpec
from dialer.domain.states import BatchState, CallState, CloseReason, Outcome, StopKind
from dialer.domain.view import BatchQuery, CallQuery, Edit, Single, Stage
from dialer.engine import rounds
from dialer.engine.editing import DRAFT_LIFE, window_from
from dialer.engine.terms import DEFAULT_LIFE
from dialer.errors import (
    AccountShort,
    BatchBegun,
    BatchUnknown,
    CallUnknown,
    ContactUnknown,
    LoadRefused,
    PhoneNumberUnknown,
    ProviderFails,
)
from dialer.facade.portfolio import Portfolio
from dialer.ports import HouseRules
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, HOUR, MINUTE, Rig, an_account, phone, phones

METERED = Capabilities(reports_outcomes=True, can_find=True, has_balance=True)


@pytest.fixture
def ours(rig: Rig) -> Portfolio:
    return rig.dialer.portfolio("w1")


def rows(*numbers: str, **given: Any) -> list[CallSpec]:
    return [CallSpec(phone=number, **given) for number in numbers]


def spec(ref: str = "b1", /, **given: Any) -> dict[str, object]:
    return {"agent_id": "a1", "batch_ref": ref, **given}


def single(ref: str = "00000000-0000-4000-8000-000000000001", **given: Any) -> Single:
    return Single(**{"workspace_id": "w1", "agent_id": "a1", "phone": phone(0), "ref": ref, **given})


def test_a_list_is_taken_whole(rig: Rig, ours: Portfolio) -> None:
    view, receipt = ours.add_batch(spec(name="Spring"), rows(*phones(3), phone(0)))
    assert receipt is not None
    assert (receipt.accepted, receipt.duplicates, view.progress.total, view.name) == (3, 1, 3, "Spring")
    rig.step()
    assert rig.placed == phones(3)


def test_a_list_with_a_mistake_is_refused_whole_and_every_mistake_is_named(rig: Rig, ours: Portfolio) -> None:
    wrong = [
        CallSpec(phone=phone(0)),
        CallSpec(phone="nobody"),
        CallSpec(phone=phone(1), variables=["x"]),
        CallSpec(phone=phone(2), max_retries=99),
        CallSpec(phone=phone(3), timezone="Mars"),
        CallSpec(phone=phone(4), priority="urgent"),
        CallSpec(),
    ]
    with pytest.raises(LoadRefused) as refused:
        ours.add_batch(spec(provider="uk"), wrong)
    assert [(error.code, error.field) for error in refused.value.errors] == [
        ("PROVIDER_UNKNOWN", "provider"),
        ("PHONE_NOT_E164", "call_list.1.phone"),
        ("VARIABLES_NOT_OBJECT", "call_list.2.variables"),
        ("MAX_RETRIES_INVALID", "call_list.3.max_retries"),
        ("TIMEZONE_INVALID", "call_list.4.timezone"),
        ("PRIORITY_INVALID", "call_list.5.priority"),
        ("PHONE_MISSING", "call_list.6.phone"),
    ]
    assert rig.dialer.batches() == []


def test_a_number_that_could_never_be_dialed_refuses_the_list(new_rig: NewRig) -> None:
    night = HouseRules(legal_hours=("*|2300-2330",))
    ours = new_rig(rules=night).dialer.portfolio("w1")
    with pytest.raises(LoadRefused, match=r"NEVER_OPEN: call_list\.0\.phone"):
        ours.add_batch(spec(exp="2026-11-23T01:00:00Z"), rows(phone(0)))


def test_what_was_loaded_before_is_not_loaded_again_and_what_broke_off_is_gone_on_with(
    rig: Rig, ours: Portfolio
) -> None:
    first, _ = ours.add_batch(spec(), rows(phone(0)))
    again, receipt = ours.add_batch(spec(), rows(phone(1)))
    assert (again.batch.batch_id, again.progress.total, receipt) == (first.batch.batch_id, 1, None)

    def broken() -> Any:
        yield {"phone": phone(2)}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rig.dialer.load_batch({"workspace_id": "w1", **spec("b2")}, calls=broken())
    view, receipt = ours.add_batch(spec("b2"), rows(*phones(2, first=2)))
    assert view.progress.total == 2
    assert receipt is not None
    assert len(rig.dialer.batches()) == 2


def test_a_single_call_goes_out_at_once_in_a_batch_of_its_own(rig: Rig, ours: Portfolio) -> None:
    rig.dialer.contacts.create_list("w1", "spring")
    contact = rig.dialer.contacts.add("w1", "spring", {"phone": phone(0), "name": "Kim", "customFields": {"a": 1}})
    view = ours.place(single(contact_id=contact.contact_id))
    rig.step()
    [placed] = rig.provider.placed
    assert (placed.phone, dict(placed.variables)) == (phone(0), {"name": "Kim", "a": 1})
    assert view.batch.terms.exp == rig.now + DAY
    assert ours.batches(BatchQuery("w1")) == []
    assert [each.record.call_id for each in ours.calls(CallQuery("w1"))] == [view.record.call_id]


def test_a_contact_of_somebody_else_is_none(rig: Rig, ours: Portfolio) -> None:
    rig.dialer.contacts.create_list("w2", "spring")
    theirs = rig.dialer.contacts.add("w2", "spring", {"phone": phone(0)})
    for contact_id in (theirs.contact_id, "nobody"):
        with pytest.raises(ContactUnknown):
            ours.place(single(contact_id=contact_id))
    assert rig.dialer.batches() == []


def test_every_single_call_is_a_new_one_but_for_its_repeats(rig: Rig, ours: Portfolio) -> None:
    first, repeated = ours.place(single()), ours.place(single())
    other = ours.place(single("00000000-0000-4000-8000-000000000002"))
    assert repeated.record.call_id == first.record.call_id
    assert other.record.call_id != first.record.call_id
    rig.step()
    assert rig.placed == [phone(0), phone(0)]


def test_a_repeat_finds_its_call_whatever_became_of_the_account(rig: Rig, ours: Portfolio) -> None:
    first = ours.place(single())
    rig.ledger.accounts.stop("au", StopKind.AUTH, "401", HOUR)
    assert ours.place(single()).record.call_id == first.record.call_id


def test_an_account_that_cannot_call_refuses_a_single_call(new_rig: NewRig) -> None:
    account = an_account(minimum_balance=25.0)
    rig = new_rig(accounts={"au": account}, providers={"au": FakeProvider(capabilities=METERED)})
    ours = rig.dialer.portfolio("w1")
    rig.ledger.accounts.set_balance("au", 3.0)
    with pytest.raises(AccountShort, match="3 credits"):
        ours.place(single())
    assert ours.balance() == 3.0
    rig.later(5 * MINUTE)  # it may have been topped up since
    ours.place(single())
    rig.ledger.accounts.stop("au", StopKind.CREDIT, "402", HOUR)
    with pytest.raises(AccountShort):
        ours.place(single("00000000-0000-4000-8000-000000000002"))
    rig.ledger.accounts.lift("au")
    rig.ledger.accounts.stop("au", StopKind.AUTH, "HTTP 401", HOUR)
    with pytest.raises(ProviderFails, match="refuses its keys"):
        ours.place(single("00000000-0000-4000-8000-000000000003"))
    rig.later(2 * HOUR)  # one call may find out now
    ours.place(single("00000000-0000-4000-8000-000000000004"))
    assert len(rig.dialer.batches()) == 2


def test_a_phone_number_s_id_names_a_caller_id_of_the_account(new_rig: NewRig) -> None:
    options = {"phone_numbers": {"+12025550198": "clx1"}, "phone_number_id": "clx0"}
    rig = new_rig(accounts={"au": an_account(options=options)})
    ours = rig.dialer.portfolio("w1")
    for number, (given, cli) in enumerate(
        {"clx1": "+12025550198", "clx0": "+61390000000", "+12025550111": "+12025550111", "": "+61390000000"}.items()
    ):
        ours.place(single(f"00000000-0000-4000-8000-00000000000{number}", phone_number_id=given))
        rig.step()
        assert rig.provider.placed[-1].cli == cli, given
    with pytest.raises(PhoneNumberUnknown):
        ours.place(single("00000000-0000-4000-8000-000000000009", phone_number_id="clx9"))


def test_an_account_that_is_not_the_workspace_s_is_no_default_of_its(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(workspaces=("w2",))})
    rig.ledger.accounts.set_balance("au", 3.0)
    with pytest.raises(LoadRefused, match="PROVIDER_NOT_ALLOWED"):
        rig.dialer.portfolio("w1").place(single())
    assert rig.dialer.portfolio("w1").balance() is None
    assert rig.dialer.portfolio("w2").balance() == 3.0


def test_a_draft_begins_when_it_is_executed_even_long_after_it_was_made(rig: Rig, ours: Portfolio) -> None:
    nbf = rig.now - 300 * DAY
    view, _ = ours.add_batch(spec(status="draft", **window_from(nbf, rig.now, draft=True)), rows(phone(0)))
    assert (view.stage, view.batch.terms.nbf) == (Stage.DRAFT, nbf)
    rig.later(40 * DAY)
    rig.step()
    assert rig.placed == []
    assert ours.execute(view.batch.batch_id).stage is Stage.SENT
    rig.step()
    assert rig.placed == [phone(0)]
    with pytest.raises(BatchBegun, match="is sent"):
        ours.execute(view.batch.batch_id)


def test_a_scheduled_batch_can_be_executed_now(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec("b1", **window_from(rig.now + DAY, rig.now)), rows(phone(0)))
    assert view.stage is Stage.SCHEDULED
    rig.step()
    assert rig.placed == []
    assert ours.execute(view.batch.batch_id).stage is Stage.SENT
    rig.step()
    assert rig.placed == [phone(0)]


def test_a_batch_that_has_not_begun_can_be_changed(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec(status="draft", timezone="Australia/Melbourne"), rows(phone(0)))
    batch_id, later = view.batch.batch_id, rig.now + 2 * HOUR
    edited = ours.edit(batch_id, Edit(name="Winter", starts_at=later, timezone="Australia/Melbourne"))
    assert (edited.name, edited.batch.terms.nbf, edited.stage) == ("Winter", later, Stage.DRAFT)
    assert ours.edit(batch_id, Edit(stage=Stage.SCHEDULED)).stage is Stage.SCHEDULED
    assert ours.batch(batch_id).batch.terms.exp == later + DEFAULT_LIFE
    assert ours.edit(batch_id, Edit(stage=Stage.DRAFT)).stage is Stage.DRAFT
    assert ours.batch(batch_id).batch.terms.exp == later + DRAFT_LIFE
    rig.later(3 * HOUR)
    rig.step()
    assert rig.placed == []
    assert ours.edit(batch_id, Edit(stage=Stage.SENT)).stage is Stage.SENT
    rig.step()
    assert rig.placed == [phone(0)]


def test_a_scheduled_batch_is_sent_now_by_changing_its_status(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec("b1", **window_from(rig.now + DAY, rig.now)), rows(phone(0)))
    assert ours.edit(view.batch.batch_id, Edit(stage=Stage.SENT)).stage is Stage.SENT


def test_of_a_batch_that_has_begun_only_the_name_can_be_changed(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec(), rows(phone(0)))
    batch_id = view.batch.batch_id
    assert ours.edit(batch_id, Edit(name="Winter", stage=Stage.SENT)).name == "Winter"
    for wanted in (Edit(stage=Stage.DRAFT), Edit(stage=Stage.SCHEDULED), Edit(starts_at=rig.now + HOUR)):
        with pytest.raises(BatchBegun, match="only its name"):
            ours.edit(batch_id, wanted)
    rig.dial(phone(0))
    rig.tick()
    assert ours.batch(batch_id).stage is Stage.COMPLETED
    with pytest.raises(BatchBegun, match="is completed"):
        ours.edit(batch_id, Edit(name="Summer"))


def test_a_timezone_changes_before_a_batch_begins_and_its_numbers_wait_for_the_new_clock(
    rig: Rig, ours: Portfolio
) -> None:
    hours = ["*|0900-1700"]  # it is 11:00 in Melbourne, and midnight in London
    given = spec(status="draft", timezone="Australia/Melbourne", calling_hours=hours)
    view, _ = ours.add_batch(given, [*rows(*phones(3)), CallSpec(phone=phone(3), timezone="Australia/Perth")])
    moved = ours.edit(view.batch.batch_id, Edit(timezone="Europe/London", stage=Stage.SENT))
    assert moved.batch.terms.timezone == "Europe/London"
    rig.step()
    assert rig.placed == []
    rig.later(2 * HOUR)  # Perth, its own, has opened
    rig.step()
    assert rig.placed == [phone(3)]
    rig.later(8 * HOUR)
    rig.step()
    assert sorted(rig.placed) == phones(4)


def test_the_timezone_of_a_batch_that_has_begun_stays(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec(), rows(phone(0)))
    with pytest.raises(LoadRefused, match=r"FIELD_FIXED: timezone.*has begun"):
        ours.edit(view.batch.batch_id, Edit(name="Winter", timezone="Europe/Paris"))
    assert ours.batch(view.batch.batch_id).name == "b1"
    scheduled, _ = ours.add_batch(spec("b2", **window_from(rig.now + DAY, rig.now)), rows(phone(0)))
    rig.pause(scheduled.batch)
    with pytest.raises(BatchBegun, match="is paused"):
        ours.edit(scheduled.batch.batch_id, Edit(timezone="Europe/Paris"))


def test_only_a_draft_or_a_batch_that_is_over_can_be_deleted(rig: Rig, ours: Portfolio) -> None:
    draft, _ = ours.add_batch(spec("draft", status="draft"), rows(phone(0)))
    running, _ = ours.add_batch(spec("running"), rows(phone(1)))
    ours.delete(draft.batch.batch_id)
    with pytest.raises(BatchUnknown):
        ours.batch(draft.batch.batch_id)
    with pytest.raises(BatchBegun, match="only a draft"):
        ours.delete(running.batch.batch_id)
    rig.dial(phone(1))
    rig.tick()
    ours.delete(running.batch.batch_id)
    assert ours.count(BatchQuery("w1")) == 0
    rig.step()
    assert rig.placed == [phone(1)]
    assert rig.again(draft.batch).state is BatchState.TERMINATED


def test_a_paused_batch_keeps_its_stage_and_is_not_executed_past_its_pause(rig: Rig, ours: Portfolio) -> None:
    view, _ = ours.add_batch(spec("b1", **window_from(rig.now + DAY, rig.now)), rows(phone(0)))
    rig.pause(view.batch)
    assert ours.execute(view.batch.batch_id).stage is Stage.SENT
    rig.step()
    assert rig.placed == []


def test_nothing_of_another_workspace_is_found_or_changed(rig: Rig, ours: Portfolio) -> None:
    theirs = rig.dialer.portfolio("w2")
    view, _ = theirs.add_batch(spec(status="draft"), rows(phone(0)))
    call = theirs.calls(CallQuery("w2"))[0]
    for ask in (ours.batch, ours.execute, ours.delete, lambda each: ours.edit(each, Edit(name="mine"))):
        for batch_id in (view.batch.batch_id, "nobody", "../" + view.batch.batch_id):
            with pytest.raises(BatchUnknown):
                ask(batch_id)
    for call_id in (call.record.call_id, "nobody"):
        with pytest.raises(CallUnknown):
            ours.call(call_id)
    assert ours.calls(CallQuery("w1")) == ours.calls(CallQuery("w1", batch_id="nobody")) == []
    with pytest.raises(AssertionError):
        ours.batches(BatchQuery("w2"))
    with pytest.raises(AssertionError):
        ours.calls(CallQuery("w2"))
    assert theirs.batch(view.batch.batch_id).name == "b1"


def test_a_call_is_told_with_what_came_of_it(rig: Rig, ours: Portfolio) -> None:
    view = ours.place(single())
    rig.dial(phone(0), Outcome.BUSY)
    told = ours.call(view.record.call_id)
    assert (told.record.state, told.record.close_reason) == (CallState.CLOSED, CloseReason.EXHAUSTED)
    assert told.status == "busy"
    assert told.latest is not None
    assert told.created_at == view.created_at <= rig.now - timedelta(seconds=5)


def test_an_answer_is_kept_for_a_day_for_whoever_repeats(rig: Rig, ours: Portfolio) -> None:
    begun = ours.begin("key", "f" * 64)
    ours.finish("key", begun, 201, "{}")
    rig.later(23 * HOUR)
    assert rounds.forget(rig.desk) == 0
    assert ours.begin("key", "f" * 64).body == "{}"
    rig.later(2 * HOUR)
    assert rounds.forget(rig.desk) == 1
    assert ours.begin("key", "f" * 64).body is None
