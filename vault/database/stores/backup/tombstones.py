"""Refused, failed and erased recordings whose tombstone must be written to the object store."""

from collections.abc import Sequence

from sqlalchemy import select, update

from vault.database.schema.core import recordings
from vault.database.signals import Work, wake
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording
from vault.domain.stored.tombstone import FINAL


class TombstoneRows(Rows):
    """Tombstones of refused, failed and erased recordings, for the object store."""

    def due(self, limit: int) -> Sequence[Recording]:
        """Return recordings of one account whose tombstone was not written for their current state."""
        r = recordings.c
        due = r.manifest_due & r.state.in_([str(state) for state in FINAL])
        account_id = self._db.execute(select(r.account_id).where(due).limit(1)).scalar()
        mine = select(*RECORDING_COLUMNS).where(due, r.account_id == account_id).limit(limit)
        return [recording_of(row) for row in self._db.execute(mine)] if account_id is not None else []

    def written(self, tombstones: Sequence[Recording]) -> None:
        """Mark tombstones as stored; one whose recording has changed its state since stays due."""
        r = recordings.c
        for state in {recording.state for recording in tombstones}:
            ids = [recording.id for recording in tombstones if recording.state is state]
            same = update(recordings).where(r.id.in_(ids), r.state == str(state))
            self._db.execute(same.values(manifest_due=False))
        wake(self._db, Work.CLOSING_ACTS)
