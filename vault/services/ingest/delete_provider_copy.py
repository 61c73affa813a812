"""Deleting the provider's copy, once the vault has read back its own, or has refused to have one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.calls.provider_api import RestReply
from vault.domain.recordings.recording import Recording
from vault.errors import FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.telephony import Provider, RestClient
from vault.services.shared.connection_cache import ConnectionCache
from vault.structured_log import Log

_LOG = Log(__name__)
_LEASE = timedelta(seconds=90)
_FIRST_BACKOFF, _MAX_BACKOFF = timedelta(minutes=1), timedelta(hours=6)
#: With the pauses above, about a week.
MAX_ATTEMPTS = 40
#: There is nothing to delete any more, or there never was.
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAtSource:
    """Ask a provider to delete its copy; where it may answer success for what has not arrived, ask twice.

    Everything that happens is in the recording's history. A deletion can be repeated, so a crash in
    between costs nothing but the repetition.
    """

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    clock: Clock

    async def __call__(self) -> bool:
        """Do one piece of work; False if there was none."""
        recording = await self.database.write(lambda tx: tx.sources.claim(lease=_LEASE))
        if recording is None:
            return False
        try:
            reply = await self._ask(recording)
        except (FetchFailed, NotFound) as error:
            _LOG.warning("source.not_deleted", recording_id=recording.id, reason=str(error))
            await self.database.write(lambda tx: _not_deleted(tx, recording))
            return True
        if reply is None:
            await self.database.write(lambda tx: _give_up(tx, recording, "impossible"))
            return True
        provider, answer = reply
        await self.database.write(lambda tx: _note(tx, recording, provider, answer))
        return True

    async def _ask(self, recording: Recording) -> tuple[Provider, RestReply] | None:
        if recording.connection_id is None or recording.source_ref is None:
            return None
        opened = await self.connections.get(recording.connection_id)
        provider = self.providers[opened.connection.provider]
        request = provider.delete_request(recording.source_ref, opened.access(self.clock()))
        return None if request is None else (provider, await self.rest.send(request))


def _note(tx: Transaction, recording: Recording, provider: Provider, answer: RestReply) -> None:
    succeeded = answer.status // 100 == 2  # noqa: PLR2004 - the class of success
    again = provider.delete_again_after
    if succeeded and again is not None and recording.source_attempts == 1:
        tx.sources.try_again(recording.id, tx.now() + again)
        _event(tx, recording, "source.deleted", "again_later")
    elif succeeded or answer.status in _GONE:
        tx.sources.deleted(recording.id, tx.now())
        _event(tx, recording, "source.deleted", "deleted" if succeeded else "gone")
    else:
        _later(tx, recording, f"http_{answer.status}")


def _not_deleted(tx: Transaction, recording: Recording) -> None:
    connection_id = recording.connection_id
    if connection_id is not None and tx.connections.get(connection_id) is None:
        # Its credentials are gone with it, so there is nothing to try again with.
        _give_up(tx, recording, "connection_deleted")
    else:
        _later(tx, recording, "error")


def _later(tx: Transaction, recording: Recording, result: str) -> None:
    if recording.source_attempts >= MAX_ATTEMPTS:
        _give_up(tx, recording, result)
        return
    pause = min(_MAX_BACKOFF, _FIRST_BACKOFF * 2 ** min(recording.source_attempts - 1, 20))
    tx.sources.try_again(recording.id, tx.now() + pause)
    if recording.source_attempts == 1:
        # Once is enough to tell: what follows are repetitions, until it is deleted or kept.
        _event(tx, recording, "source.delete_failed", result)


def _give_up(tx: Transaction, recording: Recording, result: str) -> None:
    tx.sources.give_up(recording.id)
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
