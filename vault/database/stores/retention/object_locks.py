"""Which objects the object store is to lock, which it has locked, and those that it keeps beyond their erasure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, text, update

from vault.database.schema.core import IS_AVAILABLE, recordings
from vault.database.schema.recording_objects import HAS_LEGAL_HOLD, IS_LOCKED_REMAINDER, LOCK_IS_DUE
from vault.database.schema.retention import holds
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_from
from vault.database.stores.retention.hold_conditions import covered_by
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording, State
from vault.domain.retention.hold import Hold
from vault.domain.retention.object_lock import LockState


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """The objects of an erased recording that a lock kept; after a restore the row has only their keys."""

    recording_id: str
    account_id: str
    keys: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRow:
    """A recording, and the lock columns of its row."""

    recording: Recording
    #: The end of the latest minimum with the ground ``legal_obligation``.
    legal_until: datetime | None
    #: As read back from the object store.
    locked_until: datetime | None
    #: Whether its objects have a legal hold.
    object_hold: bool
    state: LockState


class ObjectLockRows(Rows):
    """Locks as the rows know them. The object store is asked outside of transactions."""

    def due(self, *, after: str, limit: int) -> list[LockedRow]:
        """Return available recordings whose locks are to be compared with the object store, ordered by id."""
        r = recordings.c
        query = _rows().where(text(LOCK_IS_DUE), text(IS_AVAILABLE), r.id > after).order_by(r.id).limit(limit)
        return [_row(row) for row in self._db.execute(query).mappings()]

    def get(self, recording_id: str) -> LockedRow | None:
        """Return one recording."""
        row = self._db.execute(_rows().where(recordings.c.id == recording_id)).mappings().first()
        return None if row is None else _row(row)

    def count_unknown(self) -> int:
        """Return the number of recordings whose lock the object store does not show."""
        query = select(func.count()).select_from(recordings)
        query = query.where(text(LOCK_IS_DUE), text(IS_AVAILABLE), recordings.c.lock_state == "unknown")
        return int(self._db.execute(query).scalar_one())

    def write(self, seen: LockedRow, state: LockState, *, until: datetime | None, hold: bool) -> bool:
        """Write what was read back; False if the row has changed since, so that it stays due."""
        r = recordings.c
        same = (
            (r.id == seen.recording.id)
            & (r.state == str(State.AVAILABLE))
            & r.legal_until.is_not_distinct_from(seen.legal_until)
            & (r.lock_state == seen.state)
        )
        values = {"lock_state": state, "object_locked_until": until, "object_hold": int(hold)}
        return bool(self._db.execute(update(recordings).where(same).values(values)).rowcount)

    def accounts_held(self, now: datetime) -> Sequence[str]:
        """Return the accounts with a hold in effect."""
        binds = or_(holds.c.free_at.is_(None), holds.c.free_at > now)
        return self._db.execute(select(holds.c.account_id).where(binds).distinct()).scalars().all()

    def want_hold(self, hold: Hold, *, limit: int) -> int:
        """Make recordings due that a hold covers and whose objects have no legal hold yet; return how many."""
        r = recordings.c
        new = covered_by(hold) & (r.object_hold == 0) & r.lock_state.in_(["none", "set"])
        return self._want(select(r.id).where(new).limit(limit))

    def want_release(self, account_id: str, *, after: str, limit: int) -> str | None:
        """Make recordings due whose objects have a legal hold, ordered by id; return the last one, None for none."""
        r = recordings.c
        query = select(r.id).where(r.account_id == account_id, text(HAS_LEGAL_HOLD), r.id > after)
        ids = self._db.execute(query.order_by(r.id).limit(limit)).scalars().all()
        if not ids:
            return None
        self._want(ids)
        return str(ids[-1])

    def remainders(self, now: datetime, *, limit: int) -> Sequence[Remainder]:
        """Return erased recordings whose objects' locks have ended, the first first."""
        r = recordings.c
        query = select(r.id, r.account_id, r.audio_location, r.rendition_location)
        query = query.where(text(IS_LOCKED_REMAINDER), r.object_locked_until <= now)
        rows = self._db.execute(query.order_by(r.object_locked_until, r.id).limit(limit))
        return [
            Remainder(recording_id=row[0], account_id=row[1], keys=[key for key in row[2:] if key])
            for row in rows
        ]

    def keep_remainder(self, recording_id: str, until: datetime | None) -> None:
        """Note until when the object store keeps the objects of an erased recording; None: they are deleted."""
        mine = (recordings.c.id == recording_id) & (recordings.c.state == str(State.ERASED))
        self._db.execute(update(recordings).where(mine).values(object_locked_until=until))

    def adopt_remainder(self, recording_id: str, key: str, until: datetime) -> bool:
        """Note a locked object that an erased row does not name, as after a restore; False without such a row."""
        r = recordings.c
        mine = (r.id == recording_id) & (r.state == str(State.ERASED))
        column = "audio_location" if key.endswith(".audio") else "rendition_location"
        values = {"object_locked_until": until, column: key}
        return bool(self._db.execute(update(recordings).where(mine).values(values)).rowcount)

    def _want(self, ids: Select[Any] | Sequence[str]) -> int:
        query = update(recordings).where(recordings.c.id.in_(ids)).values(lock_state="wanted")
        return self._db.execute(query).rowcount


def _rows() -> Select[Any]:
    r = recordings.c
    return select(*RECORDING_COLUMNS, r.legal_until, r.object_locked_until, r.object_hold, r.lock_state)


def _row(row: Any) -> LockedRow:
    return LockedRow(
        recording=recording_from(row),
        legal_until=row["legal_until"],
        locked_until=row["object_locked_until"],
        object_hold=row["object_hold"] == 1,
        state=row["lock_state"],
    )
