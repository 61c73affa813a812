"""Playback links: create, list, revoke."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.errors import Invalid
from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.base import PageQuery
from vault.web.schemas.playback.link_keys import DoorwayOut
from vault.web.schemas.playback.links import (
    LinkIn,
    LinkMadeOut,
    LinkOut,
    LinksOut,
    LinksQuery,
    RevocationIn,
    RevocationOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["links"])
_LINKS = "/recordings/{recording}/links"
Reading = Annotated[Access, Depends(access("recordings:read"))]
Sharing = Annotated[Access, Depends(access("links:write", limited=True))]
Revoking = Annotated[Access, Depends(access("links:write"))]
RecordingId = Annotated[str, Path(max_length=64)]


@router.post(_LINKS, status_code=201, response_model=LinkMadeOut, openapi_extra=IDEMPOTENT)
async def post_link(
    request: Request, vault: TheVault, allowed: Sharing, recording: RecordingId, body: LinkIn
) -> Response:
    """Create a link. Its URL is only in this response."""
    if body.kind == "media" and body.sessions is not None:
        raise Invalid("sessions must not be sent for a media link: it has one session.", field="sessions")
    if body.kind == "media" and body.download:
        raise Invalid("download must be false for a media link: it has no page.", field="download")

    async def produce() -> LinkMadeOut:
        wanted = body.request(
            may_open_restricted=allowed.allows("privacy:write"),
            may_open_quarantined=allowed.allows("quarantine:listen"),
        )
        link, token = await vault.playback.links.create(
            allowed.account.id, recording, wanted, actor=allowed.actor
        )
        url = request.app.state.hosting.link(token.text)
        return LinkMadeOut(id=link.id, url=url, expires_at=link.expires_at)

    return await answer_once(request, allowed, produce)


@router.get(_LINKS)
async def list_links(
    vault: TheVault, allowed: Reading, recording: RecordingId, asked: Annotated[PageQuery, Query()]
) -> LinksOut:
    """List the recording's links, newest first."""
    found = await vault.playback.links.list(
        allowed.account.id, recording, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one[0].created_at, one[0].id))
    return LinksOut(items=[LinkOut.of(link, listener) for link, listener in found], next_cursor=following)


@router.delete(_LINKS + "/{link}", status_code=204)
async def delete_link(
    vault: TheVault, allowed: Revoking, recording: RecordingId, link: Annotated[str, Path(max_length=64)]
) -> None:
    """Revoke a link. Its open sessions get at most one more window of audio."""
    await vault.playback.links.revoke(allowed.account.id, recording, link, actor=allowed.actor)


@router.post("/recordings/{recording}/doorway", status_code=200)
async def post_doorway(
    request: Request, vault: TheVault, allowed: Revoking, recording: RecordingId
) -> DoorwayOut:
    """Return the recording's doorway, always the same one: an address for a CRM or a mail.

    It opens nothing by itself; it leads to a sign-in, or takes a link to the same recording.
    """
    door = await vault.playback.doorways.make(allowed.account.id, recording)
    return DoorwayOut(url=request.app.state.hosting.doorway(door))


@router.get("/links")
async def list_account_links(
    request: Request, vault: TheVault, allowed: Reading, asked: Annotated[LinksQuery, Query()]
) -> LinksOut:
    """List the account's links, newest first. Filter by listener, by time, or for links that can still be opened."""
    found = await vault.playback.links.page(
        allowed.account.id,
        listener=asked.listener,
        open_at=request.app.state.clock() if asked.open else None,
        before=read_cursor(asked.cursor),
        limit=asked.limit,
        made_from=asked.made_from,
        made_to=asked.made_to,
    )
    following = next_cursor(found, asked.limit, lambda one: (one[0].created_at, one[0].id))
    return LinksOut(items=[LinkOut.of(link, listener) for link, listener in found], next_cursor=following)


@router.post("/links/revocation")
async def post_revocation(vault: TheVault, allowed: Revoking, body: RevocationIn) -> RevocationOut:
    """Revoke all links of a recording, a listener or the account. Open sessions get at most one more window."""
    revoked = await vault.playback.links.revoke_all(
        allowed.account.id, recording_id=body.recording, listener=body.listener, actor=allowed.actor
    )
    return RevocationOut(revoked=revoked)
