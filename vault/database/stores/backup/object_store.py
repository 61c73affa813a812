"""What the object store must contain: the database's record of it, recordings to compare, tombstones to write."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, func, or_, select, update

from vault.database.schema.access_log import checkpoints, closing_acts, publication
from vault.database.schema.account_keys import account_keys, month_keys
from vault.database.schema.core import accounts, recordings
from vault.database.schema.requests import person_requests
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.recordings.recordings import MANIFEST_CHANGED, RECORDING_COLUMNS, recording_of
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored.tombstone import FINAL

_AVAILABLE = recordings.c.state == str(State.AVAILABLE)
_WITH_OBJECT = [str(state) for state in (State.AVAILABLE, *FINAL)]
#: The metadata of a rewrite in progress.
REWRITE_MARK = "store_rewrite"
#: Max due objects to count, per kind.
_MAX_COUNTED = 10_000


class ObjectStoreRows(Rows):
    """The content of the object store according to the database, and the marks for writing it again."""

    def published_size(self) -> int:
        """Return the number of leaves in published tiles."""
        size: int = self._db.execute(select(publication.c.size)).scalar_one()
        return size

    def published_checkpoints(self, *, above: int, limit: int) -> Sequence[StoredCheckpoint]:
        """Return published checkpoints with sizes greater than ``above``, smallest first."""
        c = checkpoints.c
        query = select(c.size, c.note, c.at).where(c.size > above, c.published_at.is_not(None))
        rows = self._db.execute(query.order_by(c.size).limit(limit))
        return [StoredCheckpoint(size=row.size, note=row.note, at=row.at) for row in rows]

    def rewrite_log_and_accounts(self, *, published: int) -> None:
        """Make the log after ``published`` leaves, and every account and closing act, due for writing again."""
        further = update(publication).where(publication.c.size > published)
        self._db.execute(further.values(size=published, not_before=database_now(self._db)))
        # -1 equals no revision, so every account is due.
        self._db.execute(update(accounts).values(written_revision=-1))
        # The jobs that write accounts write their closed requests, too.
        self._db.execute(update(person_requests).values(stored_under=None))
        # Settled acts without a permanent object are left out: accounts and the log contain them.
        acts = update(closing_acts).where(closing_acts.c.act.is_not(None))
        self._db.execute(acts.values(stored=False))
        for work in (Work.REWRITE_STORE, Work.PUBLISH, Work.ACCOUNT_OBJECTS, Work.CLOSING_ACTS):
            wake(self._db, work)

    def rewrite_recordings(self, *, after: str, limit: int) -> str | None:
        """Make the manifests and tombstones of ``limit`` recordings, ordered by id, due for writing again.

        Returns the last of these ids, None if there are none.
        """
        r = recordings.c
        page = select(r.id).where(r.id > after, r.state.in_(_WITH_OBJECT)).order_by(r.id).limit(limit)
        ids: Sequence[str] = self._db.execute(page).scalars().all()
        if not ids:
            return None
        # The condition is repeated: a recording that is being erased since the query has neither.
        due = update(recordings).where(r.id.in_(ids), r.state.in_(_WITH_OBJECT))
        self._db.execute(due.values(MANIFEST_CHANGED))
        for work in (Work.MANIFESTS, Work.TOMBSTONES):
            wake(self._db, work)
        return ids[-1]

    def rewrite_recordings_of(self, account_id: str) -> None:
        """Make the manifests and tombstones of one account due."""
        r = recordings.c
        due = update(recordings).where(r.account_id == account_id, r.state.in_(_WITH_OBJECT))
        self._db.execute(due.values(MANIFEST_CHANGED))
        for work in (Work.MANIFESTS, Work.TOMBSTONES, Work.ACCOUNT_OBJECTS, Work.CLOSING_ACTS):
            wake(self._db, work)

    def is_written(self, account_id: str) -> bool:
        """Return whether nothing of an account is due; also of one that is not here."""
        recording = select(recordings.c.id).where(
            recordings.c.account_id == account_id, recordings.c.manifest_due
        )
        account = select(accounts.c.id).where(
            accounts.c.id == account_id, accounts.c.revision != accounts.c.written_revision
        )
        return not self._db.execute(select(or_(recording.exists(), account.exists()))).scalar_one()

    def count_due(self) -> int:
        """Return the number of manifests, tombstones and account objects to write, at most 10,000 per kind."""
        number = 0
        for due in (
            select(recordings.c.id).where(recordings.c.manifest_due),
            select(accounts.c.id).where(accounts.c.revision != accounts.c.written_revision),
        ):
            some = due.limit(_MAX_COUNTED).subquery()
            number += self._db.execute(select(func.count()).select_from(some)).scalar_one()
        return number


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
