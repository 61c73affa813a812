"""Recordings as rows: insert, find and list. State transitions are in ``recording_states``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, or_, select, union, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.calls import call_terms
from vault.database.schema.core import recording_terms, recordings
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_new
from vault.database.stores.accounts.stored_answers import forget_answers_on_recording
from vault.database.stores.calls.call_metadata import forget_metadata_of_recording
from vault.database.stores.calls.deliveries import forget_recording_in_deliveries
from vault.database.stores.handover.handovers import remove_handovers_of
from vault.database.stores.outbox.messages import forget_messages_about
from vault.database.stores.recordings.recording_filter import conditions_of
from vault.database.stores.recordings.recording_keys import IS_OF_CALL, keys_of, keys_of_call
from vault.database.stores.rows import Rows
from vault.database.stores.short_form import lengthen
from vault.domain.accounts.account import SourcePolicy
from vault.domain.calls.call import Kind, Voice
from vault.domain.reason import Reason
from vault.domain.recordings.recording import (
    GONE,
    Recording,
    RecordingFilter,
    RecordingKeys,
    SealedAnnouncement,
    SealedObject,
    State,
)
from vault.domain.stored.encryption_context import Purpose
from vault.domain.stored.tombstone import FINAL
from vault.errors import Busy

_BLOBS = {"sealed_announcement", "sealed_details", "sealed_waveform", "wrapped_key"}
_RETENTION = {
    "retention_class", "policy_version", "act_at", "minimum_until", "legal_until", "holds", "object_locked_until",
    "lock_state", "object_hold",
}  # fmt: skip
#: The columns of a Recording: all except blobs, and those of retention, that few callers need.
RECORDING_COLUMNS = [column for column in recordings.c if column.name not in _BLOBS | _RETENTION]
#: Set wherever the content of an available recording's manifest changes. Without the token, the writer of its first
#: manifest notices the change, while the lease still keeps other nodes from writing it concurrently.
MANIFEST_CHANGED: Mapping[str, Any] = {"manifest_due": True, "lease_token": None}
_UPLOAD = ""
# Every played range and every call that starts runs these.
_GET = CompiledSelect(
    select(*RECORDING_COLUMNS).where(
        recordings.c.id == bindparam("id"), recordings.c.account_id == bindparam("account_id")
    )
)
_NOT_GONE = select(recordings.c.id).where(
    recordings.c.id.in_(bindparam("ids", expanding=True)),
    recordings.c.account_id == bindparam("account_id"),
    recordings.c.state.not_in(GONE),
)
# Sorted by the caller: with an order SQLite would read the whole account by the index of pages.
_OF_CALL = CompiledSelect(select(*RECORDING_COLUMNS).where(IS_OF_CALL))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecording:
    """A new recording, from its announcement or upload."""

    id: str
    account_id: str
    connection_id: str | None
    recording_ref: str
    call_ref: str
    received_at: datetime
    call_started_at: datetime | None
    call_ended_at: datetime | None
    #: URL and call facts, sealed under the month key; None for an upload.
    sealed_announcement: bytes | None
    #: The version of the account key that must be current.
    key_version: int
    month_key: str | None = None
    kind: Kind = "call"
    #: The party on each channel.
    voices: tuple[Voice, ...] = ()
    #: The recording's id in the provider's REST API.
    source_ref: str | None = None
    source_policy: SourcePolicy = "keep"
    #: Why it is refused at its announcement; empty if it is not.
    grounds: tuple[Reason, ...] = ()
    #: See ``Recording.origin``.
    origin: str | None = None


class RecordingRows(Rows):
    """Recordings as rows: inserted, found and listed."""

    def insert_upload(
        self, new: NewRecording, *, state: State, reasons: Sequence[Reason], epoch: int
    ) -> None:
        """Insert an upload's row. Raises Busy if another client inserted one with this reference first."""
        row = new_row(new, state=state, reasons=reasons, epoch=epoch)
        if not insert_new(self._db, recordings, row):
            raise Busy("Another upload of this recording is in progress; retry later.", retry_after=1)

    def get(self, account_id: str, recording_id: str) -> Recording | None:
        """Return a recording of this account."""
        row = _GET.first(self._db, id=recording_id, account_id=account_id)
        return None if row is None else recording_from(row)

    def of_account(self, account_id: str, recording_ids: Sequence[str]) -> list[Recording]:
        """Return those of these recordings that are the account's; pass at most some hundred."""
        r = recordings.c
        query = select(*RECORDING_COLUMNS).where(r.id.in_(recording_ids), r.account_id == account_id)
        return [recording_of(row) for row in self._db.execute(query)]

    def by_id(self, recording_id: str) -> Recording | None:
        """Return a recording of any account, for operators."""
        return self._first(recordings.c.id == recording_id)

    def existing(self, recording_ids: Sequence[str]) -> set[str]:
        """Return those of these ids that exist, in any account; pass at most some hundred."""
        query = select(recordings.c.id).where(recordings.c.id.in_(recording_ids))
        return set(self._db.execute(query).scalars())

    def not_gone(self, account_id: str, recording_ids: Sequence[str]) -> set[str]:
        """Return those of these ids of an account whose erasure has not begun; pass at most some hundred."""
        return set(
            self._db.execute(_NOT_GONE, {"account_id": account_id, "ids": list(recording_ids)}).scalars()
        )

    def by_ref(self, account_id: str, connection_id: str | None, recording_ref: str) -> Recording | None:
        """Return a recording by its source's reference."""
        return self._first(
            (recordings.c.account_id == account_id)
            & (recordings.c.connection_id == (connection_id or _UPLOAD))
            & (recordings.c.recording_ref == recording_ref)
        )

    def keys(self, recording_id: str) -> RecordingKeys | None:
        """Return the recording's keys; None before it is sealed and after it is shredded."""
        return keys_of(self._db, recording_id)

    def keys_of_call(self, account_id: str, call_ref: str) -> Mapping[str, RecordingKeys | None]:
        """Return the keys of a call's recordings by id, as ``keys`` does for one."""
        return keys_of_call(self._db, account_id, call_ref)

    def announcement(self, recording_id: str) -> SealedAnnouncement | None:
        """Return the sealed announcement, with the key that sealed it."""
        r = recordings.c
        query = select(r.sealed_announcement, r.announcement_key_version, r.announcement_month_key)
        row = self._db.execute(query.where(r.id == recording_id)).first()
        return None if row is None or row.sealed_announcement is None else SealedAnnouncement(*row)

    def page(
        self, account_id: str, selection: RecordingFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Recording]:
        """Return an account's recordings, newest first, those before the cursor (received_at, id)."""
        r = recordings.c
        query = select(*RECORDING_COLUMNS).where(*conditions_of(account_id, selection))
        if before is not None:
            at, recording_id = before
            earlier = or_(r.received_at < at, (r.received_at == at) & (r.id < recording_id))
            # The first condition is implied; it lets an index begin at the cursor.
            query = query.where(r.received_at <= at, earlier)
        rows = self._db.execute(query.order_by(r.received_at.desc(), r.id.desc()).limit(limit))
        return [recording_of(row) for row in rows]

    def of_call(self, account_id: str, call_ref: str) -> Sequence[Recording]:
        """Return the recordings of a call, oldest first."""
        rows = _OF_CALL.rows(self._db, account_id=account_id, call_ref=call_ref)
        return sorted((recording_from(row) for row in rows), key=lambda one: (one.received_at, one.id))

    def restrict(self, recording_id: str, *, restricted: bool) -> None:
        """Restrict a recording, so that it cannot be played, or end the restriction."""
        mine = recordings.c.id == recording_id
        self._db.execute(update(recordings).where(mine).values(restricted=restricted))

    def index(self, account_id: str, recording_id: str, terms: Sequence[bytes]) -> None:
        """Insert blind-index terms of a recording; existing terms stay."""
        self.index_each(account_id, [recording_id], terms)

    def index_each(self, account_id: str, recording_ids: Sequence[str], terms: Sequence[bytes]) -> None:
        """Insert the same terms of each of these recordings."""
        self.index_all(product([account_id], recording_ids, set(terms)))

    def index_all(self, terms: Iterable[tuple[str, str, bytes]]) -> None:
        """Insert terms, each with its account and its recording; existing ones stay."""
        if rows := [{"account_id": one, "recording_id": id_, "term": term} for one, id_, term in terms]:
            insert_new(self._db, recording_terms, *rows)

    def forget_terms(self, recording_id: str) -> None:
        """Delete the blind-index terms of a recording."""
        self._db.execute(delete(recording_terms).where(recording_terms.c.recording_id == recording_id))

    def _first(self, condition: ColumnElement[bool]) -> Recording | None:
        row = self._db.execute(select(*RECORDING_COLUMNS).where(condition)).first()
        return None if row is None else recording_of(row)


def terms_of(db: DbConnection, recording: Recording) -> frozenset[bytes]:
    """Return the keyed hashes of a recording and its call; before the gate only the call has some."""
    r, c = recording_terms.c, call_terms.c
    query = union(
        select(r.term).where(r.recording_id == recording.id),
        select(c.term).where(c.account_id == recording.account_id, c.call_ref == recording.call_ref),
    )
    return frozenset(db.execute(query).scalars())


def forget_gone(db: DbConnection, recording: Recording) -> None:
    """Delete what shows or names a recording whose erasure begins, beside its keys; again when it ends."""
    for forget in (
        forget_answers_on_recording, forget_messages_about, forget_recording_in_deliveries, remove_handovers_of,
    ):  # fmt: skip
        forget(db, recording.id)
    forget_metadata_of_recording(db, recording)


def new_row(new: NewRecording, *, state: State, reasons: Sequence[Reason], epoch: int) -> dict[str, Any]:
    """Return the row of a new recording."""
    same = (
        "id", "account_id", "recording_ref", "call_ref", "received_at", "call_started_at", "call_ended_at",
    )  # fmt: skip
    return {
        **{
            name: getattr(new, name)
            for name in (*same, "sealed_announcement", "kind", "source_ref", "origin")
        },
        "connection_id": new.connection_id or _UPLOAD,
        "state": str(state),
        "reasons": reasons_json(reasons),
        "epoch": epoch,
        "announcement_key_version": new.key_version,
        "announcement_month_key": new.month_key,
        "voices": list(new.voices),
        # Without the id of the provider's copy the vault cannot delete it.
        "source_policy": new.source_policy if new.source_ref is not None else "keep",
        "source_attempts": 0,
        "source_not_before": new.received_at,
        "attempts": 0,
        "not_before": new.received_at,
        "damaged": False,
        "restricted": False,
        # A recording that is refused on receipt needs a tombstone.
        "manifest_due": state in FINAL,
    }


def reasons_json(reasons: Sequence[Reason]) -> list[dict[str, str | None]]:
    """Return reasons as the column stores them."""
    return [{"code": reason.code, "text": reason.text, "source": reason.source} for reason in reasons]


def recording_of(row: Row[Any]) -> Recording:
    """Convert a row (of RECORDING_COLUMNS) to a Recording."""
    return recording_from(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def recording_from(columns: Mapping[Any, Any]) -> Recording:
    """Convert the columns RECORDING_COLUMNS by name to a Recording."""
    values = {name: columns[name] for name in Recording.__slots__ if name in columns}
    values["connection_id"] = columns["connection_id"] or None
    values["state"] = State(columns["state"])
    values["voices"] = tuple(columns["voices"])
    values["reasons"] = tuple(Reason(**reason) for reason in columns["reasons"])
    values["audio"] = _sealed(columns, "audio")
    values["rendition"] = _sealed(columns, "rendition")
    return Recording(**values)


def _sealed(columns: Mapping[Any, Any], purpose: Purpose) -> SealedObject | None:
    location, header, size = (columns[f"{purpose}_{name}"] for name in ("location", "header", "size"))
    if location is None or header is None or size is None:
        return None
    whole = lengthen(header, columns["account_id"], columns["id"], purpose)
    return SealedObject(location=location, header=whole, size=size)


def sealed_announcement(columns: Mapping[Any, Any]) -> SealedAnnouncement | None:
    """Return the sealed announcement of a row by its columns."""
    sealed = columns["sealed_announcement"]
    if sealed is None:
        return None
    return SealedAnnouncement(sealed, columns["announcement_key_version"], columns["announcement_month_key"])
