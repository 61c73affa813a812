"""Versions of account keys: adding, re-encrypting what they sealed, destroying."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from vault.database.account_parts.part import account_changed
from vault.database.schema.account_keys import account_keys, detail_keys, key_rotations, month_keys
from vault.database.schema.core import accounts, recordings
from vault.database.schema.requests import person_requests
from vault.database.signals import Work, wake
from vault.database.sql.dialect import insert_new
from vault.database.stores.accounts.accounts import WrappedSecret
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.key_rotation.sealed_columns import SEALED_COLUMNS, SealedKind, SealedRow
from vault.database.stores.recordings.recordings import MANIFEST_CHANGED
from vault.database.stores.rows import Rows
from vault.domain.accounts.account_keys import KeyRotation
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound


class RotationRows(Rows):
    """Versions of account keys: adding, re-encrypting, destroying."""

    def begin(self, rotation: KeyRotation, *, wrapped_key: bytes) -> None:
        """Add the version after ``rotation.version`` and make it current.

        The caller holds the account's exclusive lock. Raises KeyRetired if another request added it first.
        """
        row = {
            "account_id": rotation.account_id,
            "version": rotation.version + 1,
            "wrapped_key": wrapped_key,
        }
        if not insert_new(self._db, account_keys, row):
            raise KeyRetired
        values = {name: getattr(rotation, name) for name in KeyRotation.__slots__}
        self._db.execute(insert(key_rotations).values(values))
        account_changed(self._db, rotation.account_id)
        wake(self._db, Work.REWRAP)

    def add_detail_key(self, account_id: str, number: int, wrapped: WrappedSecret) -> None:
        """Add a key for details of access events; an existing one with this number stays.

        The account's object is not due: what it has under the key comes with a change of its own.

        The caller holds the account's shared lock. Raises KeyRetired unless the current version wraps it.
        """
        refuse_retired(self._db, account_id, wrapped.key_version)
        values = {"account_id": account_id, "number": number, "wrapped_key": wrapped.wrapped}
        insert_new(self._db, detail_keys, values | {"key_version": wrapped.key_version})

    def note_metadata(self, account_id: str, number: int) -> None:
        """Note that metadata is sealed under a detail key: with the first, the account's object is due.

        Manifests have the metadata, so a restore from objects needs the key. Other details are in the rows alone.
        """
        mine = (detail_keys.c.account_id == account_id) & (detail_keys.c.number == number)
        first = update(detail_keys).where(mine, detail_keys.c.seals_metadata.is_(None))
        if self._db.execute(first.values(seals_metadata=True)).rowcount:
            account_changed(self._db, account_id)

    def detail_key(self, account_id: str, number: int) -> WrappedSecret:
        """Return a wrapped detail key. Raises NotFound."""
        mine = (detail_keys.c.account_id == account_id) & (detail_keys.c.number == number)
        row = self._db.execute(select(detail_keys).where(mine)).first()
        if row is None:
            raise NotFound("There is no such detail key.")
        return WrappedSecret(wrapped=row.wrapped_key, key_version=row.key_version)

    def of_account(self, account_id: str) -> Sequence[KeyRotation]:
        """Return the account's rotations, oldest first."""
        query = select(key_rotations).where(key_rotations.c.account_id == account_id)
        return [_rotation(row) for row in self._db.execute(query.order_by(key_rotations.c.version))]

    def unfinished(self, limit: int, *, account_id: str | None = None) -> Sequence[KeyRotation]:
        """Return rotations whose version is not destroyed yet, of this account or any, oldest first."""
        r = key_rotations.c
        query = select(key_rotations).where(r.destroyed_at.is_(None)).order_by(r.begun_at).limit(limit)
        if account_id is not None:
            query = query.where(r.account_id == account_id)
        return [_rotation(row) for row in self._db.execute(query)]

    def destroyed_since(self, at: datetime) -> Sequence[tuple[str, int]]:
        """Return account and number of the versions that were destroyed since then."""
        r = key_rotations.c
        query = select(r.account_id, r.version).where(r.destroyed_at >= at)
        return [(account_id, version) for account_id, version in self._db.execute(query)]

    def under(
        self, kind: SealedKind, account_id: str, version: int, *, but: Sequence[str] = (), limit: int
    ) -> Sequence[SealedRow]:
        """Return rows sealed under a version, except those named in ``but``."""
        place = SEALED_COLUMNS[kind]
        number = place.name.type.python_type
        at = null() if place.at is None else place.at
        query = select(place.name, place.sealed, at).where(place.under(account_id, version)).limit(limit)
        if but:
            query = query.where(place.name.not_in([number(name) for name in but]))
        return [
            SealedRow(name=str(name), sealed=sealed, at=at) for name, sealed, at in self._db.execute(query)
        ]

    def replace(
        self,
        kind: SealedKind,
        rotation: KeyRotation,
        rows: Sequence[tuple[SealedRow, bytes]],
        *,
        version: int,
        month_key: str | None = None,
    ) -> int:
        """Compare-and-swap each row's ciphertext, ordered by name; return the number of changed rows.

        The new ciphertext is under ``version``, or under this month key. A row that was changed or shredded since it
        was read is skipped. A new recording key makes its manifest due. The caller holds the account's shared lock.
        """
        place = SEALED_COLUMNS[kind]
        same = (place.name == bindparam("of_name")) & (place.sealed == bindparam("of_sealed"))
        change = update(place.table).where(place.under(rotation.account_id, rotation.version), same)
        change = change.values({place.sealed: bindparam("new"), place.version: version})
        if place.month is not None:
            change = change.values({place.month: month_key})
        if kind == "recording_key":
            available = recordings.c.state == str(State.AVAILABLE)
            due = {
                name: case((available, value), else_=recordings.c[name])
                for name, value in MANIFEST_CHANGED.items()
            }
            # Until the manifest is written again, assume that the stored one has the previous version's key.
            before = case((available, rotation.version), else_=recordings.c.manifest_key_version)
            change = change.values(manifest_key_version=before, **due)
        number = place.name.type.python_type
        changed = self._db.execute(
            change,
            [
                {"of_name": number(row.name), "of_sealed": row.sealed, "new": new}
                for row, new in sorted(rows, key=lambda pair: pair[0].name)
            ],
        ).rowcount
        self._note(kind, rotation, changed)
        return changed

    def _note(self, kind: SealedKind, rotation: KeyRotation, changed: int) -> None:
        """Count the rows, and wake what writes the objects that contain them."""
        if kind in {"recording_key", "month_key"}:
            counted = update(key_rotations).where(_row_of(rotation))
            self._db.execute(counted.values(rewrapped=key_rotations.c.rewrapped + changed))
        if kind == "recording_key":
            wake(self._db, Work.MANIFESTS)
        if SEALED_COLUMNS[kind].is_in_account_object and changed:
            account_changed(self._db, rotation.account_id)

    def remaining(self, account_id: str, version: int) -> Mapping[str, int]:
        """Return the number of rows of each kind, and of manifests, sealed under a version."""
        counts: dict[str, int] = {}
        for kind, place in SEALED_COLUMNS.items():
            query = select(func.count()).select_from(place.table).where(place.under(account_id, version))
            counts[kind] = self._db.execute(query).scalar_one()
        written = (recordings.c.account_id == account_id) & (recordings.c.manifest_key_version == version)
        query = select(func.count()).select_from(recordings).where(written)
        counts["manifest"] = self._db.execute(query).scalar_one()
        return counts

    def recordings_under(self, account_id: str, version: int) -> int:
        """Return the number of recordings that a version opens: itself, or through month keys that it wraps."""
        direct = SEALED_COLUMNS["recording_key"].under(account_id, version)
        m = month_keys.c
        of_version = select(m.id).where(m.account_id == account_id, m.key_version == version)
        condition = direct
        if ids := self._db.execute(of_version).scalars().all():
            monthly = (recordings.c.account_id == account_id) & recordings.c.month_key.in_(ids)
            condition = or_(direct, monthly & recordings.c.wrapped_key.is_not(None))
        return self._db.execute(select(func.count()).select_from(recordings).where(condition)).scalar_one()

    def settle(self, rotation: KeyRotation, at: datetime) -> None:
        """Mark a version as unused by any row, so that the account's object no longer contains it."""
        self._db.execute(update(key_rotations).where(_row_of(rotation)).values(settled_at=at))
        # Their own objects are under the version, or have something that is.
        p = person_requests.c
        closed = (p.account_id == rotation.account_id) & (p.stored_under <= rotation.version)
        self._db.execute(update(person_requests).where(closed).values(stored_under=None))
        account_changed(self._db, rotation.account_id)

    def destroy(self, rotation: KeyRotation, *, at: datetime, statement: bytes) -> None:
        """Permanently delete the version's wrapped key, and store the statement.

        The caller holds the account's exclusive lock and has checked that nothing remains under the version.
        """
        version_row = (account_keys.c.account_id == rotation.account_id) & (
            account_keys.c.version == rotation.version
        )
        self._db.execute(delete(account_keys).where(version_row))
        done = update(key_rotations).where(_row_of(rotation))
        self._db.execute(done.values(destroyed_at=at, statement=statement))
        account_changed(self._db, rotation.account_id)

    def wrapped_keys(self) -> Mapping[tuple[str, int], bytes]:
        """Return every version of every account's wrapped key."""
        rows = self._db.execute(select(account_keys))
        return {(row.account_id, row.version): row.wrapped_key for row in rows}

    def replace_wrapped_key(self, account_id: str, version: int, *, old: bytes, new: bytes) -> None:
        """Compare-and-swap a version's wrapped key, for a change of the root key; a changed one stays."""
        k = account_keys.c
        same = and_(k.account_id == account_id, k.version == version, k.wrapped_key == old)
        if self._db.execute(update(account_keys).where(same).values(wrapped_key=new)).rowcount:
            account_changed(self._db, account_id)

    def object_behind(self, account_id: str) -> bool:
        """Return whether the account has changed since its object was written."""
        query = select(accounts.c.revision != accounts.c.written_revision).where(accounts.c.id == account_id)
        return bool(self._db.execute(query).scalar_one())

    def manifests_behind(self, limit: int) -> int:
        """Return the number of manifests that are due, at most ``limit``."""
        due = select(recordings.c.id).where(
            recordings.c.manifest_due, recordings.c.state == str(State.AVAILABLE)
        )
        waiting = due.limit(limit).subquery()
        return self._db.execute(select(func.count()).select_from(waiting)).scalar_one()


def _row_of(rotation: KeyRotation) -> ColumnElement[bool]:
    mine: ColumnElement[bool] = key_rotations.c.account_id == rotation.account_id
    return mine & (key_rotations.c.version == rotation.version)


def _rotation(row: Row[Any]) -> KeyRotation:
    return KeyRotation(**{name: getattr(row, name) for name in KeyRotation.__slots__})
