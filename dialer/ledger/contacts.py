"""Contact lists and their contacts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, func, or_, select, tuple_

from dialer.domain.client import Contact, ContactList
from dialer.ledger.client_tables import contact_lists, contacts
from dialer.ledger.transactions import Transactions, now_of

_GIVEN = ("name", "email", "company", "tags", "custom_fields")


class SqlContacts:
    """`dialer.ports.clients.Contacts`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def create_list(self, workspace_id: str, name: str) -> tuple[ContactList, bool]:
        with self._transactions.write() as connection:
            now = now_of(connection)
            [list_id] = self._transactions.ids.take(now)
            new = self._transactions.backend.insert(contact_lists).values(
                list_id=list_id, workspace_id=workspace_id, name=name, created_at=now
            )
            new = new.on_conflict_do_nothing(index_elements=["workspace_id", "name"])
            made = connection.execute(new.returning(contact_lists.c.list_id)).first() is not None
        found = self.find_list(workspace_id, name)
        if found is None:
            raise AssertionError("a contact list that was just written is not there")
        return found, made

    def find_list(self, workspace_id: str, name_or_id: str) -> ContactList | None:
        listed, list_id = contact_lists.c, _id_of(name_or_id)
        is_it = listed.name == name_or_id
        if list_id is not None:  # somebody may have named a list by another one's id
            is_it = or_(is_it, listed.list_id == list_id)
        query = select(contact_lists).where(listed.workspace_id == workspace_id, is_it)
        with self._transactions.read() as connection:
            rows = connection.execute(query).all()
        row = next(iter(sorted(rows, key=lambda row: row.list_id != list_id)), None)
        return None if row is None else ContactList(row.list_id, row.workspace_id, row.name, row.created_at)

    def lists(self, workspace_id: str) -> list[ContactList]:
        many = select(func.count()).where(contacts.c.list_id == contact_lists.c.list_id).scalar_subquery()
        query = (
            select(contact_lists, many.label("contacts"))
            .where(contact_lists.c.workspace_id == workspace_id)
            .order_by(contact_lists.c.name)
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query).all()
        return [ContactList(row.list_id, row.workspace_id, row.name, row.created_at, row.contacts) for row in rows]

    def save(self, contacts_given: Sequence[Contact]) -> tuple[int, list[Contact]]:
        if not contacts_given:
            return 0, []
        keys = [(contact.list_id, contact.phone) for contact in contacts_given]
        these = tuple_(contacts.c.list_id, contacts.c.phone).in_(keys)
        with self._transactions.write() as connection:
            before = connection.execute(select(func.count()).select_from(contacts).where(these)).scalar_one()
            now = now_of(connection)
            for contact, contact_id in zip(
                contacts_given, self._transactions.ids.take(now, len(contacts_given)), strict=True
            ):
                connection.execute(self._upsert(contact, contact_id, now))
            rows = connection.execute(select(contacts).where(these)).mappings().all()
        return len(rows) - before, [_contact_of(row) for row in rows]

    def _upsert(self, contact: Contact, contact_id: str, now: object) -> Any:
        given = _columns(contact)
        key = {"list_id": contact.list_id, "phone": contact.phone}
        new = {"contact_id": contact_id, "workspace_id": contact.workspace_id, "created_at": now}
        defaults = {"tags": "[]", "custom_fields": "{}"}
        upsert = self._transactions.backend.insert(contacts).values(**key, **new, **(defaults | given))
        if not given:
            return upsert.on_conflict_do_nothing(index_elements=list(key))
        return upsert.on_conflict_do_update(index_elements=list(key), set_=given)

    def find(self, workspace_id: str, contact_id: str) -> Contact | None:
        query = select(contacts).where(contacts.c.workspace_id == workspace_id, contacts.c.contact_id == contact_id)
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _contact_of(row)

    def page(
        self, workspace_id: str, list_id: str | None = None, after: str | None = None, limit: int = 500
    ) -> list[Contact]:
        c = contacts.c
        query = select(contacts).where(c.workspace_id == workspace_id).order_by(c.contact_id.desc()).limit(limit)
        if list_id is not None:
            query = query.where(c.list_id == list_id)
        if after is not None:
            query = query.where(c.contact_id < after)
        with self._transactions.read() as connection:
            return [_contact_of(row) for row in connection.execute(query).mappings().all()]

    def in_order(self, list_id: str, after: str | None = None, limit: int = 1000) -> list[Contact]:
        c = contacts.c
        query = select(contacts).where(c.list_id == list_id).order_by(c.contact_id).limit(limit)
        if after is not None:
            query = query.where(c.contact_id > after)
        with self._transactions.read() as connection:
            return [_contact_of(row) for row in connection.execute(query).mappings().all()]


def _id_of(text: str) -> str | None:
    """The id in the ledger's spelling; None where the text is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _columns(contact: Contact) -> dict[str, Any]:
    """What was given of it; the rest stays as it was."""
    given: dict[str, Any] = {name: value for name in _GIVEN if (value := getattr(contact, name)) not in (None, (), {})}
    return {
        name: json.dumps(value, ensure_ascii=False) if name in ("tags", "custom_fields") else value
        for name, value in given.items()
    }


def _contact_of(row: RowMapping) -> Contact:
    c = contacts.c
    return Contact(
        contact_id=row[c.contact_id],
        workspace_id=row[c.workspace_id],
        list_id=row[c.list_id],
        phone=row[c.phone],
        name=row[c.name],
        email=row[c.email],
        company=row[c.company],
        tags=tuple(json.loads(row[c.tags])),
        custom_fields=dict(json.loads(row[c.custom_fields])),
        created_at=row[c.created_at],
    )
