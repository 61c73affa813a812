"""Bytes out: each window of them is granted, durably, before the first of its bytes leaves.

The first grant and the first read run together, and the answer's head waits for both: so a log that
cannot be written is a 503 without a byte, and a tampered object a clean error. After that one
window is granted ahead, and before its first byte leaves it is asked once more whether it may: otherwise
two windows would leave after a session's end. What the log says is an upper bound of what was sent.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault import metrics
from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.ids import new_id
from vault.domain.playback.link import FIRST_WINDOW, Link, Session, windows
from vault.domain.recordings.media import content_type, extension, plays_in_browsers
from vault.domain.recordings.recording import Recording, SealedObject, State
from vault.errors import NotFound, RecordingMissing, Tampered, VaultError
from vault.ports.clock import Clock
from vault.ports.database import Database, Grant
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.playback.audio_alarm import record_alarm
from vault.services.playback.log_allowance import Allowance
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.encrypted_reader import SealedAudio
from vault.structured_log import Log

_LOG = Log(__name__)
#: Bytes opened at once at most: larger blocks are no faster.
_MAX_BLOCK_BYTES = 1024 * 1024
#: How long it is believed that a session, its link and its recording are still good.
_CACHE_TTL = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayableAudio:
    """The audio that a listener gets, ready to be read."""

    source: SealedAudio
    content_type: str
    #: What it is called where it is kept.
    file_name: str
    size: int
    #: Seconds; None where nobody could tell.
    duration: float | None
    #: The object's own id: another attempt, another tag.
    etag: str
    #: What every grant says; each gets its own id, time and range.
    event: AccessEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAudio:
    """Turn a session, or an API key, and a recording into the sound to be heard.

    A browser gets the rendition where it could not play the original; a download gets the original.
    """

    database: Database
    ring: KeyRing
    objects: ObjectStore
    clock: Clock

    async def for_session(self, session: Session, recording: Recording) -> PlayableAudio:
        """Return what a session plays. Raises NotFound, Unavailable, Tampered."""
        return await self._sound(recording, self._by_session(session, "playback.grant"), played=True)

    async def for_look(self, link: Link, recording: Recording) -> PlayableAudio:
        """Return what a media link plays, for its headers alone. Raises as ``for_session`` does."""
        event = AccessEvent(
            id="",
            type="playback.grant",
            at=self.clock(),
            account_id=link.account_id,
            actor=link.id,
            recording_id=recording.id,
            link_id=link.id,
        )
        return await self._sound(recording, event, played=True)

    async def for_session_download(self, session: Session, recording: Recording) -> PlayableAudio:
        """Return what a session keeps as a file, where its link lets it. Raises as ``for_session`` does."""
        link = await self.database.read(lambda tx: tx.links.get(session.account_id, session.link_id))
        if link is None or not link.download:
            raise NotFound("This link is for listening; it offers no file.")
        return await self._sound(recording, self._by_session(session, "download.grant"), played=False)

    async def for_download(self, account_id: str, recording_id: str, *, actor: str) -> PlayableAudio:
        """Return what an API key downloads. Raises NotFound, Unavailable, Tampered."""
        recording = await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id))
        if recording is None or recording.state is not State.AVAILABLE or recording.restricted:
            raise NotFound("There is no such recording to be heard.")
        event = AccessEvent(
            id="",
            type="download.grant",
            at=self.clock(),
            account_id=account_id,
            actor=actor,
            recording_id=recording_id,
        )
        return await self._sound(recording, event, played=False)

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

    async def _sound(self, recording: Recording, event: AccessEvent, *, played: bool) -> PlayableAudio:
        keys = await self.database.read(lambda tx: tx.recordings.keys(recording.id))
        if keys is None or recording.audio is None:
            raise NotFound("There is no audio of this recording.")
        if played and recording.rendition is not None:
            sealed, kind = recording.rendition, content_type("wav")
        else:
            sealed, kind = recording.audio, self._kind(recording)
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
            etag=_etag(sealed),
            event=event,
        )

    @staticmethod
    def _kind(recording: Recording) -> str:
        container, codec = recording.container or "", recording.codec or ""
        if not plays_in_browsers(container, codec):
            return "application/octet-stream"
        return content_type(container)


def _etag(sealed: SealedObject) -> str:
    return sealed.location.rsplit("/", 1)[-1].partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Serve a range of a sound."""

    database: Database
    allowance: Allowance
    clock: Clock

    async def __call__(self, sound: PlayableAudio, start: int, end: int) -> AsyncIterator[bytes]:
        """Grant the first window, open its first block, and return the blocks of [start, end).

        Raises NotFound when session, link or recording are no longer good, TooMany when the session had too
        many grants, Unavailable when the log cannot be written, Tampered for a first frame that was changed,
        RecordingMissing where the object store has no such object. Later the iterator raises.
        """
        if start == end:
            return _nothing()
        if sound.event.session_id is not None:
            await self.allowance.use(sound.event.session_id)
        plan = windows(start, end)
        window = next(plan)
        stop = min(window[1], start + FIRST_WINDOW)
        try:
            first = await self._read_beside(self._grant(sound, window), sound, start, stop)
        except (Tampered, RecordingMissing) as error:
            await record_alarm(self.database, sound.event, error, self.clock())
            raise
        return self._blocks(sound, first, window, list(plan))

    async def _blocks(
        self, sound: PlayableAudio, first: bytes, window: tuple[int, int], rest: list[tuple[int, int]]
    ) -> AsyncIterator[bytes]:
        sent, position = len(first), window[0] + len(first)
        ahead: asyncio.Task[None] | None = None
        try:
            yield first
            for following in [*rest, None]:
                ahead = asyncio.create_task(self._grant(sound, following)) if following else None
                async with aclosing(self._window(sound, position, window[1])) as blocks:
                    async for block in blocks:
                        sent += len(block)
                        yield block
                if following is None or ahead is None:
                    break
                await ahead
                if sound.event.session_id is not None:
                    self.allowance.owe(sound.event.session_id)
                position, window = following[0], following
        except (Tampered, RecordingMissing) as error:
            await record_alarm(self.database, sound.event, error, self.clock())
            raise
        finally:
            if ahead is not None and not ahead.done():
                ahead.cancel()
            await asyncio.shield(self._end(sound, sent))

    async def _window(self, sound: PlayableAudio, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the blocks of a granted window. Before the first it is asked whether it still may be heard.

        Before later ones too, if the reader is slow: a minute may pass between two blocks.
        """
        position = start
        asked_at: datetime | None = None
        while position < end:
            stop, now = min(end, position + _MAX_BLOCK_BYTES), self.clock()
            if asked_at is None or now - asked_at >= _CACHE_TTL:
                asked_at = now
                yield await self._read_beside(self._check(sound), sound, position, stop)
            else:
                yield await self._read(sound, position, stop)
            position = stop

    async def _read_beside(
        self, allowed: Coroutine[None, None, None], sound: PlayableAudio, start: int, end: int
    ) -> bytes:
        """Read while ``allowed`` finds out whether the bytes may leave. Raises what either raises."""
        reading = asyncio.create_task(self._read(sound, start, end))
        try:
            await allowed
            return await reading
        finally:
            if not reading.done():
                reading.cancel()
            with suppress(BaseException):
                await reading

    async def _read(self, sound: PlayableAudio, start: int, end: int) -> bytes:
        try:
            return await sound.source.read(start, end)
        except NotFound:
            # Erased at this moment, or the object store has lost it: nobody changed what was sealed.
            await self._check(sound)
            raise RecordingMissing from None

    async def _check(self, sound: PlayableAudio) -> None:
        """Raise NotFound unless session, link and recording are still good."""
        event = replace(sound.event, at=self.clock())
        if not await self.database.read(lambda tx: tx.links.still_good(event)):
            raise _ended()

    async def _grant(self, sound: PlayableAudio, window: tuple[int, int]) -> None:
        event = replace(sound.event, id=new_id("evt"), at=self.clock(), first=window[0], end=window[1])
        if not await self.database.grant(Grant(event=event, session_id=event.session_id)):
            raise _ended()
        metrics.GRANTS.labels(event.type.removesuffix(".grant")).inc()

    async def _end(self, sound: PlayableAudio, sent: int) -> None:
        """Say what was really sent; the grants are what counts where this cannot be written."""
        metrics.SERVED.labels(sound.event.type.removesuffix(".grant")).inc(sent)
        ended: EventType = "download.end" if sound.event.type == "download.grant" else "playback.end"
        event = replace(sound.event, id=new_id("evt"), type=ended, at=self.clock(), end=sent)
        try:
            await self.database.write(lambda tx: tx.events.append(event))
        except VaultError:
            _LOG.warning("stream.end_not_written", recording_id=event.recording_id)


def _ended() -> NotFound:
    return NotFound("This session has ended. Open the link again.")


async def _nothing() -> AsyncIterator[bytes]:
    """Yield no block: there is no byte in the range."""
    blocks: tuple[bytes, ...] = ()
    for block in blocks:
        yield block
