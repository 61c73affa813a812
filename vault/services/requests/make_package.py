"""Make the package that answers a request for access: the person's own channel of each recording, and its facts.

It is sealed under a key of its own while it is made; nothing of it is written in clear.
"""

import hashlib
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.database.stores.packages import Package
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.recordings.media import content_type, extension
from vault.domain.recordings.recording import GONE, SealedObject, State
from vault.domain.requests.closure import EXPORT
from vault.domain.requests.decision import effect_of
from vault.domain.requests.package import LIFE, PREFIX, LeftOut, index_html, request_json
from vault.domain.requests.request import Request, Verdict
from vault.domain.requests.vcon import ExportedAudio, write_vcon
from vault.domain.stored import encryption_context as bound
from vault.errors import DescriberCrashed, NotFound, Tampered, Undecodable, VaultError
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.keys import KEY_BYTES, package_key
from vault.sealing.wrapping import wrap
from vault.services.ingest.seal_stream import seal_stream
from vault.services.requests.find_person import FindPerson
from vault.services.requests.package_audio import PackageAudio
from vault.services.requests.package_contents import PackageContents
from vault.services.requests.sealed_requests import append_event, personal_of, ruling_of, sealed_row
from vault.services.requests.speakers import FindSpeaker, Spoken
from vault.services.requests.zip_stream import ZipStream
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.thread_pools import Threads
from vault.tlog.note import Signer

#: Tries after which what cannot be read is left out: its cause is not passing any more.
_TRIES: Final = 5
#: Recordings per read of an account's export.
_PAGE: Final = 100
#: States of recordings of which there is no audio that could be provided.
_WITHOUT_AUDIO: Final = frozenset({State.REFUSED, State.FAILED, *GONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePackage:
    """Make packages; a request has one at most."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    threads: Threads
    speaker: FindSpeaker
    find: FindPerson
    audio: PackageAudio
    contents: PackageContents
    signer: Signer

    async def __call__(self, request: Request, *, tries: int) -> Request:
        """Make the package of a request if it needs one and has none; return the request as it is then.

        A recording that cannot be put in it is listed with the reason, and has the verdict ``not_provided``: if it
        cannot be decoded, at the first try; if it is damaged or missing, or the describer ends at it, at the fifth of
        the ``tries``.
        Raises Unavailable, DescriberCrashed, Tampered and NotFound before that, TooLarge.
        """
        account_id, ruling = request.account_id, ruling_of(request)
        is_wanted = any(
            effect_of(request.kind, ruling.verdict_on(name)) == "provide"
            for name in (*ruling.recordings, *ruling.calls)
        )
        known = await self.database.read(lambda tx: tx.packages.get(account_id, request.id))
        if not is_wanted or known is not None:
            return request
        at = await self.database.read(lambda tx: tx.now())
        making = _Making(request=request, at=at, is_last_try=tries >= _TRIES)
        return await self._seal(
            making, self._blocks(making), lambda: _with_left_out(request, making.left_out)
        )

    async def export(self, request: Request) -> None:
        """Make the package of a whole account, of which each available recording is in it as it was received.

        What cannot be read is listed in it, as in the package of a person. Raises Unavailable, TooLarge.
        """
        at = await self.database.read(lambda tx: tx.now())
        making = _Making(request=request, at=at, is_last_try=True)
        await self._seal(making, self._account(making), lambda: _exported(request))

    async def _seal(
        self, making: "_Making", content: AsyncGenerator[bytes, None], changed_by: Callable[[], Request]
    ) -> Request:
        """Seal a package and write its row, with the request as it is changed by then; return that."""
        request, at = making.request, making.at
        account_id, key = request.account_id, package_key(request.id, secrets.token_bytes(KEY_BYTES))
        async with aclosing(content) as blocks:
            sealed = await seal_stream(
                blocks,
                key=key,
                context=bound.of_package(account_id, request.id),
                objects=self.objects,
                location=f"{PREFIX}{account_id}/{request.id}/{new_id('att')}",
                threads=self.threads,
            )
        changed = changed_by()
        await retry_if_rotated(
            self.ring,
            account_id,
            lambda current: self._write(current, request, changed, key.secret, sealed.sealed, at=at),
        )
        return changed

    async def _write(
        self,
        current: AccountKey,
        request: Request,
        changed: Request,
        secret: bytes,
        sealed: SealedObject,
        *,
        at: datetime,
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
        row = None if changed == request else sealed_row(current, changed)

        def write(tx: Transaction) -> None:
            tx.lock_account(request.account_id)
            if row is not None:
                tx.requests.change(row)
            tx.packages.add(package)
            append_event(tx, request, "export.made", actor="worker", at=at)

        await self.database.write(write)

    async def _blocks(self, making: "_Making") -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file."""
        request, archive = making.request, making.archive
        ruling, account_id = ruling_of(request), request.account_id
        consultations: list[dict[str, object]] = []
        for recording_id in ruling.recordings:
            verdict = ruling.verdict_on(recording_id)
            if effect_of(request.kind, verdict) != "provide":
                continue
            consultations += await self.contents.consultations(account_id, recording_id)
            is_whole = verdict.code == "provided_whole"
            async for block in self._recording(making, recording_id, is_whole=is_whole):
                yield block
        terms = await self.find.terms(account_id, personal_of(request))
        async for request_id, receipt in self.contents.earlier_receipts(account_id, terms.own):
            yield making.add_text(f"receipts/{request_id}.json", receipt)
        recipients = await self.database.read(
            lambda tx: sorted({one.provider for one in tx.connections.of_account(account_id)})
        )
        told = request_json(request, recipients, making.left_out, made_at=making.at)
        yield making.add_text("consultations.json", json.dumps(consultations, indent=2))
        yield making.add_text("request.json", json.dumps(told, indent=2))
        page = index_html(request, making.names, making.left_out, made_at=making.at)
        yield archive.add_text("index.html", page)
        yield archive.finish()

    async def _account(self, making: "_Making") -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file of a whole account."""
        account_id, after = making.request.account_id, None
        while True:
            page = await self.database.read(
                lambda tx, after=after: tx.retention.available(account_id, after=after, limit=_PAGE)  # type: ignore[misc]
            )
            for recording in page:
                async for block in self._recording(making, recording.id, is_whole=True):
                    yield block
            if len(page) < _PAGE:
                break
            after = (page[-1].received_at, page[-1].id)
        told = request_json(making.request, [], making.left_out, made_at=making.at)
        yield making.add_text("request.json", json.dumps(told, indent=2))
        yield making.archive.finish()

    async def _recording(
        self, making: "_Making", recording_id: str, *, is_whole: bool
    ) -> AsyncIterator[bytes]:
        """Yield the files of one recording. What cannot be read may leave its audio incomplete, which is noted."""
        try:
            async for block in self._files(making, recording_id, is_whole=is_whole):
                yield block
        except (Undecodable, DescriberCrashed, Tampered, NotFound) as error:
            making.leave_out(recording_id, error)

    async def _files(self, making: "_Making", recording_id: str, *, is_whole: bool) -> AsyncIterator[bytes]:
        request, archive = making.request, making.archive
        spoken = await self.speaker(request.account_id, recording_id, personal_of(request))
        if spoken is None:
            row = await self.database.read(lambda tx: tx.recordings.get(request.account_id, recording_id))
            if row is not None and row.state not in _WITHOUT_AUDIO:
                making.left_out[recording_id] = "not_available"
            return
        if spoken.channel is None and not is_whole:
            making.left_out[recording_id] = "no_channel_alone"
            return
        recording, digest = spoken.opened.recording, hashlib.sha512()
        folder = f"recordings/{recording_id}"
        name = f"{folder}/audio{extension(recording.container) if is_whole else '.wav'}"
        blocks = self.audio.blocks(spoken, is_whole=is_whole)
        # Nothing is begun for a recording of which nothing can be read.
        first = await anext(blocks, b"")
        making.names.append(name)
        async for block in archive.add(name, _hashed(first, blocks, digest)):
            yield block
        vcon = _vcon(spoken, name, digest.digest(), is_whole=is_whole, at=making.at, host=self.signer.name)
        yield making.add_text(f"{folder}/recording.vcon.json", json.dumps(vcon, indent=2))
        async for what, text in self.contents.of_recording(spoken):
            yield making.add_text(f"{folder}/{what}", text)


@dataclass(slots=True, kw_only=True)
class _Making:
    """A package in the making."""

    request: Request
    at: datetime
    is_last_try: bool
    archive: ZipStream = field(init=False)
    names: list[str] = field(default_factory=list)
    #: Recordings that are not in it, or not completely, with the reason.
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.archive = ZipStream(self.at)

    def add_text(self, name: str, text: str) -> bytes:
        """Return the bytes of a small file, which the page names."""
        self.names.append(name)
        return self.archive.add_text(name, text)

    def leave_out(self, recording_id: str, error: VaultError) -> None:
        """Note why a recording is not in it; raise the error again while another try may succeed."""
        if not (self.is_last_try or isinstance(error, Undecodable)):
            raise error
        self.left_out[recording_id] = "missing" if isinstance(error, NotFound) else "not_readable"


def _exported(request: Request) -> Request:
    """Return the closure with the note that its export is made."""
    personal = personal_of(request)
    ruled = replace(personal, ruling=replace(ruling_of(request), reason=EXPORT))
    return replace(request, personal=ruled, revision=request.revision + 1)


def _with_left_out(request: Request, left_out: Mapping[str, LeftOut]) -> Request:
    """Return the request with the verdict ``not_provided`` on what is left out."""
    if not left_out:
        return request
    personal, ruling = personal_of(request), ruling_of(request)
    verdicts = {**ruling.verdicts, **dict.fromkeys(left_out, Verdict(code="not_provided"))}
    ruled = replace(personal, ruling=replace(ruling, verdicts=verdicts))
    return replace(request, personal=ruled, revision=request.revision + 1)


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
