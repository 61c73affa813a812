"""Direct upload: the platform sends the audio as the body of a request.

Its memory is a few blocks of 1 MiB, whatever the length of the body: ``gather`` and ``seal_stream``
(vault/services/ingest/seal_stream.py) read a block only when one before it is sealed and written.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from vault import tracing
from vault.database.interface import Database
from vault.database.stores.recordings.recording_names import add_voices, named_recordings
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts, Voice
from vault.domain.ids import new_id
from vault.domain.recordings.recording import (
    GONE,
    LEASE,
    UPLOAD_IDLE_TIMEOUT,
    Lease,
    Recording,
    State,
    named_at,
    origin_of,
    row_key_in_call,
)
from vault.errors import AccountClosed, Busy, LeaseLost, NotFound, RecordingErased, Refused, VaultError
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext, times_to_note
from vault.services.admission.call_opener import CallOpener
from vault.services.ingest.seal_stream import gather
from vault.services.ingest.store_attempt import Attempt
from vault.services.lifecycle.lifecycle import refuse, retry
from vault.services.lifecycle.start_over import start_over
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.row_lease import hold_row

#: Retry-After in seconds while another client sends the same recording.
_RETRY_AFTER = 5
_AMBIGUOUS = (
    "Two connections announced a recording of this name in this call, so the name does not say which one is sent. "
    "Name the upload otherwise, or retry one of them by its id."
)
_ARRIVED_STATES = frozenset({State.STORED, State.QUARANTINED, State.AVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Receive recordings as streams.

    The row is inserted first, so that the recording switch can refuse an upload in progress. If the client
    disconnects, the row waits for its next PUT; once the last byte has arrived, the upload is completed even
    without the client.
    """

    database: Database
    ring: KeyRing
    clock: Clock
    admission: Admission
    call_opener: CallOpener
    attempt: Attempt

    async def store(
        self,
        account_id: str,
        call_ref: str,
        recording_ref: str,
        blocks: AsyncIterator[bytes],
        *,
        voices: Sequence[Voice] = (),
        actor: str,
    ) -> tuple[Recording, bool]:
        """Return the recording and whether it is new; a retry with the same bytes is not an error.

        Raises Refused (while the switch is off, before a byte is read), AccountClosed, Busy, RecordingErased,
        TooLarge, Unavailable, and what ``blocks`` raises.
        """
        new = replace(await self._new(account_id, call_ref, recording_ref), voices=tuple(voices))
        claimed = None
        while claimed is None:
            call = await self.call_opener.load_call(account_id, call_ref)
            timed = replace(new, **times_to_note(new, call.claims))
            claimed = await self.database.write(partial(self._claim, new=timed, call=call, actor=actor))
        known, lease, decision = claimed
        if not decision.record or known.state is State.REFUSED:
            reasons = known.reasons or decision.grounds
            raise Refused(reasons[0].text, reasons=[reason.code for reason in reasons])
        if known.state in _ARRIVED_STATES:
            return await self._compare(known, blocks, new.voices, actor), False
        if lease is None:
            raise Busy("Another request is sending this recording.", retry_after=_RETRY_AFTER)
        try:
            stored = await hold_row(self.database, lease, self._seal(lease, blocks, call, decision))
        except LeaseLost as error:
            raise await self._why_lost(lease) from error
        except BaseException:
            await asyncio.shield(self._release(lease))
            raise
        return stored, True

    async def _new(self, account_id: str, call_ref: str, recording_ref: str) -> NewRecording:
        return NewRecording(
            id=new_id("rec"),
            account_id=account_id,
            connection_id=None,
            recording_ref=recording_ref,
            call_ref=call_ref,
            received_at=self.clock(),
            call_started_at=None,
            call_ended_at=None,
            sealed_announcement=None,
            origin=origin_of("upload", tracing.traceparent()),
            key_version=(await self.ring.current(account_id)).version,
        )

    async def _seal(
        self, lease: Lease, blocks: AsyncIterator[bytes], call: CallContext, decision: Decision
    ) -> Recording:
        facts = CallFacts(call_ref=lease.recording.call_ref)
        return await self.attempt(lease, blocks, facts=facts, known=call, decision=decision)

    async def _why_lost(self, lease: Lease) -> VaultError:
        """Return the error that explains a lost lease, by the recording's state now."""
        recording = lease.recording
        now = await self.database.read(lambda tx: tx.recordings.get(recording.account_id, recording.id))
        if now is None or now.state in {State.ERASING, State.ERASED}:
            return RecordingErased("The recording was erased while it was being sent.")
        if now.state is State.REFUSED:
            # By the recording switch, or by a party of its call.
            text = "The recording was refused while it was being sent."
            return Refused(text, reasons=[reason.code for reason in now.reasons])
        return Busy("Another request is sending or has sent this recording.", retry_after=_RETRY_AFTER)

    async def _release(self, lease: Lease) -> None:
        try:
            await self.database.write(lambda tx: retry(tx, lease, after=UPLOAD_IDLE_TIMEOUT))
        except VaultError:
            return  # The lease expires.

    async def _compare(
        self, known: Recording, blocks: AsyncIterator[bytes], voices: Sequence[Voice], actor: str
    ) -> Recording:
        """Hash the body and compare it with the stored recording; other bytes are Refused, with an access event.

        Voices are added to a recording that has none; others are Refused.
        """
        digest = hashlib.sha256()
        async for block in gather(blocks):
            digest.update(block)
        keys = await self.database.read(lambda tx: tx.recordings.keys(known.id))
        if keys is None:
            raise NotFound("There is no such recording.")
        opened = await open_recording(self.ring, known, keys)
        if hmac.compare_digest(digest.digest(), opened.details().sha256):
            if not voices or tuple(voices) == known.voices:
                return known
            return await self.database.write(partial(_with_voices, known=known, voices=voices))
        event = AccessEvent(
            type="recording.conflict",
            at=self.clock(),
            account_id=known.account_id,
            actor=actor,
            recording_id=known.id,
        )
        await self.database.write(lambda tx: tx.events.append(event))
        raise Refused(
            "A recording of this name with other bytes is stored already.", reasons=("other_bytes",)
        )

    def _claim(
        self, tx: Transaction, *, new: NewRecording, call: CallContext, actor: str
    ) -> tuple[Recording, Lease | None, Decision] | None:
        """Find or insert the row, and claim it for this client if possible.

        Return None if facts of the call were added after ``call`` was read.
        """
        tx.lock_account_and_call(new.account_id, new.call_ref)
        if tx.closures.has_begun(new.account_id):
            raise AccountClosed
        if not self.admission.unchanged(tx, new.account_id, call):
            return None
        known = _row(tx, new, actor)
        # A recording that is already stored is decided by the current epoch: a switch to off since its receipt must
        # not refuse a retry.
        epoch = tx.accounts.switch(new.account_id).epoch if known.state in _ARRIVED_STATES else known.epoch
        decision = self.admission.decide(
            tx, new.account_id, call, received_at=known.received_at, epoch_at_receipt=epoch
        )
        if known.state in _ARRIVED_STATES or known.state is State.REFUSED:
            return known, None, decision
        lease = tx.queue.claim_upload(known.id, lease=LEASE)
        if lease is not None and not decision.record:
            return refuse(tx, lease, decision.grounds, actor=actor), None, decision
        return known, lease, decision


def _row(tx: Transaction, new: NewRecording, actor: str) -> Recording:
    """Return the row of this name in this call: inserted if there is none, started over if it failed.

    Raises RecordingErased, Refused, Busy.
    """
    known = _named(tx, new)
    if known is None:
        key = new.recording_ref
        if tx.recordings.by_ref(new.account_id, None, key) is not None:
            # A recording of another call.
            key = row_key_in_call(key, new.call_ref)
        switch = tx.accounts.switch(new.account_id)
        named = replace(new, recording_ref=key)
        tx.recordings.insert_upload(named, state=State.RECEIVED, reasons=(), epoch=switch.epoch)
        known = tx.recordings.get(new.account_id, new.id)
        if known is None:
            raise NotFound("There is no such recording.")
    if known.state in GONE:
        raise RecordingErased("The recording was erased.")
    if known.state is State.FAILED:
        return start_over(tx, known, new, actor=actor)
    return known


def _named(tx: Transaction, new: NewRecording) -> Recording | None:
    """Return the recording of this name in this call: that of an upload, or the one that a connection announced."""
    named = named_recordings(tx.connection, new.account_id, new.call_ref, new.recording_ref)
    standing = named_at(None, named)
    if len(standing) > 1:
        raise Refused(_AMBIGUOUS, reasons=("ambiguous_name",))
    return standing[0] if standing else None


def _with_voices(tx: Transaction, *, known: Recording, voices: Sequence[Voice]) -> Recording:
    """Add the voices to a recording that has none."""
    tx.lock_account(known.account_id)
    if not add_voices(tx.connection, known.id, voices):
        now = tx.recordings.get(known.account_id, known.id)
        if now is None or now.voices != tuple(voices):
            raise Refused("The recording has other voices already.", reasons=("other_voices",))
    tx.queue.rewrite_manifest(known.id)
    return replace(known, voices=tuple(voices))
