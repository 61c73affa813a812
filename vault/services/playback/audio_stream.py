"""The audio stream: each window of bytes is granted durably before its first byte is sent.

The first grant and the first read run concurrently, and the response head waits for both: so a log that
cannot be written gives a 503 without a byte, and a tampered object a clean error. After that, one window is
granted ahead, and the permission is checked again before its first byte is sent: otherwise two windows could
be sent after a session's end. The log states an upper bound of what was sent.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.hot.statements import Grant
from vault.database.stores.playback.hot_reads import RECORDING, SessionWithLink, read_recording
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.listening import STEADY_CODECS
from vault.domain.ids import new_id
from vault.domain.playback.link import MAX_WINDOW, Link, Session, plays_without_right, windows
from vault.domain.recordings.media import content_type, extension
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.errors import NotFound, RecordingMissing, Tampered, VaultError
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.playback.playable_audio import (
    Client,
    PlayableAudio,
    audio_type,
    etag,
    is_current,
    not_playable,
    record_alarm,
)
from vault.services.playback.session_allowance import Allowance, SessionAddresses
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.sealed_audio import SealedAudio
from vault.structured_log import Log

_LOG = Log(__name__)
#: Maximum bytes decrypted at a time; larger blocks are not faster.
_MAX_BLOCK_BYTES = 1024 * 1024
#: How long a positive check of session, link and recording is cached.
_CACHE_TTL = timedelta(milliseconds=250)
#: Max seconds that a stopping process waits for end events.
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStreams:
    """Find the playable audio of a recording, and stream it."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    clock: Clock
    allowance: Allowance
    addresses: SessionAddresses
    data_keys: AccountDataKeys
    #: End events being written. A cancelled response does not wait for its own.
    _ends: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def for_session(
        self,
        session: Session,
        recording: Recording,
        keys: RecordingKeys | None = None,
        *,
        client: Client | None = None,
    ) -> PlayableAudio:
        """Return the audio that a session plays; ``keys`` need not be read then.

        Raises NotFound, Unavailable, Tampered.
        """
        event = self._by_session(session, "playback.grant")
        return replace(await self._resolve(recording, event, keys, played=True), client=client)

    async def for_preview(self, link: Link, recording: Recording) -> PlayableAudio:
        """Return the audio of a media link, for its headers only. Raises as ``for_session`` does."""
        event = AccessEvent(
            id="",
            type="playback.grant",
            at=self.clock(),
            account_id=link.account_id,
            actor=link.id,
            recording_id=recording.id,
            link_id=link.id,
        )
        return await self._resolve(recording, event, played=True)

    async def for_session_download(
        self, found: SessionWithLink, *, client: Client | None = None
    ) -> PlayableAudio:
        """Return the audio that a session downloads, if its link allows it. Raises as ``for_session`` does."""
        if not found.link.download:
            raise NotFound("This link does not allow downloads.")
        event = self._by_session(found.session, "download.grant")
        sound = await self._resolve(found.recording, event, found.keys, played=False)
        return replace(sound, client=client)

    async def for_download(self, account_id: str, recording_id: str, *, actor: str) -> PlayableAudio:
        """Return the audio that an API key downloads. Raises NotFound, Unavailable, Tampered."""
        rows = await self.database.fetch(RECORDING, id=recording_id, account_id=account_id)
        found = read_recording(rows[0]) if rows else None
        if found is None or not plays_without_right(found.recording):
            raise not_playable(None if found is None else found.recording)
        event = AccessEvent(
            id="", type="download.grant", at=self.clock(), account_id=account_id, actor=actor,
            recording_id=recording_id,
        )  # fmt: skip
        return await self._resolve(found.recording, event, found.keys, played=False)

    def _by_session(self, session: Session, kind: EventType) -> AccessEvent:
        return AccessEvent(
            id="",
            type=kind,
            at=self.clock(),
            account_id=session.account_id,
            actor=session.id,
            recording_id=session.recording_id,
            link_id=session.link_id,
            session_id=session.id,
        )

    async def _resolve(
        self, recording: Recording, event: AccessEvent, keys: RecordingKeys | None = None, *, played: bool
    ) -> PlayableAudio:
        if keys is None:
            keys = await self.database.read(lambda tx: tx.recordings.keys(recording.id))
        if keys is None or recording.audio is None:
            raise NotFound("This recording has no audio.")
        if played and recording.rendition is not None:
            sealed, kind = recording.rendition, content_type("wav")
        else:
            sealed, kind = recording.audio, audio_type(recording)
        try:
            opened = await open_recording(self.ring, recording, keys)
            opener = opened.opener(sealed, "rendition" if sealed is recording.rendition else "audio")
        except Tampered as error:
            await record_alarm(self.database, event, error, self.clock())
            raise
        return PlayableAudio(
            source=SealedAudio(self.objects, opener, sealed),
            content_type=kind,
            file_name=recording.id
            + extension("wav" if sealed is recording.rendition else recording.container),
            size=sealed.size,
            duration=recording.duration,
            is_steady=sealed is recording.rendition or (recording.codec or "") in STEADY_CODECS,
            etag=etag(sealed),
            event=event,
        )

    async def stream(
        self, audio: PlayableAudio, start: int, end: int, *, longest: int = MAX_WINDOW
    ) -> AsyncIterator[bytes]:
        """Stream a byte range of the audio, in grants of at most ``longest`` bytes.

        Grant the first window, decrypt its first block, and return the blocks of [start, end).

        Raises NotFound if session, link or recording are no longer valid, TooMany if the session had too many
        grants, Unavailable if the log cannot be written, Tampered if the first frame was changed,
        RecordingMissing if the object is missing from the store. Later errors are raised by the iterator.
        """
        if start == end:
            return _nothing()
        if audio.event.session_id is not None:
            await self.allowance.use(audio.event.session_id)
        plan = windows(start, end, longest)
        window = next(plan)
        try:
            first = await self._read_beside(self._grant(audio, window), audio, start, window[1])
        except (Tampered, RecordingMissing) as error:
            await record_alarm(self.database, audio.event, error, self.clock())
            raise
        return self._blocks(audio, first, window, list(plan))

    async def _blocks(
        self, audio: PlayableAudio, first: bytes, window: tuple[int, int], rest: list[tuple[int, int]]
    ) -> AsyncIterator[bytes]:
        sent, position = len(first), window[0] + len(first)
        ahead: asyncio.Task[None] | None = None
        try:
            yield first
            for following in [*rest, None]:
                ahead = asyncio.create_task(self._grant(audio, following)) if following else None
                if ahead is not None:
                    # Nobody awaits it if the reader leaves or a read fails: asyncio must not warn of its error.
                    ahead.add_done_callback(lambda task: task.cancelled() or task.exception())
                async with aclosing(self._window(audio, position, window[1])) as blocks:
                    async for block in blocks:
                        sent += len(block)
                        yield block
                if following is None or ahead is None:
                    break
                await ahead
                if audio.event.session_id is not None:
                    self.allowance.owe(audio.event.session_id)
                position, window = following[0], following
        except (Tampered, RecordingMissing) as error:
            await record_alarm(self.database, audio.event, error, self.clock())
            raise
        finally:
            if ahead is not None and not ahead.done():
                ahead.cancel()
            end = asyncio.create_task(self._record_end(audio, sent))
            self._ends.add(end)
            end.add_done_callback(self._ends.discard)
            await asyncio.shield(end)

    async def close(self) -> None:
        """Wait until the end events of all responses are written, but not for long."""
        if self._ends:
            await asyncio.wait(set(self._ends), timeout=_CLOSE_SECONDS)

    async def _window(self, audio: PlayableAudio, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the blocks of a granted window, after a check that session, link and recording are still valid.

        The check is repeated for later blocks if the reader is slow: a minute may pass between two blocks.
        """
        position = start
        checked_at: datetime | None = None
        while position < end:
            stop, now = min(end, position + _MAX_BLOCK_BYTES), self.clock()
            if checked_at is None or now - checked_at >= _CACHE_TTL:
                checked_at = now
                yield await self._read_beside(self._check(audio), audio, position, stop)
            else:
                yield await self._read(audio, position, stop)
            position = stop

    async def _read_beside(
        self, allowed: Coroutine[None, None, None], audio: PlayableAudio, start: int, end: int
    ) -> bytes:
        """Read while ``allowed`` checks whether the bytes may be sent. Raises what either raises."""
        reading = asyncio.create_task(self._read(audio, start, end))
        try:
            await allowed
            return await reading
        finally:
            if not reading.done():
                reading.cancel()
            with suppress(BaseException):
                await reading

    async def _read(self, audio: PlayableAudio, start: int, end: int) -> bytes:
        try:
            return await audio.source.read(start, end)
        except NotFound:
            # Just erased, or lost by the object store; not tampered with.
            await self._check(audio)
            raise RecordingMissing from None

    async def _check(self, audio: PlayableAudio) -> None:
        """Raise NotFound unless session, link and recording are still valid."""
        event = replace(audio.event, at=self.clock())
        if not await self.database.is_valid(event) or not await is_current(self.database, audio):
            raise _ended()

    async def _grant(self, audio: PlayableAudio, window: tuple[int, int]) -> None:
        event = replace(audio.event, id=new_id("evt"), at=self.clock(), first=window[0], end=window[1])
        session_id, client = event.session_id, audio.client
        if session_id and client and self.addresses.is_new(session_id, client.address):
            event = await self._with_client(event, client)
        if not await self.database.grant(Grant(event=event, session_id=session_id)):
            raise _ended()
        if session_id and client:
            self.addresses.note(session_id, client.address)
        metrics.GRANTS.labels(event.type.removesuffix(".grant")).inc()

    async def _with_client(self, event: AccessEvent, client: Client) -> AccessEvent:
        """Return a grant that says from where: another address than before."""
        detail = {"address": client.address or "", "user_agent": client.agent[:200]}
        sealed = await self.data_keys.seal_detail(event.account_id or "", event.id, detail)
        return replace(event, sealed_detail=sealed)

    async def _record_end(self, audio: PlayableAudio, sent: int) -> None:
        """Record the number of bytes sent; if it cannot be written, the grants are the upper bound."""
        metrics.SERVED.labels(audio.event.type.removesuffix(".grant")).inc(sent)
        ended: EventType = "download.end" if audio.event.type == "download.grant" else "playback.end"
        event = replace(audio.event, id=new_id("evt"), type=ended, at=self.clock(), end=sent)
        try:
            await self.database.append_soon(event)
        except VaultError:
            _LOG.warning("stream.end_not_written", recording_id=event.recording_id)


def _ended() -> NotFound:
    return NotFound("This session has ended. Open the link again.")


async def _nothing() -> AsyncIterator[bytes]:
    """Yield no blocks, for an empty range."""
    for block in tuple[bytes]():
        yield block
