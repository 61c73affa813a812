"""Notices of an account, and their audio, which telephony platforms fetch without an API key."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.domain.notices.audio import MAX_UPLOAD, Encoding
from vault.domain.public_urls import PublicUrls
from vault.errors import TooLarge
from vault.web.audio.check_upload_body import check_media_type
from vault.web.contract.descriptions import AUDIO_BODY, IDEMPOTENT, WAV
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.conditions import unmet
from vault.web.http.idempotency import answer_once
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.consent.notices import NoticeIn, NoticeOut, NoticesOut, NoticesQuery, PromptQuery

router = APIRouter(tags=["notices"])
_NOTICES = "/v1/accounts/{account}/notices"
_NOTICE = _NOTICES + "/{notice}"
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]
NoticeId = Annotated[str, Path(max_length=64)]
#: A published notice never changes, so clients need not revalidate it.
_CACHE_CONTROL = "public, max-age=31536000, immutable"


@router.post(_NOTICES, status_code=201, response_model=NoticeOut, openapi_extra=IDEMPOTENT)
async def post_notice(request: Request, vault: TheVault, allowed: Setting, body: NoticeIn) -> Response:
    """Draft a notice. Without a text it gets the default text of its language, audience and mode."""

    async def produce() -> NoticeOut:
        drafted = await vault.consent.notices.draft(allowed.account.id, body.wish(), actor=allowed.actor)
        return NoticeOut.of(drafted, _urls(request))

    return await answer_once(request, allowed, produce)


@router.get(_NOTICES)
async def list_notices(
    request: Request, vault: TheVault, allowed: Reading, asked: Annotated[NoticesQuery, Query()]
) -> NoticesOut:
    """List notices, newest first. The list has drafts, published and retired notices."""
    found = await vault.consent.notices.list(
        allowed.account.id, asked.status, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.created_at, one.id))
    items = [NoticeOut.of(listed, _urls(request)) for listed in found]
    return NoticesOut(items=items, next_cursor=following)


@router.get(_NOTICE)
async def get_notice(request: Request, vault: TheVault, allowed: Reading, notice: NoticeId) -> NoticeOut:
    """Show a notice."""
    return NoticeOut.of(await vault.consent.notices.read(allowed.account.id, notice), _urls(request))


@router.put(_NOTICE)
async def put_notice(
    request: Request, vault: TheVault, allowed: Setting, notice: NoticeId, body: NoticeIn
) -> NoticeOut:
    """Replace a draft. 409 for a published notice, which never changes."""
    changed = await vault.consent.notices.change(allowed.account.id, notice, body.wish(), actor=allowed.actor)
    return NoticeOut.of(changed, _urls(request))


@router.delete(_NOTICE, status_code=204)
async def delete_notice(vault: TheVault, allowed: Setting, notice: NoticeId) -> None:
    """Delete a draft. 409 for a published notice, because evidence refers to it."""
    await vault.consent.notices.delete(allowed.account.id, notice, actor=allowed.actor)


@router.put(
    _NOTICE + "/audio",
    openapi_extra={"requestBody": {"content": AUDIO_BODY}},
)
async def put_prompt(
    request: Request,
    vault: TheVault,
    allowed: Setting,
    notice: NoticeId,
    asked: Annotated[PromptQuery, Query()],
) -> NoticeOut:
    """Set a draft's audio. The body is raw audio in any codec; in mode ``tone`` it may be empty, for a beep only."""
    check_media_type(request)
    upload = await request.body()
    if len(upload) > MAX_UPLOAD:
        raise TooLarge(f"The body must have at most {MAX_UPLOAD} bytes.")
    audible = await vault.consent.notices.set_audio(
        allowed.account.id, notice, upload, asked.wish(), actor=allowed.actor
    )
    return NoticeOut.of(audible, _urls(request))


@router.get(_NOTICE + "/audio", response_class=Response, responses={200: WAV})
async def get_prompt(
    vault: TheVault, allowed: Reading, notice: NoticeId, encoding: Encoding = "pcm"
) -> Response:
    """Download the audio of a notice or draft, as telephony will play it."""
    audio = await vault.consent.notices.read_own_audio(allowed.account.id, notice, encoding)
    return Response(audio, media_type="audio/wav")


@router.delete(_NOTICE + "/audio", status_code=204)
async def delete_prompt(vault: TheVault, allowed: Setting, notice: NoticeId) -> None:
    """Remove a draft's audio. The platform then speaks the text."""
    await vault.consent.notices.remove_audio(allowed.account.id, notice, actor=allowed.actor)


@router.post(_NOTICE + "/publish", response_model=NoticeOut, openapi_extra=IDEMPOTENT)
async def publish_notice(request: Request, vault: TheVault, allowed: Setting, notice: NoticeId) -> Response:
    """Publish a draft as the next version. The previous version is retired.

    422 if the draft lacks an element; `field` names it.
    """

    async def produce() -> NoticeOut:
        published = await vault.consent.notices.publish(allowed.account.id, notice, actor=allowed.actor)
        return NoticeOut.of(published, _urls(request))

    return await answer_once(request, allowed, produce, status=200)


@router.post(_NOTICE + "/retire", response_model=NoticeOut, openapi_extra=IDEMPOTENT)
async def retire_notice(request: Request, vault: TheVault, allowed: Setting, notice: NoticeId) -> Response:
    """Retire a published version. It stays readable."""

    async def produce() -> NoticeOut:
        retired = await vault.consent.notices.retire(allowed.account.id, notice, actor=allowed.actor)
        return NoticeOut.of(retired, _urls(request))

    return await answer_once(request, allowed, produce, status=200)


@router.head("/notices/{notice}/prompt.wav", include_in_schema=False)
@router.get(
    "/notices/{notice}/prompt.wav",
    response_class=Response,
    responses={200: WAV, 304: {"description": "Not modified: an ETag in If-None-Match is current"}},
)
async def get_public_prompt(
    request: Request, vault: TheVault, notice: NoticeId, encoding: Encoding = "pcm"
) -> Response:
    """Serve the audio of a published notice, without authentication. It is 8 kHz, mono, PCM16 or µ-law."""
    audio = await vault.consent.notices.read_audio(notice, encoding)
    tag = f'"{hashlib.sha256(audio).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": _CACHE_CONTROL}
    if (answered := unmet(request.headers, tag, headers)) is not None:
        return answered
    return Response(audio, media_type="audio/wav", headers=headers)


def _urls(request: Request) -> PublicUrls:
    urls: PublicUrls = request.app.state.hosting
    return urls
