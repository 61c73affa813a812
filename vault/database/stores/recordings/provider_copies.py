"""The providers' copies of recordings: which of them to delete, and when to retry."""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update

from vault.database.schema.core import recordings
from vault.database.signals import Work, wake, wake_at
from vault.database.sql.dialect import is_postgresql, sql_now
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import SourcePolicy
from vault.domain.recordings.recording import Recording, State


class ProviderCopyRows(Rows):
    """The queue of the providers' copies to delete."""

    def claim(self, *, lease: timedelta) -> Recording | None:
        """Claim a recording whose provider's copy is due for deletion; no other worker gets it for ``lease``."""
        r, now = recordings.c, sql_now(self._db)
        # Quarantine keeps the provider's copy; a stored recording may have been erased since.
        stored = and_(
            r.state.in_((State.AVAILABLE, State.ERASING, State.ERASED)),
            r.source_policy.in_(("stored", "always")),
        )
        refused = and_(r.state == State.REFUSED, r.source_policy.in_(("refused", "always")))
        due = and_(
            r.source_policy != "keep",
            r.source_deleted_at.is_(None),
            r.source_not_before <= now,
            or_(stored, refused),
        )
        query = select(r.id).where(due).order_by(r.source_not_before).limit(1)
        if is_postgresql(self._db):
            query = query.with_for_update(skip_locked=True)
        due_id = self._db.execute(query).scalar()
        if due_id is None:
            return None
        taken = update(recordings).where(r.id == due_id)
        taken = taken.values(
            source_not_before=sql_now(self._db, lease), source_attempts=r.source_attempts + 1
        )
        return recording_of(self._db.execute(taken.returning(*RECORDING_COLUMNS)).one())

    def name(self, recording_id: str, source_ref: str, policy: SourcePolicy) -> None:
        """Set the provider's id of its copy if the announcement had none; an existing id stays."""
        nameless = and_(recordings.c.id == recording_id, recordings.c.source_ref.is_(None))
        named = update(recordings).where(nameless).values(source_ref=source_ref, source_policy=policy)
        self._db.execute(named)

    def request_deletion(self, recording_id: str) -> None:
        """Ask the provider to delete its copy of a recording whose connection would keep it."""
        r = recordings.c
        copy = and_(
            r.id == recording_id,
            r.source_policy == "keep",
            r.source_ref.is_not(None),
            r.source_deleted_at.is_(None),
        )
        values = {"source_policy": "always", "source_not_before": sql_now(self._db), "source_attempts": 0}
        if self._db.execute(update(recordings).where(copy).values(values)).rowcount:
            wake(self._db, Work.DELETE_AT_SOURCE)

    def deleted(self, recording_id: str, at: datetime) -> None:
        """Mark the provider's copy as deleted permanently."""
        self._set(recording_id, source_deleted_at=at)

    def try_again(self, recording_id: str, at: datetime) -> None:
        """Retry the deletion of the provider's copy at ``at``."""
        self._set(recording_id, source_not_before=at)
        wake_at(self._db, Work.DELETE_AT_SOURCE, at)

    def give_up(self, recording_id: str) -> None:
        """Stop the retries: the provider's copy cannot be deleted."""
        self._set(recording_id, source_policy="keep")

    def _set(self, recording_id: str, **values: object) -> None:
        self._db.execute(update(recordings).where(recordings.c.id == recording_id).values(**values))
