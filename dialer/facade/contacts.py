"""`dialer.contacts`: lists of contacts that batches are loaded from."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping

from pydantic_core import PydanticCustomError

from dialer.domain.client import Contact, ContactList
from dialer.domain.fields import read_name
from dialer.domain.receipt import ContactReceipt, Rejection
from dialer.domain.registration import ContactSpec
from dialer.domain.spec import CallSpec
from dialer.engine.contacts import calls_of, read_contact, take_contacts
from dialer.errors import ContactListUnknown, ContactUnknown, FieldError, LoadRefused
from dialer.ports import Switchboard


class Contacts:
    """A list is known by its name in its workspace, or by its id; a number is in a list once."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk

    def create_list(self, workspace_id: str, name: str) -> ContactList:
        """The list of that name, new or not. LoadRefused."""
        for field, value in (("workspace_id", workspace_id), ("name", name)):
            _check_name(field, value)
        return self._desk.ledger.contacts.create_list(workspace_id, name)[0]

    def lists(self, workspace_id: str) -> list[ContactList]:
        """By name, their contacts counted."""
        return self._desk.ledger.contacts.lists(workspace_id)

    def find_list(self, workspace_id: str, contact_list: str) -> ContactList:
        """By name or id; ContactListUnknown."""
        found = self._desk.ledger.contacts.find_list(workspace_id, contact_list) if "\0" not in contact_list else None
        if found is None:
            raise ContactListUnknown(f"no contact list {contact_list!r:.100} is in workspace {workspace_id!r:.100}")
        return found

    def add(
        self,
        workspace_id: str,
        contact_list: str,
        contact: ContactSpec | Mapping[str, object],
        *,
        country: str | None = None,
    ) -> Contact:
        """One contact; a number that the list has keeps its id and takes what is given anew. LoadRefused."""
        within = self.find_list(workspace_id, contact_list)
        read = read_contact(self._desk, within, ContactSpec.read(contact), country)
        [saved] = self._desk.ledger.contacts.save([read])[1]
        return saved

    def load(
        self,
        workspace_id: str,
        contact_list: str,
        contacts: object,
        *,
        country: str | None = None,
        phone_column: str = "phone",
        on_rejection: Callable[[Rejection], None] | None = None,
    ) -> ContactReceipt:
        """Many, as `add`: ContactSpec or mappings, any iterable, or the path of a .csv or .jsonl file, streamed.

        In a CSV the columns phone, name, email, company and tags (separated by ;) are the contact's, every other header
        is a field of its own. A row that cannot be kept rejects itself.
        """
        within = self.find_list(workspace_id, contact_list)
        return take_contacts(
            self._desk, within, contacts, country=country, phone_column=phone_column, on_rejection=on_rejection
        )

    def get(self, workspace_id: str, contact_id: str) -> Contact:
        """ContactUnknown."""
        try:
            found = self._desk.ledger.contacts.find(workspace_id, str(uuid.UUID(contact_id)))
        except ValueError:
            found = None
        if found is None:
            raise ContactUnknown(f"no contact {contact_id!r:.100} is in workspace {workspace_id!r:.100}")
        return found

    def entries(self, workspace_id: str, contact_list: str | None = None) -> Iterator[Contact]:
        """Newest first, of one list or of all, streamed."""
        list_id = None if contact_list is None else self.find_list(workspace_id, contact_list).list_id
        return self._entries(workspace_id, list_id)

    def _entries(self, workspace_id: str, list_id: str | None) -> Iterator[Contact]:
        after: str | None = None
        while page := self._desk.ledger.contacts.page(workspace_id, list_id, after):
            yield from page
            after = page[-1].contact_id

    def calls(self, workspace_id: str, contact_list: str) -> Iterator[CallSpec]:
        """A list as the rows of a batch, streamed: `dialer.load_batch(spec, calls=dialer.contacts.calls(…))`.

        A contact's own fields, and its name, email and company where known, are the call's variables.
        """
        return calls_of(self._desk, self.find_list(workspace_id, contact_list))


def _check_name(field: str, value: object) -> None:
    try:
        read_name(value)
    except PydanticCustomError as error:
        raise LoadRefused([FieldError(error.type, field, value, error.message())]) from None
