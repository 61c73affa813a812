"""The available recordings, for a comparison with the object store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, func, or_, select

from vault.database.schema.account_keys import account_keys, month_keys
from vault.database.schema.core import recordings
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording, State

_AVAILABLE = recordings.c.state == str(State.AVAILABLE)


class InventoryRows(Rows):
    """The recordings to compare with the object store."""

    def count_available(self) -> int:
        """Return the number of available recordings."""
        query = select(func.count()).select_from(recordings).where(_AVAILABLE)
        return self._db.execute(query).scalar_one()

    def available(self, *, after: str, limit: int) -> Sequence[Recording]:
        """Return available recordings of all accounts ordered by id, those greater than ``after``."""
        query = select(*RECORDING_COLUMNS).where(_AVAILABLE, recordings.c.id > after)
        return [recording_of(row) for row in self._db.execute(query.order_by(recordings.c.id).limit(limit))]

    def states(self, recording_ids: Sequence[str]) -> Mapping[str, State]:
        """Return the states of those of these recordings that exist; pass at most some hundred."""
        query = select(recordings.c.id, recordings.c.state).where(recordings.c.id.in_(recording_ids))
        return {row.id: State(row.state) for row in self._db.execute(query)}

    def written_of(
        self, account_id: str, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[tuple[datetime, str]]:
        """Return (received_at, id) of an account's available recordings whose manifest is not due, in this order."""
        r = recordings.c
        query = select(r.received_at, r.id).where(r.account_id == account_id, _AVAILABLE, ~r.manifest_due)
        if after is not None:
            at, recording_id = after
            query = query.where(r.received_at >= at, or_(r.received_at > at, r.id > recording_id))
        rows = self._db.execute(query.order_by(r.received_at, r.id).limit(limit))
        return [(row.received_at, row.id) for row in rows]

    def without_key(
        self, account_id: str, destroyed: Collection[int], *, after: str, limit: int
    ) -> Sequence[str]:
        """Return ids of an account's available recordings whose key is gone.

        That is their month key or, if they have none, a version of the account's key, also one in ``destroyed``.
        """
        r, k, m = recordings.c, account_keys.c, month_keys.c
        versions = select(k.version).where(k.account_id == account_id, k.version.not_in(destroyed))
        months = select(m.id).where(m.account_id == account_id)
        lost = case((r.month_key.is_(None), r.key_version.not_in(versions)), else_=r.month_key.not_in(months))
        mine = (r.account_id == account_id) & _AVAILABLE & lost
        query = select(r.id).where(mine, r.id > after).order_by(r.id).limit(limit)
        return self._db.execute(query).scalars().all()

    def manifest_due(self, recording_id: str) -> bool:
        """Return whether a recording's manifest or tombstone must still be written."""
        query = select(recordings.c.manifest_due).where(recordings.c.id == recording_id)
        return bool(self._db.execute(query).scalar())
