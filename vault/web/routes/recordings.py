"""Recordings: upload, list, download, restrict, erase."""

import asyncio
import struct
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from vault.domain.calls.call import MAX_VOICES, Voice
from vault.domain.recordings.media import BUCKETS, MAX_AUDIO_BYTES, Waveform
from vault.errors import Refused, TooLarge, TooMany
from vault.services.service import Vault
from vault.web.audio.check_upload_body import WrongMediaType, audio_of, check_media_type
from vault.web.audio.response import answer
from vault.web.contract.descriptions import AUDIO, AUDIO_BODY, AUDIO_REQUEST, IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json, answer_once
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.base import NewRef
from vault.web.schemas.calls.calls import ErasureQuery, LiftingQuery, RestrictionIn
from vault.web.schemas.recordings.recordings import (
    RecordingOut,
    RedactionIn,
    RetryIn,
    WaveformOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["recordings"])
Ingesting = Annotated[Access, Depends(access("ingest", limited=True))]
Reading = Annotated[Access, Depends(access("recordings:read"))]
Erasing = Annotated[Access, Depends(access("privacy:write"))]
RecordingId = Annotated[str, Path(max_length=64)]
#: An upload without Content-Length counts as so many bytes in flight.
_UNDECLARED_BYTES = 8 * 1024 * 1024
#: Max bytes read from a refused upload before its connection is closed.
_DRAIN = 1024 * 1024
_DRAIN_SECONDS = 2.0


@router.put(
    "/calls/{call_ref}/recordings/{recording_ref}",
    response_model=RecordingOut,
    responses={201: {"model": RecordingOut}},
    openapi_extra={"requestBody": {"required": True, "content": AUDIO_BODY}},
)
async def put_recording(
    request: Request,
    vault: TheVault,
    allowed: Ingesting,
    *,
    call_ref: Annotated[NewRef, Path()],
    recording_ref: Annotated[NewRef, Path()],
    voices: Annotated[list[Voice], Query(max_length=MAX_VOICES, default_factory=list)],
) -> Response:
    """Upload a recording as the raw body.

    201: stored. 200: a retry with the same bytes. 409: this recording exists with other bytes, or a rule refuses it.
    A failed recording may be uploaded again with any bytes. 415: the body is a form or text. 422: the body is empty.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_AUDIO_BYTES:
        raise TooLarge(f"A recording must have at most {MAX_AUDIO_BYTES} bytes.")
    try:
        check_media_type(request)
        vault.accounts.limits.limiter.check_queue(allowed.account.id)
        size = int(declared) if declared.isdigit() else 0
        with vault.accounts.limits.limiter.upload(allowed.account.id, size or _UNDECLARED_BYTES):
            recording, new = await vault.ingest.uploads.store(
                allowed.account.id,
                call_ref,
                recording_ref,
                await audio_of(request),
                voices=voices,
                actor=allowed.actor,
            )
    except (Refused, WrongMediaType, TooMany):
        await _drain(request)
        raise
    return answer_json(await show(vault, allowed, recording.id), status=201 if new else 200)


async def show(vault: Vault, allowed: Access, recording_id: str) -> RecordingOut:
    """Return a recording, with the call's facts only if the caller's key has recordings:read."""
    view = await vault.recordings.recordings.read(allowed.account.id, recording_id)
    return RecordingOut.of(view, with_call=allowed.allows("recordings:read"))


async def _drain(request: Request) -> None:
    """Read some of the remaining body, so that the client receives the response and not a connection reset."""
    seen = 0
    if request.headers.get("expect", "").lower() == "100-continue":
        return  # The client waits for 100 Continue, which is not sent.
    if request._stream_consumed:  # noqa: SLF001 - Starlette offers no public way to ask
        return
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for block in request.stream():
                seen += len(block)
                if seen > _DRAIN:
                    return


@router.get("/recordings/{recording}")
async def get_recording(vault: TheVault, allowed: Reading, recording: RecordingId) -> RecordingOut:
    """Show a recording."""
    return await show(vault, allowed, recording)


@router.delete("/recordings/{recording}", status_code=202, response_model=RecordingOut | ApprovalOut)
async def delete_recording(
    vault: TheVault,
    allowed: Erasing,
    recording: RecordingId,
    asked: Annotated[ErasureQuery, Query()],
    approval_reason: ApprovalReason = None,
) -> Response:
    """Erase a recording. Its keys are destroyed before the response; its objects are deleted within seconds.

    Where the account's rule wants a second person for it, nothing is erased yet, and the response is the approval.
    A `ground` passes over every minimum of the retention policy, over no hold, and always needs a second person.
    """

    async def erase() -> Response:
        await vault.recordings.recordings.erase(
            allowed.account.id, recording, ground=asked.ground, actor=allowed.actor
        )
        return answer_json(await show(vault, allowed, recording), status=202)

    return await done_or_asked(
        vault,
        allowed,
        erase,
        subject=recording,
        arguments={"recording": recording, **({} if asked.ground is None else {"ground": asked.ground})},
        reason=approval_reason,
    )


@router.post(
    "/recordings/{recording}/retry", status_code=202, response_model=RecordingOut, openapi_extra=IDEMPOTENT
)
async def post_retry(
    request: Request,
    vault: TheVault,
    allowed: Ingesting,
    recording: RecordingId,
    body: RetryIn | None = None,
) -> Response:
    """Fetch a recording now that a webhook announced and that has not arrived.

    What failed starts over under its id, with `recording_url`: the vault deletes the URL of what failed. What waits for
    its next attempt is fetched now, from `recording_url` or from its own URL. 409: it is stored already, was refused or
    erased, or was uploaded. 422: the URL can never be fetched, or it is needed and missing.
    """

    async def produce() -> RecordingOut:
        url = None if body is None else body.recording_url
        await vault.ingest.retry(allowed.account.id, recording, url=url, actor=allowed.actor)
        return await show(vault, allowed, recording)

    return await answer_once(request, allowed, produce, status=202)


@router.post("/recordings/{recording}/redactions", response_model=RecordingOut, openapi_extra=IDEMPOTENT)
async def post_redaction(
    request: Request, vault: TheVault, allowed: Erasing, recording: RecordingId, body: RedactionIn
) -> Response:
    """Remove ranges of the audio for good, such as a card number. All other audio stays equal bit by bit.

    They become silence in a new object under a new key, which is read back and compared before it takes the place of
    the old one. When the response is sent, nobody hears the old audio any more, and the provider is asked to delete its
    copy. A format other than PCM and G.711 in a WAV file is decoded, and becomes a WAV file of PCM16. 409 `format`
    where the vault could not decode it, `too_long`, `held` while a hold covers it, `not_proved` where the comparison
    failed and nothing was changed. The evidence says what was removed, by whom and why.

    Send `ranges`, or the id of a `proposal`: then digits must not be found there again.
    """

    async def produce() -> RecordingOut:
        where, actor = (allowed.account.id, recording), allowed.actor
        if body.proposal is None:
            redact = vault.recordings.recordings.redact
            await redact(*where, body.spans(), reason=body.reason, actor=actor)
        else:
            accept = vault.recordings.recordings.card_data.accept
            await accept(*where, body.proposal, reason=body.reason, actor=actor)
        return await show(vault, allowed, recording)

    return await answer_once(request, allowed, produce, status=200)


@router.put("/recordings/{recording}/restriction")
async def put_restriction(
    vault: TheVault, allowed: Erasing, recording: RecordingId, body: RestrictionIn
) -> RecordingOut:
    """Restrict a recording. It is kept, but nobody can play it; open sessions stop playing."""
    await vault.recordings.recordings.restrict(
        allowed.account.id, recording, restricted=True, reason=body.reason, actor=allowed.actor
    )
    return await show(vault, allowed, recording)


@router.delete("/recordings/{recording}/restriction")
async def delete_restriction(
    vault: TheVault,
    allowed: Erasing,
    recording: RecordingId,
    asked: Annotated[LiftingQuery, Query()],
) -> RecordingOut:
    """Lift the restriction of a recording. It can be played again.

    If persons asked for the restriction, each must be informed before it is lifted, and `told_at` is required, with
    `requests` if they asked in several requests: the 422 names those that are left out. 409
    `pending_erasure`: the erasure of the recording was asked for, and waits for the end of a hold or a minimum, or for
    an approval. 409 `party_refused`: a party of the call said no, and has not consented again since.
    """
    await vault.recordings.recordings.restrict(
        allowed.account.id,
        recording,
        restricted=False,
        reason=None,
        actor=allowed.actor,
        told_at=asked.told_at,
        informed=asked.requests,
    )
    return await show(vault, allowed, recording)


@router.head("/recordings/{recording}/audio", include_in_schema=False)
@router.get(
    "/recordings/{recording}/audio", response_class=Response, responses=AUDIO, openapi_extra=AUDIO_REQUEST
)
async def get_audio(request: Request, vault: TheVault, allowed: Reading, recording: RecordingId) -> Response:
    """Download the original, or a range of it. Every window is logged before it is sent."""
    sound = await vault.playback.audio.for_download(allowed.account.id, recording, actor=allowed.actor)
    return await answer(request, sound, vault.playback.audio.stream, filename=sound.file_name)


@router.get("/recordings/{recording}/waveform")
async def get_waveform(vault: TheVault, allowed: Reading, recording: RecordingId) -> WaveformOut:
    """Show the peaks and the loudness of each channel."""
    return waveform(await vault.playback.player.waveform(allowed.account.id, recording, actor=allowed.actor))


def waveform(found: Waveform) -> WaveformOut:
    """Convert a waveform to numbers."""
    channels = [list(struct.unpack(f"{len(channel)}b", channel)) for channel in found.peaks]
    return WaveformOut(buckets=BUCKETS, channels=channels, loudness=list(map(list, found.loudness)))
