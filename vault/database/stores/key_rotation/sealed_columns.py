"""The columns with data that versions of account keys, or month keys, wrap or seal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Column, ColumnElement, Table, and_

from vault.database.schema.account_keys import detail_keys, month_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.consent import consent_events, notices, objections
from vault.database.schema.core import accounts, connections, links, recordings
from vault.database.schema.registers import register_entries
from vault.database.schema.requests import person_packages, person_requests

#: All kinds of rows with data that an account key version wraps or seals. Recordings are first. Month keys wrap or
#: seal recording keys, announcements and call facts since they exist; the account key does in rows of before.
SealedKind = Literal[
    "recording_key",
    "month_key",
    "index_key",
    "detail_key",
    "credentials",
    "announcement",
    "call_fact",
    "consent_event",
    "objection",
    "listener",
    "prompt",
    "request",
    "receipt",
    "package_key",
    "register_entry",
]
SEALED_KINDS: tuple[SealedKind, ...] = get_args(SealedKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """One value that a version of an account key wraps or seals."""

    #: The name in its encryption context: the row's id, a connection's name, or a detail key's number.
    name: str
    sealed: bytes = field(repr=False)
    #: When the row arrived, which says the month; None for kinds that stay under the account key.
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The columns that store one kind of sealed data."""

    table: Table
    sealed: Column[Any]
    version: Column[Any]
    #: The row's name in the encryption context; unique in the account.
    name: Column[Any]
    account: Column[Any]
    #: Whether the account's object in the object store contains it too, which is then due once it is wrapped again.
    is_in_account_object: bool
    #: For kinds that month keys seal: the month key, NULL where the account key itself sealed; and the time of arrival.
    month: Column[Any] | None = None
    at: Column[Any] | None = None

    def under(self, account_id: str, version: int) -> ColumnElement[bool]:
        """Return the condition for rows sealed under a version itself."""
        here = and_(self.account == account_id, self.version == version, self.sealed.is_not(None))
        return here if self.month is None else and_(here, self.month.is_(None))


def _place(
    table: Table, sealed: str, name: str = "id", version: str = "key_version", *, is_in_account_object: bool
) -> Place:
    return Place(
        table,
        table.c[sealed],
        table.c[version],
        table.c[name],
        table.c.account_id,
        is_in_account_object=is_in_account_object,
    )


def _monthly(
    table: Table, sealed: str, at: str, version: str = "key_version", month: str = "month_key"
) -> Place:
    place = _place(table, sealed, version=version, is_in_account_object=False)
    return replace(place, month=table.c[month], at=table.c[at])


#: The columns of each kind of sealed data.
SEALED_COLUMNS: Mapping[SealedKind, Place] = {
    "recording_key": _monthly(recordings, "wrapped_key", "received_at"),
    "month_key": _place(month_keys, "wrapped_key", is_in_account_object=True),
    "index_key": Place(
        accounts,
        accounts.c.wrapped_index_key,
        accounts.c.index_key_version,
        accounts.c.id,
        accounts.c.id,
        is_in_account_object=True,
    ),
    "detail_key": _place(detail_keys, "wrapped_key", "number", is_in_account_object=True),
    "credentials": _place(connections, "sealed_credentials", "name", is_in_account_object=True),
    "announcement": _monthly(
        recordings, "sealed_announcement", "received_at", "announcement_key_version", "announcement_month_key"
    ),
    "call_fact": _monthly(call_facts, "sealed_facts", "at"),
    "consent_event": _place(consent_events, "sealed_event", is_in_account_object=False),
    "objection": _place(objections, "sealed_number", is_in_account_object=True),
    "listener": _place(links, "sealed_listener", is_in_account_object=False),
    "prompt": _place(notices, "sealed_audio", is_in_account_object=True),
    "request": _place(person_requests, "sealed_personal", is_in_account_object=True),
    "receipt": _place(
        person_requests, "sealed_receipt", version="receipt_key_version", is_in_account_object=True
    ),
    "package_key": _place(person_packages, "wrapped_key", "request_id", is_in_account_object=False),
    "register_entry": _place(register_entries, "sealed_entry", is_in_account_object=True),
}
