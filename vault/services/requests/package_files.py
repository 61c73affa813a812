"""The files of one recording in a package: its audio or one channel of it, its vCon and its evidence."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.domain.calls.call import CallFacts
from vault.domain.notices.notice import base_language
from vault.domain.recordings.media import content_type, extension
from vault.domain.recordings.recording import Recording
from vault.domain.registers.package_page import PackagedCall
from vault.domain.requests.package import (
    MAX_PART_BYTES,
    MAX_PART_RECORDINGS,
    LeftOut,
    part_id,
    request_json,
    why_without_audio,
)
from vault.domain.requests.request import Packaged, Request
from vault.domain.requests.vcon import ExportedAudio, GivenAnswer, given_answers, write_vcon
from vault.errors import DescriberCrashed, NotFound, Tampered, Undecodable, VaultError
from vault.services.requests.package_about import PackageAbout
from vault.services.requests.package_audio import PackageAudio
from vault.services.requests.package_contents import PackageContents
from vault.services.requests.sealed_requests import personal_of
from vault.services.requests.speakers import FindSpeaker, Spoken
from vault.services.requests.zip_stream import ZipStream
from vault.tlog.note import Signer

#: Digits of a number that the page of a package shows.
_ENDING: Final = 3


@dataclass(slots=True, kw_only=True)
class PackagePart:
    """A part of a package while it is written; most packages have one."""

    request: Request
    at: datetime
    #: The same by the clock that packages expire by.
    checked_at: datetime
    is_last_try: bool
    #: From 1.
    number: int = 1
    is_last_part: bool = True
    #: The last recording that is in this part or a former one: when it was received, or the person's request decided.
    through: tuple[datetime, str] | None = None
    #: Recordings in this part, and bytes of their files.
    recordings: int = 0
    size: int = 0
    #: Recordings of which it has files; empty in the export of a closure, which outlives their erasure.
    given: list[str] = field(default_factory=list)
    #: The objects of the audio in it, by recording.
    sources: dict[str, str] = field(default_factory=dict)
    archive: ZipStream = field(init=False)
    names: list[str] = field(default_factory=list)
    calls: list[PackagedCall] = field(default_factory=list)
    #: The language of the last notice that the person heard in a recording of this part.
    language: str | None = None
    #: Recordings that are not in it, or not completely, with the reason.
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    #: When the calls of those began, as far as that is known.
    times: dict[str, datetime] = field(default_factory=dict)
    #: Recordings in whose channel of the person the other party is heard faintly.
    echoes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin the ZIP file."""
        self.archive = ZipStream(self.at)

    @property
    def id(self) -> str:
        """Return the id of the part."""
        return part_id(self.request.id, self.number)

    @property
    def packaged(self) -> Packaged:
        """Return the package whose last part this is."""
        return Packaged(at=self.checked_at, parts=self.number)

    @property
    def is_full(self) -> bool:
        """Return whether the next recording belongs into another part."""
        return self.size >= MAX_PART_BYTES or self.recordings >= MAX_PART_RECORDINGS

    def add_request(self, recipients: Sequence[str] = ()) -> bytes:
        """Return the bytes of the file that says what the request and this part are."""
        content = request_json(self.request, recipients, self.left_out, self.echoes, made_at=self.at)
        content |= {"part": self.number, "is_last_part": self.is_last_part}
        return self.add_text("request.json", json.dumps(content, indent=2))

    def add_text(self, name: str, text: str) -> bytes:
        """Return the bytes of a small file, which the page names."""
        self.names.append(name)
        return self.archive.add_text(name, text)

    def leave_out_row(self, recording_id: str, row: Recording | None) -> None:
        """Note why a recording has no audio, and when its call began."""
        self.left_out[recording_id] = why_without_audio(None if row is None else row.state)
        if row is not None:
            self.times[recording_id] = row.call_started_at or row.received_at

    def leave_out(self, recording_id: str, error: VaultError) -> None:
        """Note why a recording is not in it; raise the error again while another try may succeed."""
        if not (self.is_last_try or isinstance(error, Undecodable)):
            raise error
        self.left_out[recording_id] = "missing" if isinstance(error, NotFound) else "not_readable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFiles:
    """Write the files of recordings into a package."""

    database: Database
    speaker: FindSpeaker
    audio: PackageAudio
    contents: PackageContents
    about: PackageAbout
    signer: Signer

    async def __call__(self, part: PackagePart, recording_id: str, *, is_whole: bool) -> AsyncIterator[bytes]:
        """Yield the files of one recording. What cannot be read may leave its audio incomplete, which is noted."""
        part.recordings += 1
        try:
            async for block in self._files(part, recording_id, is_whole=is_whole):
                part.size += len(block)
                yield block
        except (Undecodable, DescriberCrashed, Tampered, NotFound) as error:
            part.leave_out(recording_id, error)

    async def _files(self, part: PackagePart, recording_id: str, *, is_whole: bool) -> AsyncIterator[bytes]:
        request, archive = part.request, part.archive
        spoken = await self.speaker(request.account_id, recording_id, personal_of(request))
        if spoken is None:
            part.leave_out_row(recording_id, await self._row(request.account_id, recording_id))
            return
        part.times[recording_id] = _began(spoken)
        if spoken.channel is None and not is_whole:
            part.left_out[recording_id] = "no_channel_alone"
            return
        recording, digest = spoken.opened.recording, hashlib.sha512()
        folder = f"recordings/{recording_id}"
        name = f"{folder}/audio{extension(recording.container) if is_whole else '.wav'}"
        blocks = self.audio.blocks(
            spoken, is_whole=is_whole, on_echo=lambda: part.echoes.append(recording_id)
        )
        # Nothing is begun for a recording of which nothing can be read.
        first = await anext(blocks, b"")
        if recording.audio is not None:
            part.sources[recording_id] = recording.audio.location
        part.names.append(name)
        part.calls.append(_listed(spoken, name, is_whole=is_whole))
        if request.kind != "closure":
            part.given.append(recording_id)
        async for block in archive.add(name, _hashed(first, blocks, digest)):
            yield block
        evidence = await self.contents.evidence(spoken)
        if request.kind != "closure":
            part.language = _language_heard(evidence) or part.language
        vcon = _vcon(
            spoken, name, digest.digest(), given_answers(evidence), is_whole=is_whole, at=part.at,
            host=self.signer.name,
        )  # fmt: skip
        yield part.add_text(f"{folder}/recording.vcon.json", json.dumps(vcon, indent=2))
        async for what, text in self.contents.of_recording(spoken, evidence):
            yield part.add_text(f"{folder}/{what}", text)
        # The account itself, which gets the export of a closure, reads this in the vault.
        kept = None if request.kind == "closure" else await self.about.kept(request.account_id, recording_id)
        if kept is not None:
            yield part.add_text(f"{folder}/retention.json", kept)

    async def _row(self, account_id: str, recording_id: str) -> Recording | None:
        return await self.database.read(lambda tx: tx.recordings.get(account_id, recording_id))


def _listed(spoken: Spoken, audio: str, *, is_whole: bool) -> PackagedCall:
    recording = spoken.opened.recording
    return PackagedCall(
        recording_id=recording.id,
        at=_began(spoken),
        duration=recording.duration,
        side=spoken.side,
        ending=_ending(next(iter(spoken.own_numbers.values()), None)),
        is_whole=is_whole,
        audio=audio,
    )


def _began(spoken: Spoken) -> datetime:
    """Return when the call began, or else when the recording was received."""
    recording = spoken.opened.recording
    return spoken.facts.started_at or recording.call_started_at or recording.received_at


def _ending(number: str | None) -> str | None:
    """Return the last digits of a number, by which its holder tells it from others."""
    digits = re.sub("[^0-9]", "", number or "")
    return digits[-_ENDING:] if len(digits) > 2 * _ENDING else None


def _language_heard(evidence: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the base language of the last notice to the person; None for none."""
    told = [event["notice"] for entry in evidence for event in entry["consent"] if "notice" in event]
    return base_language(told[-1]["language"]) if told else None


async def _hashed(
    first: bytes, blocks: AsyncIterator[bytes], digest: "hashlib._Hash"
) -> AsyncIterator[bytes]:
    """Yield the blocks after the first one, and that; the digest sees all."""
    digest.update(first)
    yield first
    async for block in blocks:
        digest.update(block)
        yield block


def _vcon(
    spoken: Spoken,
    name: str,
    sha512: bytes,
    answers: Sequence[GivenAnswer],
    *,
    is_whole: bool,
    at: datetime,
    host: str,
) -> dict[str, Any]:
    recording = spoken.opened.recording
    only = None if is_whole or spoken.channel is None else recording.voices[spoken.channel]
    audio = ExportedAudio(
        filename=name.rsplit("/", maxsplit=1)[-1],
        mediatype=content_type(recording.container or "") if is_whole else "audio/wav",
        sha512=sha512,
        duration=recording.duration,
        only=only,
    )
    # A later report may name somebody else on the person's side.
    other = spoken.facts if only is None else CallFacts(call_ref=recording.call_ref)
    facts = replace(
        spoken.facts,
        caller=spoken.own_numbers.get("caller", other.caller),
        callee=spoken.own_numbers.get("callee", other.callee),
    )
    started_at = spoken.facts.started_at or recording.received_at
    return write_vcon(
        recording.id,
        facts,
        recording.voices,
        audio,
        started_at=started_at,
        created_at=at,
        host=host,
        answers=answers,
    )
