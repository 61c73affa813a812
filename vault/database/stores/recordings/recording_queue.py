"""The recordings' queue, stored in their state: claims and leases. Lease times use the database's clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    String,
    and_,
    cast,
    func,
    or_,
    select,
    text,
    type_coerce,
    update,
)  # fmt: skip

from vault.database.schema.core import IS_NOT_AVAILABLE, IS_WORK, MICROSECOND, Moment, micros, recordings
from vault.database.signals import Signal, Work, wake, wake_at
from vault.database.sql.dialect import database_now, is_postgresql, sql_now
from vault.database.sql.lease_tokens import new_token
from vault.database.stores.recordings.claim_statements import (
    MAX_CLEAN_ATTEMPTS,
    MAX_CLEAN_ATTEMPTS_STORED,
    any_waiting,
    claim_by_account,
    claim_oldest,
    sqlite_claim_values,
)
from vault.database.stores.recordings.object_checks import note_object_checks
from vault.database.stores.recordings.recordings import (
    MANIFEST_CHANGED,
    RECORDING_COLUMNS,
    reasons_json,
    recording_of,
    sealed_announcement,
)
from vault.database.stores.rows import Rows
from vault.domain.reason import Reason
from vault.domain.recordings.recording import NEWER_URL, Lease, Recording, SealedAnnouncement, State
from vault.domain.recordings.transitions import CLAIM
from vault.errors import LeaseLost

#: The work that claims a row in a state; ingest claims the others.
_CLAIMED_BY = {State.STORED: Work.DESCRIBE, State.ERASING: Work.REMOVE_ERASED}
#: Rows that were woken begin within this time, so that they do not all begin together.
WAKE_SPREAD = timedelta(seconds=30)
#: Accounts whose queue ``backlog`` names.
BACKLOG_ACCOUNTS = 1000
#: After this time a row that was locked is tried again.
_LOCKED: Final = timedelta(milliseconds=200)
_FREE: dict[str, Any] = {"lease_until": None, "lease_token": None}
#: From then on the manifest alone has the waveform (vault/services/shared/sealed_audio.py).
_WRITTEN: dict[str, Any] = {"manifest_due": False, "sealed_waveform": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many recordings wait for a worker or are processed by one; erasures do not count."""

    total: int = 0
    #: Of the accounts with the longest queues.
    by_account: Mapping[str, int] = field(default_factory=dict)


def locked_row_signal(states: Sequence[State]) -> Signal:
    """Return the signal after a claim that found nothing although a row waits.

    A row that another transaction has locked is passed over, and no second signal comes for it.
    """
    return Signal(_CLAIMED_BY.get(states[0], Work.INGEST), after=_LOCKED.total_seconds())


class QueueRows(Rows):
    """The queue of recordings: their claims and leases."""

    def claim(self, states: Sequence[State], *, lease: timedelta, but: Collection[str] = ()) -> Lease | None:
        """Claim the longest-waiting row that is due, of the account with the fewest leases; only on SQLite.

        An account of ``but`` is passed over. Among equals the choice is random, so one account's backlog does not
        delay the others, even with a single worker. ``claim_oldest`` finds what the walk over accounts misses.
        PostgreSQL has other statements (``hot_claims``).
        """
        token = new_token(self._db)
        values = sqlite_claim_values(token, lease, but, database_now(self._db))
        for statement in (claim_by_account, claim_oldest):
            row = self._db.execute(statement(tuple(states)), values).first()
            if row is not None:
                return self._lease(recording_of(row), token, sealed_announcement(row._mapping))  # noqa: SLF001 - public
        return None

    def is_waiting(self, states: Sequence[State]) -> bool:
        """Return whether a claim would find a row now."""
        on_postgresql = is_postgresql(self._db)
        values = {} if on_postgresql else {"now": micros(database_now(self._db))}
        query = any_waiting(tuple(states), on_postgresql=on_postgresql)
        return self._db.execute(query, values).first() is not None

    def claim_upload(self, recording_id: str, *, lease: timedelta) -> Lease | None:
        """Claim a row for the client that sends its audio; None while another one, or a worker, holds the lease.

        If it was announced, its URL is fetched unless the client sends all of it (``NEWER_URL``).
        """
        r, now = recordings.c, sql_now(self._db)
        free = or_(r.lease_until.is_(None), r.lease_until < now)
        announced = r.sealed_announcement.is_not(None).label("announced")
        query = select(r.id, r.state, announced).where(r.id == recording_id, r.state.in_(CLAIM.sources), free)
        if is_postgresql(self._db):
            query = query.with_for_update(skip_locked=True)
        row = self._db.execute(query).first()
        if row is None:
            return None
        return self._take(row.id, State(row.state), lease, *([NEWER_URL] if row.announced else []))

    def any_idle_upload(self) -> bool:
        """Return whether ``claim_idle_upload`` would find a row now."""
        return (
            self._db.execute(select(recordings.c.id).where(self._idle_upload()).limit(1)).first() is not None
        )

    def claim_idle_upload(self, *, lease: timedelta) -> tuple[Lease, State] | None:
        """Claim an abandoned upload that is due; return the lease and the state before the claim."""
        row = self._first(self._idle_upload())
        return None if row is None else (self._take(row.id, State(row.state), lease), State(row.state))

    def renew(self, recording_id: str, token: str, *, lease: timedelta) -> None:
        """Renew a row's lease. Raises LeaseLost."""
        mine = (recordings.c.id == recording_id) & (recordings.c.lease_token == token)
        until = sql_now(self._db, lease)
        if self._db.execute(update(recordings).where(mine).values(lease_until=until)).rowcount != 1:
            raise LeaseLost("Another worker holds this recording now.")

    def is_leased(self, recording_id: str) -> bool:
        """Return whether a worker holds a row's lease."""
        leased = (recordings.c.id == recording_id) & (recordings.c.lease_until >= sql_now(self._db))
        return self._db.execute(select(recordings.c.id).where(leased)).first() is not None

    def put_back(self, held: Lease, *, not_before: datetime, counts: bool = True) -> None:
        """Release a leased row in its current state; ``counts``: whether the attempt counts. Raises LeaseLost."""
        mine = (recordings.c.id == held.recording.id) & (recordings.c.lease_token == held.token)
        values = {**_FREE, "not_before": not_before}
        if not counts:
            values["attempts"] = held.recording.attempts - 1
        done = self._db.execute(update(recordings).where(mine).values(values))
        if done.rowcount != 1:
            raise LeaseLost("Another worker holds this recording now.")
        wake_at(self._db, _CLAIMED_BY.get(held.recording.state, Work.INGEST), not_before)

    def backlog(self) -> Backlog:
        """Return the length of the queue, and those of the BACKLOG_ACCOUNTS accounts with the longest ones."""
        r = recordings.c
        # The partial index is taken only if the query repeats its condition.
        of_account = (
            select(r.account_id, func.count().label("waiting"))
            .where(text(IS_WORK), r.state != str(State.ERASING))
            .group_by(r.account_id)
            .subquery()
        )
        total = func.sum(of_account.c.waiting).over()
        query = select(of_account.c.account_id, of_account.c.waiting, total)
        rows = self._db.execute(query.order_by(of_account.c.waiting.desc()).limit(BACKLOG_ACCOUNTS)).all()
        return Backlog(
            total=int(rows[0][2]) if rows else 0,
            by_account={account: waiting for account, waiting, _ in rows},
        )

    def wake(self, account_id: str, connection_id: str, reason: str) -> int:
        """Let the connection's recordings that wait for this reason try again within WAKE_SPREAD; return their number.

        The attempt that met the outage does not count, so a host that comes and goes cannot use them up.
        """
        r, random = recordings.c, func.random()
        spread = WAKE_SPREAD // MICROSECOND
        # On SQLite random() is any 64-bit integer, on PostgreSQL from 0 to 1.
        jitter = func.floor(random * spread) if is_postgresql(self._db) else func.abs(random % spread)
        waiting = and_(
            text(IS_NOT_AVAILABLE), r.state == str(State.RETRY_WAIT),
            r.account_id == account_id, r.connection_id == connection_id,
            r.not_before > sql_now(self._db, WAKE_SPREAD), cast(r.reasons, String).like(f'%"code": "{reason}"%'),
        )  # fmt: skip
        soon = cast(sql_now(self._db), BigInteger) + cast(jitter, BigInteger)
        values = {"not_before": type_coerce(soon, Moment()), "attempts": r.attempts - 1}
        woken = self._db.execute(update(recordings).where(waiting).values(values)).rowcount
        wake(self._db, Work.INGEST, woken, after=WAKE_SPREAD)
        return woken

    def quarantines_over(self, now: datetime) -> Sequence[Recording]:
        """Return recordings whose quarantine has ended by ``now``."""
        r = recordings.c
        over = and_(text(IS_NOT_AVAILABLE), r.state == str(State.QUARANTINED), r.quarantined_until <= now)
        return [recording_of(row) for row in self._db.execute(select(*RECORDING_COLUMNS).where(over))]

    def manifests_due(self, limit: int) -> Sequence[Recording]:
        """Return available recordings whose manifest is not written yet, and not being written under a lease."""
        r = recordings.c
        free = or_(r.lease_until.is_(None), r.lease_until < sql_now(self._db))
        due = select(*RECORDING_COLUMNS).where(r.manifest_due, r.state == State.AVAILABLE, free)
        return [recording_of(row) for row in self._db.execute(due.limit(limit))]

    def first_manifest_written(self, held: Lease, key_version: int | None) -> bool:
        """Mark on SQLite the manifest of a recording that was just admitted as stored, and release its lease.

        If what it was made from has changed since, it stays due, and any node may write it. False if the recording
        is no longer available.
        """
        r = recordings.c
        mine = and_(r.id == held.recording.id, r.state == str(State.AVAILABLE))
        written = {**_WRITTEN, "manifest_key_version": key_version, **_FREE}
        same = update(recordings).where(mine, r.lease_token == held.token).values(written)
        if self._db.execute(same).rowcount:
            return True
        return self.leave_manifest(held)

    def leave_manifest(self, held: Lease) -> bool:
        """Leave the manifest to any node and release the lease. False if the recording is no longer available."""
        r = recordings.c
        left = update(recordings).where(r.id == held.recording.id, r.state == str(State.AVAILABLE))
        wake(self._db, Work.MANIFESTS)
        return bool(self._db.execute(left.values(manifest_due=True, **_FREE)).rowcount)

    def manifest_written(self, recording_id: str, key_version: int | None) -> None:
        """Mark the manifest as stored, with a recording key wrapped under ``key_version``."""
        # For a recording that is no longer available, ``manifest_due`` means that its tombstone is due.
        mine = (recordings.c.id == recording_id) & (recordings.c.state == str(State.AVAILABLE))
        written = {**_WRITTEN, "manifest_key_version": key_version}
        self._db.execute(update(recordings).where(mine).values(written))

    def rewrite_manifest(self, *recording_ids: str) -> None:
        """Mark manifests as due, because their content has changed."""
        mine = recordings.c.id.in_(recording_ids) & (recordings.c.state == str(State.AVAILABLE))
        self._db.execute(update(recordings).where(mine).values(MANIFEST_CHANGED))
        wake(self._db, Work.MANIFESTS)

    def wants_object(self, recording_id: str, location: str) -> bool:
        """Return whether the row names this object, or a worker may be writing it now."""
        r = recordings.c
        query = select(
            r.state, r.audio_location, r.rendition_location, r.lease_until, r.object_locked_until
        ).where(r.id == recording_id)
        row = self._db.execute(query).first()
        if row is None:
            return False
        if location in {row.audio_location, row.rendition_location}:
            # The object store keeps a locked object beyond the erasure; RemoveLocked deletes it.
            is_kept = row.state == State.ERASED and row.object_locked_until is not None
            return is_kept or row.state not in {State.REFUSED, State.FAILED, State.ERASED}
        return row.lease_until is not None and row.lease_until > database_now(self._db)

    def counts(self) -> dict[State, tuple[int, float]]:
        """Return for each work state the number of rows, and the age of the oldest in seconds."""
        now = database_now(self._db)
        query = select(recordings.c.state, func.count(), func.min(recordings.c.received_at))
        rows = self._db.execute(query.where(text(IS_WORK)).group_by(recordings.c.state))
        return {State(state): (count, (now - oldest).total_seconds()) for state, count, oldest in rows}

    def _idle_upload(self) -> ColumnElement[bool]:
        r, now = recordings.c, sql_now(self._db)
        free = or_(r.lease_until < now, and_(r.lease_until.is_(None), r.not_before <= now))
        # What has no announcement waits for a client, also where a webhook had announced it before it failed.
        waits = and_(r.state.in_(CLAIM.sources), r.sealed_announcement.is_(None))
        return and_(text(IS_NOT_AVAILABLE), waits, free)

    def _first(self, condition: ColumnElement[bool]) -> Row[Any, Any] | None:
        r = recordings.c
        query = select(r.id, r.state).where(condition).order_by(r.not_before, r.id).limit(1)
        if is_postgresql(self._db):
            query = query.with_for_update(skip_locked=True)
        return self._db.execute(query).first()

    def _take(self, recording_id: str, state: State, lease: timedelta, *reasons: Reason) -> Lease:
        token = new_token(self._db)
        to = CLAIM.target if state in CLAIM.sources else state
        taken = (
            update(recordings)
            .where(recordings.c.id == recording_id)
            .values(
                state=str(to), lease_token=token, lease_until=sql_now(self._db, lease),
                attempts=recordings.c.attempts + 1,
                **({"reasons": reasons_json(reasons)} if reasons else {}),
            )
            .returning(*RECORDING_COLUMNS)
        )  # fmt: skip
        row: Row[Any] = self._db.execute(taken).one()
        return self._lease(recording_of(row), token)

    def _lease(
        self, recording: Recording, token: str, announcement: SealedAnnouncement | None = None
    ) -> Lease:
        stored = recording.state is State.STORED
        if recording.attempts > (MAX_CLEAN_ATTEMPTS_STORED if stored else MAX_CLEAN_ATTEMPTS):
            # The process of the attempt before may have died and left an object.
            note_object_checks(self._db, [(recording.id, recording.account_id)])
        return Lease(recording=recording, token=token, announcement=announcement)
