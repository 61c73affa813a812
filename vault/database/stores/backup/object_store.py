"""The database's record of the object store's content, and marks for writing it again."""

from collections.abc import Sequence

from sqlalchemy import func, select, update

from vault.database.schema.access_log import checkpoints, publication
from vault.database.schema.closing_acts import closing_acts
from vault.database.schema.core import accounts, recordings
from vault.database.schema.requests import person_requests
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.recordings.recordings import MANIFEST_CHANGED
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import State
from vault.domain.stored.tombstone import FINAL

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
        wanted = select(r.id).where(r.id > after, r.state.in_(_WITH_OBJECT)).order_by(r.id).limit(limit)
        ids: Sequence[str] = self._db.execute(wanted).scalars().all()
        if not ids:
            return None
        # The condition is repeated: a recording that is being erased since the query has neither.
        due = update(recordings).where(r.id.in_(ids), r.state.in_(_WITH_OBJECT))
        self._db.execute(due.values(MANIFEST_CHANGED))
        for work in (Work.MANIFESTS, Work.TOMBSTONES):
            wake(self._db, work)
        return ids[-1]

    def count_due(self) -> int:
        """Return the number of manifests, tombstones and account objects to write, at most 10,000 per kind."""
        found = 0
        for due in (
            select(recordings.c.id).where(recordings.c.manifest_due),
            select(accounts.c.id).where(accounts.c.revision != accounts.c.written_revision),
        ):
            some = due.limit(_MAX_COUNTED).subquery()
            found += self._db.execute(select(func.count()).select_from(some)).scalar_one()
        return found
