"""Take over the newer announcement of a recording whose row exists and that has not arrived yet.

What failed starts over under its id. What waits, or is being fetched, keeps the newer URL for its next attempt. What
arrived, was refused or was erased stays as it is. An upload that has not arrived becomes a recording of the connection
that announces its name, or has it in its provider's list: if the client does not send all of it, the URL is fetched.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.hot.statements import Announced
from vault.database.stores.recordings.recording_names import named_recordings
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.calls.call import Announcement, CallFacts, Voice
from vault.domain.recordings.recording import CLOSED, Arrival, Recording, SealedAnnouncement, State, named_at
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_announcement, encode_announcement
from vault.errors import AccountClosed, Busy, NotFound
from vault.ports.keys import KeyRing, SealingKey
from vault.sealing.message import open_message, seal
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext, times_to_note
from vault.services.admission.call_opener import CallOpener
from vault.services.lifecycle.lifecycle import refuse
from vault.services.lifecycle.start_over import replace_announcement, start_over
from vault.services.shared.encrypted_fields import key_that_sealed
from vault.services.shared.retry_on_rotation import retry_with_month_key

#: States in which a recording has not passed the gate, so that its announcement may still be needed.
NOT_ARRIVED: Final = frozenset({State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED})
#: States in which a newer announcement may bring what is not there.
INCOMPLETE: Final = NOT_ARRIVED | {State.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceAgain:
    """Give the row of a recording the newer announcement, if it still needs one."""

    database: Database
    ring: KeyRing
    admission: Admission
    call_opener: CallOpener

    async def __call__(
        self,
        account_id: str,
        recording_id: str,
        new: NewRecording,
        announcement: Announcement,
        facts: CallFacts,
        *,
        actor: str,
        arrival: Arrival = "webhook",
    ) -> Announced:
        """Return the row, with ``renewed`` if the announcement is now its own. ``new`` is what a new row would be.

        ``taken_over`` is set if the row is another connection's now. Raises Unavailable, AccountClosed.
        """
        while True:
            recording, sealed = await self.database.read(partial(_read, account_id, recording_id))
            # Another leg of the call may report the recording; its facts are not facts of the recording's call.
            own = facts if facts.call_ref == recording.call_ref else CallFacts(call_ref=recording.call_ref)
            done = _as_it_is(recording)
            if recording.connection_id not in {None, new.connection_id}:
                # It closes the name, or was an upload that the other connection has announced meanwhile.
                return replace(done, taken_over=recording.state not in CLOSED)
            if arrival == "reconcile" and recording.connection_id is not None:
                # A provider's list has a recording for hours after it failed here.
                return done
            if recording.state is State.FAILED:
                found = await self._start_over(recording, new, announcement, own, actor)
            elif recording.state in NOT_ARRIVED:
                older = await self._opened(recording, sealed)
                if not _is_newer(announcement, older):
                    return done
                merged = _merged(announcement, older, recording.voices)
                found = await self._renew(recording, sealed, merged, own, new)
            else:
                return done
            if found is not None:
                return replace(
                    done, recording_id=found.id, state=found.state, renewed=found.id == recording.id
                )

    async def _opened(self, recording: Recording, sealed: SealedAnnouncement | None) -> Announcement | None:
        if sealed is None:
            return None
        key = await key_that_sealed(self.ring, recording.account_id, sealed.key_version, sealed.month_key)
        context = bound.of_announcement(recording.account_id, recording.id)
        return decode_announcement(open_message(key, sealed.message, context=context))[0]

    async def _renew(
        self,
        recording: Recording,
        sealed: SealedAnnouncement | None,
        announcement: Announcement,
        facts: CallFacts,
        new: NewRecording,
    ) -> Recording | None:
        def renew(tx: Transaction, newer: SealedAnnouncement) -> Recording | None:
            _check_open(tx, recording)
            older = None if sealed is None else sealed.message
            source = new if recording.connection_id is None else None
            return replace_announcement(
                tx, recording, older, newer, voices=announcement.voices, source=source
            )

        return await self._sealed(recording, announcement, facts, renew)

    async def _start_over(
        self,
        recording: Recording,
        new: NewRecording,
        announcement: Announcement,
        facts: CallFacts,
        actor: str,
    ) -> Recording | None:
        call = await self.call_opener.load_call(recording.account_id, recording.call_ref, facts)

        def start(tx: Transaction, newer: SealedAnnouncement) -> Recording | None:
            fresh = replace(
                new,
                sealed_announcement=newer.message,
                key_version=newer.key_version,
                month_key=newer.month_key,
                **times_to_note(new, call.claims),
            )
            return self._decided(tx, recording, fresh, call, actor)

        with suppress(Busy):
            return await self._sealed(recording, announcement, facts, start)
        return None

    def _decided(
        self, tx: Transaction, failed: Recording, new: NewRecording, call: CallContext, actor: str
    ) -> Recording | None:
        """Start over, or refuse what may not be recorded; None if the row or its call has changed since.

        Another recording of its name that was refused or erased is returned instead: it closes the name.
        """
        _check_open(tx, failed)
        if not self.admission.unchanged(tx, failed.account_id, call):
            return None
        now = tx.recordings.get(failed.account_id, failed.id)
        if now is None or now.state is not State.FAILED:
            return None
        named = named_recordings(tx.connection, now.account_id, now.call_ref, now.name)
        if (standing := named_at(now.connection_id, named)[0]).id != now.id:
            return standing
        fresh = start_over(tx, now, new, actor=actor)
        decision = self.admission.decide(
            tx, failed.account_id, call, received_at=fresh.received_at, epoch_at_receipt=fresh.epoch
        )
        return fresh if decision.record else refuse(tx, fresh, decision.grounds, actor=actor)

    async def _sealed(
        self,
        recording: Recording,
        announcement: Announcement,
        facts: CallFacts,
        write: Callable[[Transaction, SealedAnnouncement], Recording | None],
    ) -> Recording | None:
        async def seal_and_write(key: SealingKey) -> Recording | None:
            context = bound.of_announcement(recording.account_id, recording.id)
            message = seal(key.key, context, encode_announcement(announcement, facts))
            newer = SealedAnnouncement(message, key.version, key.month_key)
            return await self.database.write(lambda tx: write(tx, newer))

        work: Callable[[SealingKey], Awaitable[Recording | None]] = seal_and_write
        return await retry_with_month_key(self.ring, recording.account_id, recording.received_at, work)


def _check_open(tx: Transaction, recording: Recording) -> None:
    """Lock account and call, and raise AccountClosed if the account's closure has begun."""
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    if tx.closures.has_begun(recording.account_id):
        raise AccountClosed


def _read(account_id: str, recording_id: str, tx: Transaction) -> tuple[Recording, SealedAnnouncement | None]:
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    return recording, tx.recordings.announcement(recording_id)


def _as_it_is(recording: Recording) -> Announced:
    return Announced(
        recording_id=recording.id, state=recording.state, call_ref=recording.call_ref, created=False
    )


def _is_newer(announcement: Announcement, older: Announcement | None) -> bool:
    """Return whether it says something that the row's own announcement does not."""
    if older is None:
        return True
    new_url = announcement.url is not None and announcement.url != older.url
    return new_url or bool(announcement.voices and announcement.voices != older.voices)


def _merged(
    announcement: Announcement, older: Announcement | None, voices: tuple[Voice, ...]
) -> Announcement:
    if older is None:
        return replace(announcement, voices=announcement.voices or voices)
    return replace(
        announcement,
        url=announcement.url or older.url,
        source_ref=announcement.source_ref or older.source_ref,
        voices=announcement.voices or older.voices,
    )
