"""The audio for one listener, who asks for it, and the alarm if it was tampered with or is missing."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.recordings.media import content_type, plays_in_browsers
from vault.domain.recordings.recording import Recording, SealedObject, State
from vault.errors import NotFound, RecordingMissing, Tampered, VaultError
from vault.services.shared.sealed_audio import SealedAudio
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks for the audio of a session: with the first grant from another address than before, the log says it."""

    address: str | None
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayableAudio:
    """The audio for one listener, ready to be read."""

    source: SealedAudio
    content_type: str
    #: The file name of a download.
    file_name: str
    size: int
    #: Seconds; None if unknown.
    duration: float | None
    #: Whether all its seconds have as many bytes.
    is_steady: bool
    #: The object's own id; each ingest attempt has another one.
    etag: str
    #: The template of every grant; each gets its own id, time and range.
    event: AccessEvent
    #: The client's address and browser.
    client: Client | None = None


def etag(sealed: SealedObject) -> str:
    """Return the id of a stored object."""
    return sealed.location.rsplit("/", 1)[-1].partition(".")[0]


async def is_current(database: Database, audio: PlayableAudio) -> bool:
    """Return whether the row still names the object. Where it is replaced sessions end; a download by key has none."""
    recording_id = audio.event.recording_id or ""
    if audio.event.session_id is not None:
        return True
    named = await database.read(lambda tx: tx.object_checks.named([recording_id]))
    return recording_id in named and audio.source.location in named[recording_id].locations


def audio_type(recording: Recording) -> str:
    """Return the media type of the original; a general one where browsers do not play it."""
    container, codec = recording.container or "", recording.codec or ""
    if not plays_in_browsers(container, codec):
        return "application/octet-stream"
    return content_type(container)


def not_playable(recording: Recording | None) -> NotFound:
    """Return the error for the holder of an API key: ``restricted``, or the state, as where a link is refused."""
    error = NotFound("There is no playable recording with this id.")
    if recording is not None and (recording.restricted or recording.state is not State.AVAILABLE):
        error.reasons = ("restricted" if recording.restricted else str(recording.state),)
    return error


async def record_alarm(
    database: Database, event: AccessEvent, error: Tampered | RecordingMissing, at: datetime
) -> None:
    """Record that stored audio differs from what was sealed, or that it is missing.

    These are two alarms: tampered means that someone wrote to the object store; missing means that the store lost
    an object, and the recording plays again once it is restored. If the access log cannot be written, only the
    operator's log has the alarm.
    """
    if isinstance(error, RecordingMissing):
        _LOG.error("recording.missing", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.missing", at=at)
    else:
        _LOG.error("recording.tampered", recording_id=event.recording_id)
        alarm = replace(event, id=new_id("evt"), type="recording.tampered", at=at)
    with suppress(VaultError):
        await database.write(lambda tx: tx.events.append(alarm))
