"""Changes of a recording's state, as the table of transitions says. Only the lifecycle service may use this module.

Each change is a compare-and-swap on the state and, for a leased row, on the lease token.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, text, update

from vault.database.schema.access_log import event_outbox
from vault.database.schema.consent import evidence_entries
from vault.database.schema.core import IS_NOT_AVAILABLE, access_events, accounts, recordings
from vault.database.signals import Work, wake, wake_at
from vault.database.sql.compiled_statements import CompiledUpdate
from vault.database.sql.dialect import sql_now
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.recordings.card_data import forget_proposals
from vault.database.stores.recordings.object_checks import note_object_checks
from vault.database.stores.recordings.recording_notes import forget_notes
from vault.database.stores.recordings.recordings import (
    RECORDING_COLUMNS,
    NewRecording,
    forget_gone,
    new_row,
    reasons_json,
    recording_from,
    recording_of,
)
from vault.database.stores.rows import Rows
from vault.database.stores.short_form import shorten
from vault.domain.calls.call import Voice
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, Recording, SealedAnnouncement, SealedObject, State
from vault.domain.recordings.transitions import REFUSE, START_OVER, Transition
from vault.domain.stored.encryption_context import Purpose
from vault.errors import Busy, LeaseLost

#: The columns needed to open a recording, and when it is due. Setting them to NULL shreds it.
_SHREDDED: Mapping[str, Any] = dict.fromkeys(
    (
        "wrapped_key", "key_version", "month_key", "sealed_details", "sealed_waveform",
        "sealed_announcement", "announcement_month_key", "act_at",
    )
)  # fmt: skip
#: The work that follows in a state.
_NEXT_WORK: Mapping[State, Work] = {
    State.RETRY_WAIT: Work.INGEST,
    State.STORED: Work.DESCRIBE,
    State.ERASING: Work.REMOVE_ERASED,
}
#: States in which the provider's copy may be due for deletion.
_COPY_GOES = frozenset({State.AVAILABLE, State.REFUSED, State.ERASING})
_OBJECTS: Final[tuple[Purpose, ...]] = ("audio", "rendition")
#: Columns that stay when a failed recording starts over.
_UNCHANGED = {"id", "account_id", "connection_id", "recording_ref", "call_ref", "restricted"}


def columns_set_by(transition: Transition) -> dict[str, Any]:
    """Return the columns that a transition sets in every row; each releases the lease, unless a change sets one."""
    columns: dict[str, Any] = {"state": str(transition.target), "lease_until": None, "lease_token": None}
    if transition.shreds:
        columns |= _SHREDDED
    if transition.drops_objects:
        columns |= {"audio_location": None, "rendition_location": None}
    if transition.manifest_due is not None:
        columns["manifest_due"] = transition.manifest_due
    return columns


class RecordingStates(Rows):
    """The state changes of one transaction."""

    def change(
        self,
        transitions: Sequence[Transition],
        recording: Recording,
        values: Mapping[str, object],
        *,
        token: str | None = None,
        newest_key: int | None = None,
    ) -> Recording:
        """Change the state of a row that is still in the state of ``recording`` and has this lease token, if any.

        The transitions follow each other, in one statement. In ``values``, ``audio`` and ``rendition`` are a
        SealedObject and ``reasons`` a sequence of Reason. Raises ValueError if a transition does not begin in the
        state before it, LeaseLost if state or token have changed, KeyRetired if ``values`` sets a key of a retired
        version. ``newest_key``: the account's newest version, if this transaction has read it under the lock.
        """
        state, changed = recording.state, dict[str, Any]()
        for transition in transitions:
            if state not in transition.sources:
                raise ValueError(f"There is no transition from {state} to {transition.target} here.")
            state, changed = transition.target, changed | columns_set_by(transition)
        version = values.get("key_version")
        if isinstance(version, int):
            refuse_retired(self._db, recording.account_id, version, newest=newest_key)
        changed |= _columns_of(recording, values)
        shreds = any(transition.shreds for transition in transitions)
        changed |= _SHREDDED if shreds else {}
        now = {"old_id": recording.id, "old_state": str(recording.state), "old_token": token}
        row = _change(tuple(sorted(changed)), leased=token is not None).first(self._db, changed | now)
        if row is None:
            raise LeaseLost("Another worker holds this recording now, or its state was changed.")
        if shreds:
            self._forget(recording)
        changed_row = recording_from(row)
        if changed_row.state in GONE:
            forget_gone(self._db, recording)
        has_copy, due = changed_row.source_policy != "keep", values.get("not_before")
        self._wake(transitions[-1], 1, has_copy=has_copy, due=due, leased="lease_token" in values)
        return changed_row

    def lock(self, account_id: str, recording_id: str) -> Recording | None:
        """Return a recording whose row no other transaction can change until this one ends."""
        query = select(*RECORDING_COLUMNS).where(
            recordings.c.id == recording_id, recordings.c.account_id == account_id
        )
        row = self._db.execute(query.with_for_update()).first()
        return None if row is None else recording_of(row)

    def start_over(
        self, recording_id: str, new: NewRecording, *, epoch: int, source: NewRecording | None = None
    ) -> Recording:
        """Reset a failed recording to received, keeping its id. Raises Busy if another did so first, KeyRetired.

        ``source``: the announcement that makes an upload a recording of its connection.
        """
        if new.sealed_announcement is not None:
            refuse_retired(self._db, new.account_id, new.key_version)
        fresh = new_row(new, state=START_OVER.target, reasons=(), epoch=epoch)
        # All data of the failed attempt is cleared. A restriction applies to the new audio too.
        empty = {column.name: None for column in recordings.c if column.nullable}
        changed = {name: value for name, value in (empty | fresh).items() if name not in _UNCHANGED}
        changed |= _columns_of_source(source)
        failed = and_(recordings.c.id == recording_id, recordings.c.state.in_(START_OVER.sources))
        query = update(recordings).where(failed).values(changed).returning(*RECORDING_COLUMNS)
        row = self._db.execute(query).first()
        if row is None:
            raise Busy("Another upload of this recording is in progress; retry later.", retry_after=1)
        if new.sealed_announcement is not None:
            wake(self._db, Work.INGEST)
        return recording_of(row)

    def replace_announcement(
        self,
        recording: Recording,
        older: bytes | None,
        newer: SealedAnnouncement,
        *,
        voices: Sequence[Voice],
        reasons: Sequence[Reason],
        source: NewRecording | None = None,
    ) -> Recording | None:
        """Replace the announcement of a row that is still in this state and still has the ``older`` one, else None.

        What nobody fetches is due now, and its attempts count anew. ``source``: as above. Raises KeyRetired.
        """
        refuse_retired(self._db, recording.account_id, newer.key_version)
        r = recordings.c
        changed: dict[str, Any] = {
            "sealed_announcement": newer.message,
            "announcement_key_version": newer.key_version,
            "announcement_month_key": newer.month_key,
            "voices": list(voices),
            "reasons": reasons_json(reasons),
            **_columns_of_source(source),
        }
        if recording.state is State.RETRY_WAIT:
            # Not 0: the attempts before may have left objects.
            changed |= {"attempts": 1, "not_before": sql_now(self._db)}
        same = and_(
            r.id == recording.id,
            r.state == str(recording.state),
            r.connection_id == (recording.connection_id or ""),
            r.sealed_announcement.is_not_distinct_from(older),
        )
        row = self._db.execute(
            update(recordings).where(same).values(changed).returning(*RECORDING_COLUMNS)
        ).first()
        if row is None:
            return None
        wake(self._db, Work.INGEST)
        return recording_of(row)

    def refuse_in_flight(
        self, account_id: str, reason: Reason, *, call_ref: str | None = None
    ) -> Sequence[str]:
        """Refuse every row in flight of the account, or of one call, in one statement; return the ids."""
        mine = recordings.c.account_id == account_id
        return self._refuse_all(
            mine if call_ref is None else and_(mine, recordings.c.call_ref == call_ref), reason
        )

    def refuse_stale(self, reason: Reason) -> Sequence[str]:
        """Refuse, in one statement, rows in flight whose epoch is older than their account's; return the ids."""
        epoch = select(accounts.c.epoch).where(accounts.c.id == recordings.c.account_id).scalar_subquery()
        return self._refuse_all(recordings.c.epoch < epoch, reason)

    def delete_event_details(self, recording_id: str) -> None:
        """Delete the sealed details of a recording's events, which a person typed. The leaves keep their digests."""
        for table in (access_events, event_outbox):
            mine = table.c.recording_id == recording_id
            self._db.execute(update(table).where(mine).values(sealed_detail=None))

    def _refuse_all(self, condition: ColumnElement[bool], reason: Reason) -> Sequence[str]:
        in_states = recordings.c.state.in_([str(state) for state in REFUSE.sources])
        in_flight = and_(condition, text(IS_NOT_AVAILABLE), in_states)
        changed = columns_set_by(REFUSE) | {"reasons": reasons_json([reason])}
        r = recordings.c
        # The size stays where the location goes.
        written = (r.attempts > 0) | r.audio_size.is_not(None)
        query = update(recordings).where(in_flight).values(changed)
        rows = self._db.execute(query.returning(r.id, r.account_id, written.label("written"))).all()
        note_object_checks(self._db, [(row.id, row.account_id) for row in rows if row.written])
        refused = [row.id for row in rows]
        self._forget_sealed(refused)
        self._wake(REFUSE, len(refused))
        return refused

    def _wake(
        self,
        transition: Transition,
        count: int,
        *,
        has_copy: bool = True,
        due: object = None,
        leased: bool = False,
    ) -> None:
        """Signal the work that ``count`` rows in their new state leave; ``due`` is when, if it is not now.

        ``leased``: whether the worker that changed the row goes on to write its manifest.
        """
        work = _NEXT_WORK.get(transition.target)
        if work is not None and isinstance(due, datetime):
            wake_at(self._db, work, due)
        elif work is not None:
            wake(self._db, work, count)
        if transition.manifest_due and not leased:
            available = transition.target is State.AVAILABLE
            wake(self._db, Work.MANIFESTS if available else Work.TOMBSTONES, count)
        if has_copy and transition.target in _COPY_GOES:
            wake(self._db, Work.DELETE_AT_SOURCE, count)

    def _forget(self, recording: Recording) -> None:
        self._forget_sealed([recording.id])
        if recording.state is State.AVAILABLE:
            forget_notes(self._db, recording.id)
        if recording.attempts or recording.audio is not None:
            # A worker may be writing an object or the manifest now.
            note_object_checks(self._db, [(recording.id, recording.account_id)])

    def _forget_sealed(self, recording_ids: Sequence[str]) -> None:
        """Delete the evidence that the recordings' keys sealed, and proposals: nothing opens the audio any more."""
        self._db.execute(delete(evidence_entries).where(evidence_entries.c.recording_id.in_(recording_ids)))
        forget_proposals(self._db, recording_ids)


def _columns_of_source(new: NewRecording | None) -> dict[str, Any]:
    """Return the columns that make an upload a recording of the connection that announces it."""
    if new is None:
        return {}
    row = new_row(new, state=State.RECEIVED, reasons=(), epoch=0)
    names = (
        "connection_id", "recording_ref", "kind", "source_ref", "source_policy", "source_not_before", "origin",
    )  # fmt: skip
    return {name: row[name] for name in names}


@cache
def _change(names: tuple[str, ...], *, leased: bool) -> CompiledUpdate:
    """Return the compare-and-swap that sets these columns; there are few sets of them, one for each kind of change."""
    r = recordings.c
    mine = [r.id == bindparam("old_id"), r.state == bindparam("old_state")]
    if leased:
        mine.append(r.lease_token == bindparam("old_token"))
    columns = [r[name] for name in names]
    values = {column.name: bindparam(column.name, type_=column.type) for column in columns}
    return CompiledUpdate(update(recordings).where(*mine).values(values), columns, RECORDING_COLUMNS)


def _columns_of(recording: Recording, values: Mapping[str, object]) -> dict[str, Any]:
    """Convert domain values to columns."""
    columns: dict[str, Any] = dict(values)
    for purpose in _OBJECTS:
        sealed: SealedObject | None = columns.pop(purpose, None)
        if sealed is not None:
            columns[f"{purpose}_location"] = sealed.location
            columns[f"{purpose}_header"] = shorten(sealed.header, recording.account_id, recording.id, purpose)
            columns[f"{purpose}_size"] = sealed.size
    if (details := columns.get("sealed_details")) is not None:
        columns["sealed_details"] = shorten(details, recording.account_id, recording.id, "details")
    if "reasons" in columns:
        columns["reasons"] = reasons_json(columns["reasons"])
    return columns
