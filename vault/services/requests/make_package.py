"""Make the package that answers a request for access: the person's own channel of each recording, and its facts.

It is sealed under a key of its own while it is made; nothing of it is written in clear.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vault.database.interface import Database
from vault.database.stores.packages import Package
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.recordings.media import content_type, extension
from vault.domain.recordings.recording import SealedObject
from vault.domain.requests.decision import effect_of
from vault.domain.requests.package import (
    CONSULTATIONS,
    LIFE,
    PREFIX,
    ChannelOf,
    index_html,
    request_json,
)
from vault.domain.requests.request import Request
from vault.domain.requests.vcon import ExportedAudio, write_vcon
from vault.domain.stored import encryption_context as bound
from vault.ports.audio import Describer
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.rfc3339 import write_rfc3339
from vault.sealing.keys import KEY_BYTES, package_key
from vault.sealing.wrapping import wrap
from vault.services.ingest.seal_stream import seal_stream
from vault.services.requests.sealed_requests import append_event, personal_of, ruling_of
from vault.services.requests.speakers import FindSpeaker, Spoken
from vault.services.requests.zip_stream import ZipStream
from vault.services.shared.encrypted_reader import SealedAudio
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.thread_pools import Threads
from vault.tlog.note import Signer

#: Events of a recording per read.
_EVENTS = 500


@dataclass(slots=True)
class _Samples:
    """The RenditionSink of one channel: what it takes is read as blocks, a few at a time."""

    channel: ChannelOf
    queue: "asyncio.Queue[bytes | None]" = field(default_factory=lambda: asyncio.Queue(maxsize=2))

    def write(self, block: bytes) -> Coroutine[Any, Any, None]:
        """Take the next bytes of the rendition."""
        return self.queue.put(self.channel.take(block))


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePackage:
    """Make packages; a request has one at most."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    describer: Describer
    threads: Threads
    speaker: FindSpeaker
    signer: Signer

    async def __call__(self, request: Request) -> bool:
        """Make the package of a request if it needs one and has none; return whether it was made.

        Raises Unavailable, Undecodable and DescriberCrashed if a channel cannot be decoded, TooLarge.
        """
        account_id = request.account_id
        ruling = ruling_of(request)
        wanted = [
            name
            for name in (*ruling.recordings, *ruling.calls)
            if effect_of(request.kind, ruling.verdict_on(name)) == "provide"
        ]
        known = await self.database.read(lambda tx: tx.packages.get(account_id, request.id))
        if not wanted or known is not None:
            return False
        at = await self.database.read(lambda tx: tx.now())
        key = package_key(request.id, secrets.token_bytes(KEY_BYTES))
        async with aclosing(self._blocks(request, at)) as blocks:
            sealed = await seal_stream(
                blocks,
                key=key,
                context=bound.of_package(account_id, request.id),
                objects=self.objects,
                location=f"{PREFIX}{account_id}/{request.id}/{new_id('att')}",
                threads=self.threads,
            )
        await retry_if_rotated(
            self.ring,
            account_id,
            lambda current: self._write(current, request, key.secret, sealed.sealed, at=at),
        )
        return True

    async def _write(
        self, current: AccountKey, request: Request, secret: bytes, sealed: SealedObject, *, at: datetime
    ) -> None:
        package = Package(
            request_id=request.id,
            account_id=request.account_id,
            wrapped_key=wrap(current.key, secret, bound.of_package_key(request.account_id, request.id)),
            key_version=current.version,
            location=sealed.location,
            header=sealed.header,
            size=sealed.size,
            made_at=at,
            expires_at=at + LIFE,
        )

        def write(tx: Transaction) -> None:
            tx.lock_account(request.account_id)
            tx.packages.add(package)
            append_event(tx, request, "export.made", actor="worker", at=at)

        await self.database.write(write)

    async def _blocks(self, request: Request, at: datetime) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file."""
        ruling, personal = ruling_of(request), personal_of(request)
        archive, names = ZipStream(at), list[str]()
        consultations: list[dict[str, object]] = []
        for recording_id in ruling.recordings:
            verdict = ruling.verdict_on(recording_id)
            if effect_of(request.kind, verdict) != "provide":
                continue
            consultations += await self._consultations(request.account_id, recording_id)
            spoken = await self.speaker(request.account_id, recording_id, personal)
            is_whole = verdict.code == "provided_whole"
            if spoken is None or (spoken.channel is None and not is_whole):
                continue
            suffix = extension(spoken.opened.recording.container) if is_whole else ".wav"
            name = f"recordings/{recording_id}/audio{suffix}"
            digest = hashlib.sha512()
            async for block in archive.add(name, _hashed(self._audio(spoken, is_whole=is_whole), digest)):
                yield block
            vcon = _vcon(spoken, name, digest.digest(), is_whole=is_whole, at=at, host=self.signer.name)
            names += [name, f"recordings/{recording_id}/recording.vcon.json"]
            yield archive.add_text(names[-1], json.dumps(vcon, indent=2))
        recipients = await self.database.read(
            lambda tx: sorted({one.provider for one in tx.connections.of_account(request.account_id)})
        )
        texts = {
            "consultations.json": json.dumps(consultations, indent=2),
            "request.json": json.dumps(request_json(request, recipients, made_at=at), indent=2),
            "index.html": index_html(request, [*names, "consultations.json", "request.json"], made_at=at),
        }
        for name, text in texts.items():
            yield archive.add_text(name, text)
        yield archive.finish()

    async def _audio(self, spoken: Spoken, *, is_whole: bool) -> AsyncIterator[bytes]:
        """Yield the whole original, or the person's channel as a WAV file: the other one is in no byte of it."""
        opened = spoken.opened
        audio = opened.recording.audio
        if audio is None:
            return
        source = SealedAudio(self.objects, opened.opener(audio, "audio"), audio)
        if is_whole or spoken.channel is None:
            async for block in source.blocks():
                yield block
            return
        samples = _Samples(ChannelOf(spoken.channel))
        job = asyncio.create_task(self._decode(source, samples, opened.recording.account_id))
        try:
            while (part := await samples.queue.get()) is not None:
                yield part
            await job
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    async def _decode(self, source: SealedAudio, samples: _Samples, account_id: str) -> None:
        try:
            await self.describer.describe(source, samples, account_id=account_id, always=True)
        except Exception:
            # Whatever it is: the reader of the samples waits for their end.
            await samples.queue.put(None)
            raise
        await samples.queue.put(None)

    async def _consultations(self, account_id: str, recording_id: str) -> list[dict[str, object]]:
        """Return when a recording was consulted and how, without who listened: names are not opened for it."""
        found: list[dict[str, object]] = []
        purposes = await self.database.read(
            lambda tx: {link.id: link.purpose for link in tx.links.of_recording(account_id, recording_id)}
        )
        start = 0
        while True:
            page = await self.database.read(
                lambda tx, start=start: tx.events.page(  # type: ignore[misc]
                    account_id, recording_id=recording_id, start=start, limit=_EVENTS
                )
            )
            found += [
                {
                    "recording": recording_id,
                    "at": write_rfc3339(one.event.at),
                    "what": one.event.type,
                    "purpose": purposes.get(one.event.link_id or ""),
                }
                for one in page
                if one.event.type in CONSULTATIONS
            ]
            if len(page) < _EVENTS:
                return found
            start = page[-1].index + 1


async def _hashed(blocks: AsyncIterator[bytes], digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    """Yield the blocks, which the digest sees too."""
    async for block in blocks:
        digest.update(block)
        yield block


def _vcon(
    spoken: Spoken, name: str, sha512: bytes, *, is_whole: bool, at: datetime, host: str
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
    started_at = spoken.facts.started_at or recording.received_at
    return write_vcon(
        recording.id, spoken.facts, recording.voices, audio, started_at=started_at, created_at=at, host=host
    )
