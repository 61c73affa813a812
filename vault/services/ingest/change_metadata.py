"""Set, change and remove the metadata of calls and of recordings.

It stands in the manifests of recordings, so that a restore brings it back; that of a call without an available
recording is in the database alone, as the facts of such a call are.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.metadata import Metadata, MetadataPatch, MetadataRow, merged, overwrites
from vault.domain.recordings.recording import GONE, Recording, State
from vault.errors import AccountClosed, Busy, NotFound, RecordingErased, Refused
from vault.ports.clock import Clock
from vault.services.lifecycle.guards import forbid_held_call, forbid_held_recording
from vault.services.shared.sealed_metadata import MetadataSubject, SealedMetadata

#: Requests for one call that may come between the read and the write of another one.
_TRIES: Final = 5
_NO_CALL: Final = "There is no such call, or it was erased."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A change of metadata: how its subject is looked at under the locks, and what it is asked for."""

    subject: MetadataSubject
    patch: MetadataPatch
    actor: str
    #: Returns the recordings whose manifests have the metadata; raises unless the subject may be changed.
    check: Callable[[Transaction], Sequence[Recording]]
    #: Raises Held if a hold covers the subject.
    forbid_held: Callable[[Transaction], None]
    #: Whether a key that is there keeps its value.
    only_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMetadata:
    """Change metadata. A hold keeps the values that are there; keys can still be added."""

    database: Database
    sealed: SealedMetadata
    clock: Clock

    async def change_call(
        self, account_id: str, call_ref: str, patch: MetadataPatch, *, actor: str, only_new: bool = False
    ) -> Metadata:
        """Change the metadata of a call, and return all of it. ``only_new``: a key that is there keeps its value.

        Raises NotFound, AccountClosed, Invalid for too many keys, Held, Busy.
        """
        return await self._change(
            _Change(
                subject=MetadataSubject(account_id=account_id, call_ref=call_ref),
                patch=patch,
                actor=actor,
                check=lambda tx: _recordings_of_call(tx, account_id, call_ref),
                forbid_held=lambda tx: forbid_held_call(tx, account_id, call_ref),
                only_new=only_new,
            )
        )

    async def change_recording(
        self, account_id: str, recording_id: str, patch: MetadataPatch, *, actor: str
    ) -> Metadata:
        """Change the metadata of a recording, and return all of it.

        Raises NotFound, RecordingErased, Refused for a restricted recording, AccountClosed, Invalid for too many keys,
        Held, Busy.
        """
        recording = await self.database.read(lambda tx: _recording(tx, account_id, recording_id))
        return await self._change(
            _Change(
                subject=MetadataSubject(
                    account_id=account_id, call_ref=recording.call_ref, recording_id=recording_id
                ),
                patch=patch,
                actor=actor,
                check=lambda tx: [_recording(tx, account_id, recording_id)],
                forbid_held=lambda tx: forbid_held_recording(tx, recording),
            )
        )

    async def report(
        self, account_id: str, call_ref: str, given: Metadata, *, actor: str, only_new: bool = False
    ) -> None:
        """Set the metadata that a call was reported with. Nothing is stored if it was erased, or its account is closed.

        ``only_new``: a key that is there keeps its value. Raises Invalid for too many keys, Held, Busy.
        """
        if given:
            with suppress(NotFound, AccountClosed):
                await self.change_call(account_id, call_ref, given, actor=actor, only_new=only_new)

    async def _change(self, change: _Change) -> Metadata:
        for _ in range(_TRIES):
            before = await self.database.read(lambda tx: _before(tx, change))
            known: Metadata = {} if before is None else await self.sealed.open(before)
            after = merged(known, change.patch)
            if change.only_new:
                after = merged(after, known)
            if after == known or await self._put(change, before, known, after):
                return after
        raise Busy("Other requests change this metadata. Send the request again.", retry_after=1)

    async def _put(
        self, change: _Change, before: MetadataRow | None, known: Metadata, after: Metadata
    ) -> bool:
        """Write metadata; False if another request has changed it."""
        subject, at = change.subject, self.clock()
        row = await self.sealed.seal(subject, after, at=at)
        terms = await self.sealed.terms(subject.account_id, after.items())
        event = AccessEvent(
            type="metadata.changed",
            at=at,
            account_id=subject.account_id,
            actor=change.actor,
            recording_id=subject.recording_id or None,
            subject=None if subject.recording_id else subject.call_ref,
        )

        def put(tx: Transaction) -> bool:
            tx.lock_account_and_call(subject.account_id, subject.call_ref)
            recordings = change.check(tx)
            if overwrites(known, after):
                change.forbid_held(tx)
            if not tx.call_metadata.put(row, terms, before=before):
                return False
            tx.rotations.note_metadata(subject.account_id, self.sealed.key_of(row))
            tx.events.append(event)
            tx.queue.rewrite_manifest(*(one.id for one in recordings if one.state is State.AVAILABLE))
            return True

        return await self.database.write(put)


def _before(tx: Transaction, change: _Change) -> MetadataRow | None:
    change.check(tx)
    subject = change.subject
    return tx.call_metadata.get(subject.account_id, subject.call_ref, subject.recording_id)


def _recordings_of_call(tx: Transaction, account_id: str, call_ref: str) -> Sequence[Recording]:
    """Return the recordings of a call that are not erased. Raises NotFound if nothing is left of it, AccountClosed."""
    recordings = [one for one in tx.recordings.of_call(account_id, call_ref) if one.state not in GONE]
    if not (recordings or tx.call_facts.of_call(account_id, call_ref)):
        raise NotFound(_NO_CALL)
    if tx.closures.has_begun(account_id):
        raise AccountClosed
    return recordings


def _recording(tx: Transaction, account_id: str, recording_id: str) -> Recording:
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    if tx.closures.has_begun(account_id):
        raise AccountClosed
    if recording.restricted:
        text = "The recording is restricted, so its metadata cannot be changed until that is lifted."
        raise Refused(text, reasons=("restricted",))
    return recording
