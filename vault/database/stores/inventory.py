"""The available recordings, for a comparison with the object store."""

from collections.abc import Sequence

from sqlalchemy import Connection as DbConnection
from sqlalchemy import func, select

from vault.database.schema.core import recordings
from vault.database.stores.recordings import RECORDING_COLUMNS, recording_of
from vault.domain.recordings.recording import Recording, State

_AVAILABLE = recordings.c.state == str(State.AVAILABLE)


class InventoryRows:
    """The recordings to compare with the object store."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def count_available(self) -> int:
        """Return the number of available recordings."""
        query = select(func.count()).select_from(recordings).where(_AVAILABLE)
        return self._db.execute(query).scalar_one()

    def available(self, *, after: str, limit: int) -> Sequence[Recording]:
        """Return available recordings of all accounts ordered by id, those greater than ``after``."""
        query = select(*RECORDING_COLUMNS).where(_AVAILABLE, recordings.c.id > after)
        return [recording_of(row) for row in self._db.execute(query.order_by(recordings.c.id).limit(limit))]

    def manifest_due(self, recording_id: str) -> bool:
        """Return whether a recording's manifest or tombstone must still be written."""
        query = select(recordings.c.manifest_due).where(recordings.c.id == recording_id)
        return bool(self._db.execute(query).scalar())
