"""Metadata of calls and of their recordings, each as one sealed row, with keyed hashes that find it by exact value."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, select, update

from vault.database.schema.calls import call_metadata, call_metadata_terms
from vault.database.sql.dialect import insert_new
from vault.database.stores.calls.call_changes import note_call_change
from vault.database.stores.rows import Rows
from vault.domain.calls.metadata import MetadataRow
from vault.domain.recordings.recording import Recording

_M, _T = call_metadata.c, call_metadata_terms.c
_KEY: Final = ("account_id", "call_ref", "recording_id")


class CallMetadataRows(Rows):
    """Metadata in one transaction. Who changes some holds the locks of the account and of the call."""

    def get(self, account_id: str, call_ref: str, recording_id: str = "") -> MetadataRow | None:
        """Return the metadata of a call, or of one of its recordings."""
        query = select(call_metadata).where(*_of(call_metadata, (account_id, call_ref, recording_id)))
        row = self._db.execute(query).mappings().first()
        return None if row is None else MetadataRow(**row)

    def of_calls(
        self, account_id: str, call_refs: Iterable[str], recording_ids: Iterable[str] = ()
    ) -> Sequence[MetadataRow]:
        """Return the metadata of some hundred calls, and of those of their recordings; ordered by recording."""
        mine = (_M.account_id == account_id) & _M.call_ref.in_({*call_refs})
        query = select(call_metadata).where(mine, _M.recording_id.in_({"", *recording_ids}))
        rows = [MetadataRow(**row) for row in self._db.execute(query).mappings()]
        return sorted(rows, key=lambda row: (row.call_ref, row.recording_id))

    def put(self, row: MetadataRow, terms: Iterable[bytes], *, before: MetadataRow | None) -> bool:
        """Write metadata with the terms that find it; False if it is no longer as it was ``before``."""
        key = (row.account_id, row.call_ref, row.recording_id)
        if before is None:
            if not insert_new(self._db, call_metadata, asdict(row)):
                return False
        else:
            same = update(call_metadata).where(*_of(call_metadata, key), _M.sealed == before.sealed)
            changed = same.values(sealed=row.sealed, changed_at=row.changed_at)
            if not self._db.execute(changed).rowcount:
                return False
        self._db.execute(delete(call_metadata_terms).where(*_of(call_metadata_terms, key)))
        same_of_all = dict(zip(_KEY, key, strict=True))
        if rows := [same_of_all | {"term": term} for term in sorted({*terms})]:
            insert_new(self._db, call_metadata_terms, *rows)
        if not row.recording_id:
            note_call_change(self._db, row.account_id, row.call_ref)
        return True

    def restore(self, row: MetadataRow, terms: Iterable[bytes]) -> None:
        """Write metadata that a manifest has, unless what is there was changed later."""
        before = self.get(row.account_id, row.call_ref, row.recording_id)
        if before is None or before.changed_at < row.changed_at:
            self.put(row, terms, before=before)

    def find(self, account_id: str, terms: Iterable[bytes], after: str, limit: int) -> Sequence[str]:
        """Return the refs of calls that have each of the terms themselves, in order, those after ``after``."""
        first, *others = (refs_of_metadata(account_id, term) for term in terms)
        found = first.where(_T.call_ref > after)
        for other in others:
            found = found.where(_T.call_ref.in_(other))
        return [row.call_ref for row in self._db.execute(found.order_by(_T.call_ref).limit(limit))]


def refs_of_metadata(account_id: str, term: bytes) -> Select[tuple[str]]:
    """Select the refs of calls whose own metadata has this term."""
    mine = (_T.account_id == account_id) & (_T.term == term)
    return select(_T.call_ref).where(mine, _T.recording_id == "")


def recordings_of_metadata(account_id: str, term: bytes) -> Select[tuple[str]]:
    """Select the ids of recordings whose own metadata has this term."""
    mine = (_T.account_id == account_id) & (_T.term == term)
    return select(_T.recording_id).where(mine, _T.recording_id != "")


def forget_metadata_of_call(connection: Connection, account_id: str, call_ref: str) -> None:
    """Delete the metadata of a call and of all its recordings."""
    for table in (call_metadata, call_metadata_terms):
        connection.execute(delete(table).where(*_of(table, (account_id, call_ref))))


def forget_metadata_of_recording(connection: Connection, recording: Recording) -> None:
    """Delete the metadata of a recording that is being erased. That of its call stays."""
    for table in (call_metadata, call_metadata_terms):
        key = (recording.account_id, recording.call_ref, recording.id)
        connection.execute(delete(table).where(*_of(table, key)))


def _of(table: Table, key: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the conditions on the first columns of the key."""
    return [table.c[name] == value for name, value in zip(_KEY, key, strict=False)]
