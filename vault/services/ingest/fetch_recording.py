"""Ingest: claim an announced recording, decide on it again, fetch it, seal it, and take it through the gate."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.calls.provider_api import Access, MediaRequest
from vault.domain.reason import Reason
from vault.domain.recordings.fetch_attempts import BACKOFF, MAX_FETCHES, backoff_after
from vault.domain.recordings.recording import Lease, Recording
from vault.domain.recordings.transitions import CLAIM
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_announcement
from vault.errors import FetchFailed, LeaseLost, NotFound, TooLarge, Unavailable, VaultError
from vault.fair_places import FairPlaces, GaveWay, Place
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.telephony import Fetcher, MediaTooSlow, Provider, RestClient
from vault.sealing.message import open_message
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.ingest.admit_recording import AdmitRecording
from vault.services.ingest.load_call import load_and_decide
from vault.services.ingest.store_attempt import Attempt, SealedRecording
from vault.services.lifecycle.lifecycle import fail, refuse, retry
from vault.services.shared.connection_cache import ConnectionCache, OpenedConnection
from vault.services.shared.encrypted_fields import key_that_sealed
from vault.services.shared.job import FairJob, Job, Size
from vault.services.shared.row_lease import GAVE_WAY_PAUSE, ClaimHint, claim_place, hold_row
from vault.structured_log import Log

_LOG = Log(__name__)
_TO_TRANSFER = tuple(sorted(CLAIM.sources))
#: Seconds after which a fetch may have to give way to those of other accounts.
_TURN: Final = 60.0
#: The reason of a recording that waits because the provider's host does not answer.
_HOST_DOWN = "host_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Fetch the announced recording that has waited longest.

    received | retry_wait | transferring with an expired lease -> transferring -> available, or quarantined,
    refused, retry_wait, failed; or stored, where ``Describe`` continues. After a crash at any point, the row is
    claimed again once its lease has expired, and the sweep removes the orphaned object, if there is one.
    """

    database: Database
    ring: KeyRing
    fetcher: Fetcher
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    admission: Admission
    call_opener: CallOpener
    attempt: Attempt
    admit: AdmitRecording
    rest: RestClient
    clock: Clock
    #: Bytes from which a recording is stored before it is described; after a crash, smaller ones are fetched again.
    store_from: int = 16 * 1024 * 1024
    places: FairPlaces = field(default_factory=FairPlaces)
    _hint: ClaimHint = field(default_factory=ClaimHint)

    def jobs(self) -> Sequence[Job]:
        """Return the fetch of one announced recording, which the sender may make as long as it likes."""
        return [
            FairJob(
                work=Work.INGEST,
                step=self,
                needs_objects=True,
                places=self.places,
                size=Size.WORKERS,
                turn=_TURN,
            )
        ]

    async def __call__(self) -> bool:
        """Process one recording; return False if none is due, or if a part of the vault is down."""
        found = await claim_place(self.database, *_TO_TRANSFER, hint=self._hint, places=self.places)
        if found is None:
            return False
        lease, place = found
        try:
            with place:
                return await self._process(lease, place)
        except LeaseLost:
            _LOG.info("ingest.lease_lost", recording_id=lease.recording.id)
        return True

    async def _process(self, lease: Lease, place: Place) -> bool:
        try:
            up = await hold_row(self.database, lease, self._in_turn(lease, place))
        except LeaseLost:
            raise
        except FetchFailed as error:
            await self._retry_or_fail(lease, Reason(code=_code(error), text=str(error)), final=error.final)
        except TooLarge as error:
            await self._retry_or_fail(lease, Reason(code="too_large", text=str(error)), final=True)
        except GaveWay as error:
            reason = Reason(code="gave_way", text=str(error))
            await self._wait(lease, reason, lease.recording.attempts - 1, GAVE_WAY_PAUSE)
        except Unavailable as error:
            await self._wait_for_vault(lease, error)
            return False
        except (VaultError, OSError, ValueError, KeyError) as error:
            _LOG.error(
                "ingest.failed", trace=True, recording_id=lease.recording.id, attempt=lease.recording.attempts
            )
            text = f"An attempt ended unexpectedly ({type(error).__name__})."
            await self._retry_or_fail(lease, Reason(code="error", text=text), final=False)
        else:
            await self._wake_others(lease.recording)
            return up
        return True

    async def _in_turn(self, lease: Lease, place: Place) -> bool:
        async with place.turn():
            return await self._transfer(lease)

    async def _transfer(self, lease: Lease) -> bool:
        """Bring the recording in; return False if a part of the vault is down, so that it waits as stored."""
        recording = lease.recording
        if recording.attempts > MAX_FETCHES:
            # No attempt reported a result; perhaps each one crashed its process.
            raise FetchFailed(f"{MAX_FETCHES} attempts began, and none ended with a result.", final=True)
        if lease.announcement is None or recording.connection_id is None:
            raise FetchFailed("The recording's announcement was deleted.", final=True)
        key = await key_that_sealed(
            self.ring, recording.account_id, lease.announcement.key_version, lease.announcement.month_key
        )
        context = bound.of_announcement(recording.account_id, recording.id)
        announcement, facts = decode_announcement(
            open_message(key, lease.announcement.message, context=context)
        )
        known, decision = await load_and_decide(
            self.database, self.call_opener, self.admission, recording, facts
        )
        if not decision.record:
            await self.database.write(lambda tx: refuse(tx, lease, decision.grounds))
            return True
        opened = await self._opened(recording.connection_id)
        provider, access = self.providers[opened.connection.provider], opened.access(self.clock())
        if announcement.url is None:
            announcement = await self._find(lease, opened, announcement, access)
        try:
            request = provider.media_request(announcement, access)
            sealed = await self._fetch(recording, request, facts, known, decision)
        except FetchFailed as error:
            # The URL may have expired in the queue; the provider may return a new one.
            if error.final or provider.find_request(announcement, access) is None:
                raise
            announcement = await self._find(lease, opened, announcement, access)
            request = provider.media_request(announcement, access)
            sealed = await self._fetch(recording, request, facts, known, decision)
        return await self._finish(lease, sealed, known)

    async def _finish(self, lease: Lease, sealed: SealedRecording, known: CallContext) -> bool:
        """Take a sealed recording through the gate under the same lease, or leave it as stored."""
        if sealed.parts["audio"].size >= self.store_from:
            await self.attempt.store(lease, sealed)
            return True
        try:
            await self.admit.sealed(lease, sealed, known)
        except Unavailable as error:
            _LOG.warning("describe.put_off", recording_id=lease.recording.id, reason=str(error))
            pause = backoff_after(error, lease.recording.attempts)
            await self.attempt.keep(lease, sealed, after=pause)
            return isinstance(error, GaveWay)
        except asyncio.CancelledError:
            # The node stops, or this gives way: what was fetched is not fetched again.
            with suppress(VaultError):
                await asyncio.shield(self.attempt.keep(lease, sealed, after=timedelta()))
            raise
        return True

    async def _opened(self, connection_id: str) -> OpenedConnection:
        try:
            return await self.connection_cache.get(connection_id)
        except NotFound:
            if await self.database.read(lambda tx: tx.connections.get(connection_id)) is not None:
                raise
            raise FetchFailed("The connection that announced it was deleted.", final=True) from None

    async def _fetch(
        self,
        recording: Recording,
        request: MediaRequest,
        facts: CallFacts,
        known: CallContext,
        decision: Decision,
    ) -> SealedRecording:
        async with self.fetcher.fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:  # type: ignore[type-var]
            return await self.attempt.seal(recording, blocks, facts=facts, known=known, decision=decision)

    async def _find(
        self, lease: Lease, opened: OpenedConnection, announcement: Announcement, access: Access
    ) -> Announcement:
        provider, recording = self.providers[opened.connection.provider], lease.recording
        request = provider.find_request(announcement, access)
        if request is None:
            raise FetchFailed(
                "The announcement has no URL, and the provider has no request for it.", final=True
            )
        found = provider.found(announcement, await self.rest.send(request))
        if found.url is None:
            raise FetchFailed("The provider does not have the recording yet.")
        if (ref := found.source_ref) is not None and recording.source_ref is None:
            policy = opened.connection.source_policy
            await self.database.write(lambda tx: tx.provider_copies.name(recording.id, ref, policy))
        return found

    async def _retry_or_fail(self, lease: Lease, reason: Reason, *, final: bool) -> None:
        attempt = lease.recording.attempts
        if final or attempt >= MAX_FETCHES:
            failure = Reason(code="fetch_failed", text=reason.text) if reason.code == _HOST_DOWN else reason
            await self.database.write(lambda tx: fail(tx, lease, failure))
            return
        await self._wait(lease, reason, attempt, BACKOFF.after(attempt))

    async def _wait_for_vault(self, lease: Lease, error: Unavailable) -> None:
        """Wait for an unavailable part of the vault itself, which never makes a recording fail.

        The attempt counter stops at half the max, so that attempts are left for failures of the provider.
        """
        attempts = min(lease.recording.attempts, MAX_FETCHES // 2)
        reason = Reason(code="unavailable", text=str(error))
        await self._wait(lease, reason, attempts, backoff_after(error, attempts))

    async def _wake_others(self, recording: Recording) -> None:
        """Let the connection's other recordings try again soon, if this one had waited for the provider's host."""
        if recording.connection_id is None or all(one.code != _HOST_DOWN for one in recording.reasons):
            return
        account_id, connection_id = recording.account_id, recording.connection_id
        woken = await self.database.write(lambda tx: tx.queue.wake(account_id, connection_id, _HOST_DOWN))
        _LOG.info("ingest.host_answers_again", connection_id=connection_id, count=woken)

    async def _wait(self, lease: Lease, reason: Reason, attempts: int, pause: timedelta) -> None:
        await self.database.write(lambda tx: retry(tx, lease, after=pause, reason=reason, attempts=attempts))
        _LOG.info(
            "ingest.put_off",
            recording_id=lease.recording.id,
            attempt=attempts,
            reason=reason.code,
            seconds=round(pause.total_seconds(), 1),
        )


def _code(error: FetchFailed) -> str:
    if error.host_down:
        return _HOST_DOWN
    return "media_too_slow" if isinstance(error, MediaTooSlow) else "fetch_failed"
