"""Chains of evidence: the entries that were added after a recording was sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import delete, select

from vault.batches import batches
from vault.database.schema.consent import evidence_entries
from vault.database.sql.compiled_statements import CompiledInsert
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows
from vault.database.stores.short_form import lengthen, shorten
from vault.errors import Busy

# Every received recording runs it.
_ADD_ENTRY: Final = CompiledInsert(evidence_entries)
#: Recordings in one statement.
_BATCH: Final = 500
_TAKEN: Final = "Another request added an entry to this recording's evidence; retry."


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One entry of a recording's evidence chain, sealed under the recording key."""

    account_id: str
    recording_id: str
    #: From 1; entry 0 is the evidence in the encryption context, which is stored in the details.
    position: int
    #: SHA-256 of the canonical bytes, in hexadecimal.
    digest: str
    sealed_entry: bytes


class EvidenceRows(Rows):
    """Evidence entries added after a recording was sealed. They are deleted when the recording is shredded."""

    def of_recording(self, recording_id: str) -> Sequence[EvidenceRow]:
        """Return a recording's entries in order of position."""
        e = evidence_entries.c
        query = select(evidence_entries).where(e.recording_id == recording_id).order_by(e.position)
        return [_evidence(row._mapping) for row in self._db.execute(query)]  # noqa: SLF001 - public

    def has(self, recording_id: str, digest: str) -> bool:
        """Return whether a recording's chain has the entry with this digest."""
        mine = (evidence_entries.c.recording_id == recording_id) & (evidence_entries.c.digest == digest)
        return self._db.execute(select(evidence_entries.c.position).where(mine)).first() is not None

    def replace_all(self, recording_id: str, rows: Sequence[EvidenceRow]) -> None:
        """Replace a recording's chain."""
        self._db.execute(delete(evidence_entries).where(evidence_entries.c.recording_id == recording_id))
        self.add_to_each(rows)

    def heads(self, recording_ids: Sequence[str]) -> Mapping[str, tuple[int, str]]:
        """Return position and digest of the last entry of each of these recordings; none for one without any."""
        e, later = evidence_entries.c, evidence_entries.alias()
        newer = select(later.c.position).where(
            later.c.recording_id == e.recording_id, later.c.position > e.position
        )
        heads: dict[str, tuple[int, str]] = {}
        for batch in batches(recording_ids, _BATCH):
            mine = e.recording_id.in_(batch) & ~newer.exists()
            rows = self._db.execute(select(e.recording_id, e.position, e.digest).where(mine))
            heads |= {row.recording_id: (row.position, row.digest) for row in rows}
        return heads

    def add_to_each(self, rows: Sequence[EvidenceRow]) -> None:
        """Insert an entry of each of many recordings. Raises Busy if a position is taken."""
        for batch in batches(rows, _BATCH):
            added = insert_new(self._db, evidence_entries, *(evidence_values(row) for row in batch))
            if added < len(batch):
                raise Busy(_TAKEN, retry_after=1)

    def add(self, *rows: EvidenceRow) -> None:
        """Insert entries. Raises Busy if a position is taken."""
        added = [_ADD_ENTRY.add(self._db, evidence_values(row)) for row in rows]
        if not all(added):
            raise Busy(_TAKEN, retry_after=1)


def evidence_values(row: EvidenceRow) -> dict[str, Any]:
    """Return the columns of an entry."""
    short = shorten(row.sealed_entry, row.account_id, row.recording_id, "evidence")
    return {name: getattr(row, name) for name in EvidenceRow.__slots__} | {"sealed_entry": short}


def _evidence(columns: Mapping[Any, Any]) -> EvidenceRow:
    row = EvidenceRow(**columns)
    return replace(row, sealed_entry=lengthen(row.sealed_entry, row.account_id, row.recording_id, "evidence"))
