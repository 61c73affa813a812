"""Requests to a provider: pause a recording whose call may not be recorded, and delete the provider's copy.

A pause is best effort: the provider keeps the audio from before it, and the vault refuses that audio when it is
announced. A copy is deleted after the vault has read back its own copy or refused the recording.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.consent.consent import Pause
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.calls.provider_api import RestReply
from vault.domain.recordings.recording import Recording
from vault.errors import FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.telephony import Provider, RestClient
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.job import ClaimJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_PAUSE_RETRY_INTERVAL = timedelta(seconds=3)
#: After these attempts the call is assumed not to be recorded.
_MAX_PAUSE_ATTEMPTS = 5
_LEASE = timedelta(seconds=90)
_BACKOFF: Final = Backoff(first=timedelta(minutes=1), most=timedelta(hours=6))
#: With the backoff above, about a week.
MAX_DELETIONS = 48
#: Statuses that mean that the provider has no copy.
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequests:
    """Send the requests that a provider gets after the fact: pause a recording, delete its copy."""

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return both requests to a provider."""
        return [
            ClaimJob(work=Work.DELETE_AT_SOURCE, step=self.delete_copy, needs_objects=False),
            ClaimJob(work=Work.PAUSE_RECORDINGS, step=self.pause_recording, needs_objects=False),
        ]

    async def pause_recording(self) -> bool:
        """Request one pause from the provider, with a few retries: the recording may begin a moment later.

        Return False if none is due.
        """
        wanted = await self.database.write(lambda tx: tx.pauses.claim(pause=_PAUSE_RETRY_INTERVAL))
        if wanted is None:
            return False
        try:
            paused = await self._request_pause(wanted)
        except (FetchFailed, NotFound) as error:
            _LOG.warning("pause.failed", connection_id=wanted.connection_id, reason=str(error))
            paused = False
        if paused or wanted.attempts >= _MAX_PAUSE_ATTEMPTS:
            await self.database.write(lambda tx: self._pause_done(tx, wanted, paused=paused))
        return True

    async def _request_pause(self, wanted: Pause) -> bool:
        opened = await self.connection_cache.get(wanted.connection_id)
        provider = self.providers[opened.connection.provider]
        request = provider.pause_request(wanted.call_ref, opened.access(self.clock()))
        if request is None:
            return True
        return provider.pause_state(await self.rest.send(request), paused=True)

    def _pause_done(self, tx: Transaction, wanted: Pause, *, paused: bool) -> None:
        tx.pauses.done(wanted)
        tx.events.append(
            AccessEvent(
                type="recording.paused",
                at=tx.now(),
                account_id=wanted.account_id,
                actor="worker",
                result="paused" if paused else "not_paused",
            )
        )

    async def delete_copy(self) -> bool:
        """Request the provider to delete one copy; twice if it may report success before its copy exists.

        All results are in the recording's history. A deletion is idempotent, so a crash only causes a repetition.

        Return False if none is due.
        """
        recording = await self.database.write(lambda tx: tx.provider_copies.claim(lease=_LEASE))
        if recording is None:
            return False
        try:
            reply = await self._request_deletion(recording)
        except (FetchFailed, NotFound) as error:
            _LOG.warning("source.not_deleted", recording_id=recording.id, reason=str(error))
            await self.database.write(lambda tx: _not_deleted(tx, recording))
            return True
        if reply is None:
            await self.database.write(lambda tx: _give_up(tx, recording, "impossible"))
            return True
        provider, answer = reply
        await self.database.write(lambda tx: _record_reply(tx, recording, provider, answer))
        return True

    async def _request_deletion(self, recording: Recording) -> tuple[Provider, RestReply] | None:
        if recording.connection_id is None or recording.source_ref is None:
            return None
        opened = await self.connection_cache.get(recording.connection_id)
        provider = self.providers[opened.connection.provider]
        request = provider.delete_request(recording.source_ref, opened.access(self.clock()))
        return None if request is None else (provider, await self.rest.send(request))


def _record_reply(tx: Transaction, recording: Recording, provider: Provider, answer: RestReply) -> None:
    succeeded = answer.status // 100 == 2  # noqa: PLR2004 - the class of success
    again = provider.delete_again_after
    if succeeded and again is not None and recording.source_attempts == 1:
        tx.provider_copies.try_again(recording.id, tx.now() + again)
        _event(tx, recording, "source.deleted", "again_later")
    elif succeeded or answer.status in _GONE:
        tx.provider_copies.deleted(recording.id, tx.now())
        _event(tx, recording, "source.deleted", "deleted" if succeeded else "gone")
    else:
        _retry_or_fail(tx, recording, f"http_{answer.status}")


def _not_deleted(tx: Transaction, recording: Recording) -> None:
    connection_id = recording.connection_id
    if connection_id is not None and tx.connections.get(connection_id) is None:
        # Its credentials were deleted with it, so a retry is impossible.
        _give_up(tx, recording, "connection_deleted")
    else:
        _retry_or_fail(tx, recording, "error")


def _retry_or_fail(tx: Transaction, recording: Recording, result: str) -> None:
    if recording.source_attempts >= MAX_DELETIONS:
        _give_up(tx, recording, result)
        return
    tx.provider_copies.try_again(recording.id, tx.now() + _BACKOFF.after(recording.source_attempts))
    if recording.source_attempts == 1:
        # Only the first failure is an event; retries follow until the copy is deleted or given up.
        _event(tx, recording, "source.delete_failed", result)


def _give_up(tx: Transaction, recording: Recording, result: str) -> None:
    tx.provider_copies.give_up(recording.id)
    _event(tx, recording, "source.kept", result)


def _event(tx: Transaction, recording: Recording, kind: EventType, result: str) -> None:
    at: datetime = tx.now()
    tx.events.append(
        AccessEvent(
            type=kind,
            at=at,
            account_id=recording.account_id,
            actor="worker",
            recording_id=recording.id,
            result=result,
        )
    )
