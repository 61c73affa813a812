"""What was answered to the requests of connections, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, literal, select, tuple_, update

from vault.database.schema.calls import connection_deliveries
from vault.database.schema.core import recordings
from vault.database.sql.dialect import insert_for
from vault.database.stores.rows import Rows
from vault.domain.calls.delivery_entry import DeliveryEntry, DeliveryFilter
from vault.domain.recordings.recording import GONE

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE: Final = 1000
_D = connection_deliveries.c
_KEY: Final = (_D.connection_id, _D.at, _D.id)


class DeliveryRows(Rows):
    """Entries of the delivery log in one transaction."""

    def put(self, entries: Sequence[DeliveryEntry]) -> None:
        """Add entries, or set how many requests those stand for that are there already.

        One whose recording was refused gets the first reason; one whose recording was erased names it no longer.
        """
        ids = {entry.recording_id for entry in entries if entry.recording_id is not None}
        r = recordings.c
        known = self._db.execute(select(r.id, r.state, r.reasons).where(r.id.in_(ids))).all() if ids else []
        states: dict[str, Any] = {row.id: row for row in known}
        insert = insert_for(self._db, connection_deliveries)
        upsert = insert.on_conflict_do_update(
            index_elements=list(_KEY), set_={"requests": insert.excluded.requests}
        )
        # With RETURNING, SQLAlchemy sends all rows in one statement.
        rows = [asdict(_completed(entry, states)) for entry in entries]
        self._db.execute(upsert.returning(literal(1)), rows).all()

    def page(
        self, connection_id: str, wanted: DeliveryFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[DeliveryEntry]:
        """Return entries of a connection, the newest first, those before the cursor (at, id)."""
        query = select(connection_deliveries).where(_D.connection_id == connection_id)
        if wanted.outcome is not None:
            query = query.where(_D.outcome == wanted.outcome)
        if wanted.since is not None:
            query = query.where(_D.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(_D.at < wanted.until)
        if before is not None:
            query = query.where(tuple_(_D.at, _D.id) < before)
        rows = self._db.execute(query.order_by(_D.at.desc(), _D.id.desc()).limit(limit))
        return [DeliveryEntry(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def forget_connection(self, connection_id: str) -> None:
        """Delete the entries of a connection that is deleted."""
        self._db.execute(delete(connection_deliveries).where(_D.connection_id == connection_id))

    def forget(self, before: datetime) -> bool:
        """Delete a batch of entries older than ``before``; False if there are none."""
        old = select(*_KEY).where(_D.at < before).limit(_BATCH_SIZE)
        return bool(self._db.execute(delete(connection_deliveries).where(tuple_(*_KEY).in_(old))).rowcount)


def forget_recording_in_deliveries(connection: Connection, recording_id: str) -> None:
    """Let no entry name a recording that is being erased. Called again when its erasure ends, for those added since."""
    mine = update(connection_deliveries).where(_D.recording_id == recording_id)
    connection.execute(mine.values(recording_id=None))


def _completed(entry: DeliveryEntry, states: Mapping[str, Any]) -> DeliveryEntry:
    found = states.get(entry.recording_id or "")
    if found is None:
        return replace(entry, recording_id=None)
    if entry.outcome == "refused" and entry.reason is None and found.reasons:
        entry = replace(entry, reason=found.reasons[0]["code"])
    return replace(entry, recording_id=None) if found.state in GONE else entry
