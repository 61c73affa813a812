"""Fetch a recording again at a client's request, from the URL that its platform named or from another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.stores.recordings.recording_names import hurry
from vault.domain.accounts.account import Connection
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.recordings.recording import GONE, Recording, State
from vault.errors import Invalid, NotFound, RecordingErased, Refused
from vault.ports.clock import Clock
from vault.ports.telephony import Fetcher, Provider
from vault.services.ingest.announce import new_recording
from vault.services.ingest.announce_again import AnnounceAgain
from vault.services.ingest.receive_webhook import check_media_url
from vault.services.shared.connection_cache import ConnectionCache, OpenedConnection

_ARRIVED = frozenset({State.STORED, State.QUARANTINED, State.AVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRecording:
    """Let a recording that has not arrived be fetched now.

    What failed starts over under its id; its URL was deleted when it failed, so the client names one, unless the
    provider's REST API has it. What waits for its next attempt does not wait any longer.
    """

    database: Database
    clock: Clock
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    fetcher: Fetcher
    announce_again: AnnounceAgain

    async def __call__(self, account_id: str, recording_id: str, *, url: str | None, actor: str) -> None:
        """Queue the recording. Raises NotFound, RecordingErased, Refused, Invalid (``recording_url``), Unavailable."""
        recording, opened = await self._opened(await self._read(account_id, recording_id))
        announcement = Announcement(
            recording_ref=recording.name,
            url=url,
            source_ref=recording.source_ref,
            kind=recording.kind,
            voices=recording.voices,
        )
        self._check(recording, announcement, opened)
        if url is not None or recording.state is State.FAILED:
            await self._announce(recording, opened.connection, announcement, actor)
        await self.database.write(lambda tx: hurry(tx.connection, account_id, recording_id))

    async def _read(self, account_id: str, recording_id: str) -> Recording | None:
        return await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id))

    async def _opened(self, recording: Recording | None) -> tuple[Recording, OpenedConnection]:
        """Return a recording that can be fetched, and its connection."""
        if recording is None:
            raise NotFound("There is no such recording.")
        if recording.state in GONE:
            raise RecordingErased("The recording was erased.")
        if recording.state is State.REFUSED:
            raise _refused(recording)
        if recording.state in _ARRIVED:
            text = "The recording is stored already. Upload other audio of its call under another name."
            raise Refused(text, reasons=("stored",))
        if recording.connection_id is None:
            text = "The recording was uploaded, so there is no URL to fetch it from: upload it again."
            raise Refused(text, reasons=("uploaded",))
        try:
            return recording, await self.connection_cache.get(recording.connection_id)
        except NotFound:
            text = "The connection that announced the recording was deleted: upload the recording under its name."
            raise Refused(text, reasons=("connection_deleted",)) from None

    def _check(self, recording: Recording, announcement: Announcement, opened: OpenedConnection) -> None:
        provider, access = self.providers[opened.connection.provider], opened.access(self.clock())
        if announcement.url is not None:
            check_media_url(self.fetcher, provider, announcement, access, field="recording_url")
        elif recording.state is State.FAILED and provider.find_request(announcement, access) is None:
            text = "recording_url is required: the URL of a recording that failed is deleted, and so is this one's."
            raise Invalid(text, field="recording_url")

    async def _announce(
        self, recording: Recording, connection: Connection, announcement: Announcement, actor: str
    ) -> None:
        facts = CallFacts(call_ref=recording.call_ref)
        new = new_recording(connection, facts, announcement, self.clock())
        new = replace(new, recording_ref=recording.recording_ref)
        announced = await self.announce_again(
            recording.account_id, recording.id, new, announcement, facts, actor=actor
        )
        if announced.state in GONE:
            raise RecordingErased("A recording of this name in this call was erased.")
        if announced.state is State.REFUSED:
            raise _refused(await self._read(recording.account_id, announced.recording_id))


def _refused(recording: Recording | None) -> Refused:
    reasons = () if recording is None else recording.reasons
    text = "The recording was refused, which is final. If its reason is gone, upload it under another name."
    return Refused(text, reasons=[reason.code for reason in reasons])
