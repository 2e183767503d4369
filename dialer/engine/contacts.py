"""From rows to contacts: each bad row rejects itself, the rest are kept; and from contacts to the rows of a load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialer.domain.client import Contact, ContactList
from dialer.domain.phone import parse_phone
from dialer.domain.receipt import ContactReceipt, Rejection
from dialer.domain.registration import ContactSpec
from dialer.domain.spec import CallSpec
from dialer.engine.rows import RowError, open_rows, variables_text
from dialer.errors import DialerError, FieldError, LoadRefused, shown
from dialer.ports import Switchboard

#: In one commit: their keys must fit into one statement.
CHUNK = 400
#: The receipt names this many rejected rows; `on_rejection` is told all of them.
REJECTIONS_KEPT = 10_000

_NAMED = ("name", "email", "company")
#: Columns that a call's row would have for itself; a contact's has them among its own fields.
_CALL_COLUMNS = ("timezone", "max_retries", "priority")


def read_contact(desk: Switchboard, within: ContactList, spec: ContactSpec, country: str | None = None) -> Contact:
    """The contact that a spec describes; LoadRefused with every error. Its id is given when it is saved."""
    wrong: list[FieldError] = []
    phone = ""
    try:
        phone = parse_phone(spec.phone, country=country, check=desk.rules.number_check)
    except DialerError as error:
        wrong.append(FieldError(error.code, "phone", _brief(spec.phone), error.message))
    known = {name: value for name in _NAMED if (value := getattr(spec, name)) is not None}
    custom: Mapping[str, Any] = {}
    try:
        custom = _custom(spec.custom_fields, known)
    except RowError as error:
        wrong.append(FieldError(error.code, "custom_fields", _brief(spec.custom_fields), error.message))
    if wrong:
        raise LoadRefused(wrong)
    return Contact(
        contact_id="",
        workspace_id=within.workspace_id,
        list_id=within.list_id,
        phone=phone,
        tags=spec.tags,
        custom_fields=dict(custom),
        **known,
    )


def _custom(value: object, known: Mapping[str, str]) -> Mapping[str, Any]:
    """A contact's own fields, small enough to travel as variables beside what else is known of it."""
    given = {} if value is None else value
    variables_text(given)
    if not isinstance(given, Mapping):
        raise AssertionError("variables_text takes nothing but mappings")
    variables_text({**known, **given})
    return given


def variables_of(contact: Contact) -> dict[str, Any]:
    """What an agent is told of a contact: name, email and company where known, and its own fields, which win."""
    known = {name: value for name in _NAMED if (value := getattr(contact, name)) is not None}
    return {**known, **contact.custom_fields}


def calls_of(desk: Switchboard, within: ContactList) -> Iterator[CallSpec]:
    """The rows of a batch that is loaded from this list, oldest contact first, streamed."""
    after: str | None = None
    while page := desk.ledger.contacts.in_order(within.list_id, after):
        for contact in page:
            yield CallSpec(phone=contact.phone, variables=variables_of(contact) or None)
        after = page[-1].contact_id


@dataclass
class _Import:
    """One import under way."""

    desk: Switchboard
    within: ContactList
    country: str | None
    on_rejection: Callable[[Rejection], None] | None
    added: int = 0
    known: int = 0
    duplicates: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)

    def take(self, rows: Iterable[tuple[int, object]], *, is_csv: bool) -> None:
        chunk: dict[str, Contact] = {}
        for number, row in rows:
            try:
                contact = self._read(row, is_csv=is_csv)
            except DialerError as error:
                self._reject(number, row, error)
                continue
            self.duplicates += contact.phone in chunk
            chunk[contact.phone] = contact  # the later row of a number holds what is newest
            if len(chunk) >= CHUNK:
                self._write(chunk)
        self._write(chunk)

    def _read(self, row: object, *, is_csv: bool) -> Contact:
        if isinstance(row, RowError):
            raise row
        given = _from_csv(row) if is_csv and isinstance(row, dict) else row
        return read_contact(self.desk, self.within, ContactSpec.read(given), self.country)

    def _write(self, chunk: dict[str, Contact]) -> None:
        added, _ = self.desk.ledger.contacts.save(list(chunk.values()))
        self.added += added
        self.known += len(chunk) - added
        chunk.clear()

    def _reject(self, number: int, row: object, error: DialerError) -> None:
        self.rejected += 1
        code, message = error.code, error.message
        if isinstance(error, LoadRefused):
            code, message = error.errors[0].code, "; ".join(f"{one.field}: {one.message}" for one in error.errors)
        phone = row.get("phone") if isinstance(row, Mapping) else None
        rejection = Rejection(number, _brief(phone) if phone is not None else "", code, message)
        if len(self.rejections) < REJECTIONS_KEPT:
            self.rejections.append(rejection)
        if self.on_rejection:
            self.on_rejection(rejection)


def take_contacts(
    desk: Switchboard,
    within: ContactList,
    contacts: object,
    *,
    country: str | None = None,
    phone_column: str = "phone",
    on_rejection: Callable[[Rejection], None] | None = None,
) -> ContactReceipt:
    """Add contacts to a list: ContactSpec or mappings, any iterable, or the path of a .csv or .jsonl file, streamed.

    A number that the list has already takes what is given anew. LoadRefused where the whole file cannot be read.
    """
    work = _Import(desk, within, country, on_rejection)
    is_csv = str(contacts).lower().endswith(".csv")
    with open_rows(contacts, phone_column) as rows:
        work.take(rows, is_csv=is_csv)
    return ContactReceipt(
        list_id=within.list_id,
        added=work.added,
        already_known=work.known,
        duplicates=work.duplicates,
        rejected=work.rejected,
        rejections=tuple(work.rejections),
    )


def _from_csv(row: dict[str, Any]) -> dict[str, Any]:
    """A line of a CSV as `open_rows` reads it for calls: every column that no contact has is a field of its own.

    Empty cells are left out; tags are separated by semicolons.
    """
    cells = {**(row.get("variables") or {}), **{name: row[name] for name in _CALL_COLUMNS if row.get(name) is not None}}
    given: dict[str, Any] = {"phone": row.get("phone")}
    given |= {name: cell.strip() for name in _NAMED if (cell := cells.pop(name, "")).strip()}
    given["tags"] = [tag.strip() for tag in cells.pop("tags", "").split(";") if tag.strip()]
    given["custom_fields"] = {name: cell for name, cell in cells.items() if cell != ""}
    return given


def _brief(value: object) -> str:
    if isinstance(value, str):
        return value[:64].encode(errors="backslashreplace").decode()
    return shown(value)
