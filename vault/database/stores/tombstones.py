"""Recordings that are refused, failed or erased, and whose tombstone is to be written to the object store."""

from collections.abc import Sequence

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select, update

from vault.database.schema.core import recordings
from vault.database.stores.recordings import RECORDING_COLUMNS, recording_of
from vault.domain.recordings.recording import Recording
from vault.domain.stored.tombstone import FINAL


class TombstoneRows:
    """The tombstones of one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def due(self, limit: int) -> Sequence[Recording]:
        """Return recordings of one account whose tombstone was not written in the state that they are in."""
        r = recordings.c
        due = r.manifest_due & r.state.in_([str(state) for state in FINAL])
        account_id = self._db.execute(select(r.account_id).where(due).limit(1)).scalar()
        mine = select(*RECORDING_COLUMNS).where(due, r.account_id == account_id).limit(limit)
        return [recording_of(row) for row in self._db.execute(mine)] if account_id is not None else []

    def written(self, tombstones: Sequence[Recording]) -> None:
        """Note that they are in the object store; one that moved on meanwhile stays due."""
        r = recordings.c
        for state in {one.state for one in tombstones}:
            ids = [one.id for one in tombstones if one.state is state]
            same = update(recordings).where(r.id.in_(ids), r.state == str(state))
            self._db.execute(same.values(manifest_due=False))
