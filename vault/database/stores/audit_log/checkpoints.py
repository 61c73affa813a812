"""Signed checkpoints, and the published size of the log."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update

from vault.database.schema.access_log import checkpoints, publication
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, insert_new
from vault.database.stores.rows import Rows
from vault.errors import LeaseLost


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A signed checkpoint, as published."""

    size: int
    note: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSize:
    """The size of the log published to the object store as tiles."""

    #: Number of leaves.
    size: int
    #: By the clock of the publishing node; None where it is unknown.
    at: datetime | None


class CheckpointRows(Rows):
    """Anchored checkpoints, and the published size of the log."""

    def last(self) -> StoredCheckpoint | None:
        """Return the largest anchored checkpoint: the newest that may be returned to clients."""
        anchored = select(checkpoints).where(checkpoints.c.anchored_at.is_not(None))
        row = self._db.execute(anchored.order_by(checkpoints.c.size.desc()).limit(1)).first()
        return None if row is None else _kept(row)

    def keep(self, checkpoint: StoredCheckpoint) -> StoredCheckpoint:
        """Store an anchored checkpoint and return it; an existing anchored one of its size stays and is returned.

        One of an older release that was never anchored is replaced.
        """
        wake(self._db, Work.PUBLISH)
        values = {"note": checkpoint.note, "at": checkpoint.at, "anchored_at": checkpoint.at}
        if insert_new(self._db, checkpoints, {"size": checkpoint.size} | values):
            return checkpoint
        same = checkpoints.c.size == checkpoint.size
        self._db.execute(update(checkpoints).where(same, checkpoints.c.anchored_at.is_(None)).values(values))
        return _kept(self._db.execute(select(checkpoints).where(same)).one())

    def publication(self) -> PublishedSize:
        """Return the published size of the log, and its time."""
        published = select(publication.c.size, checkpoints.c.published_at).join_from(
            publication, checkpoints, checkpoints.c.size == publication.c.size, isouter=True
        )
        row = self._db.execute(published).one()
        return PublishedSize(size=row.size, at=row.published_at)

    def claim_publication(self, *, lease: timedelta) -> int | None:
        """Claim the publication for ``lease``; return the published size, None while another node has the lease."""
        now = database_now(self._db)
        claim = update(publication).where(publication.c.not_before <= now).values(not_before=now + lease)
        size: int | None = self._db.execute(claim.returning(publication.c.size)).scalar()
        return size

    def put_publication_off(self, *, until: datetime) -> None:
        """Extend the lease on the publication until ``until``."""
        self._db.execute(update(publication).values(not_before=until))

    def published(self, *, before: int, size: int, at: datetime) -> None:
        """Compare-and-swap the published size from ``before`` to ``size``, and release the lease.

        The checkpoints in between are deleted: nothing reads one that is neither published nor the newest, and one
        was anchored every two seconds. Raises LeaseLost if the size is not ``before``.
        """
        mine = update(publication).where(publication.c.size == before)
        if self._db.execute(mine.values(size=size, not_before=database_now(self._db))).rowcount != 1:
            raise LeaseLost("Another node has published the log.")
        c = checkpoints.c
        self._db.execute(update(checkpoints).where(c.size == size).values(published_at=at))
        between = (c.size >= before) & (c.size < size) & c.published_at.is_(None)
        self._db.execute(delete(checkpoints).where(between))
        wake(self._db, Work.CLOSING_ACTS)


def _kept(row: Row[Any]) -> StoredCheckpoint:
    return StoredCheckpoint(size=row.size, note=row.note, at=row.at)
