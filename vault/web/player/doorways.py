"""Doorways in the browser: a page that opens nothing, with the way to sign in and a field for a link."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request, Response

from vault.domain.playback.signed_token import MAX_TOKEN
from vault.errors import NotFound, VaultError
from vault.web.contract.descriptions import DOOR_FORM, pages
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.html import listener_page, not_valid, refusal
from vault.web.http.languages import language_of
from vault.web.player.forms import field_in, is_from_another_site

router = APIRouter(tags=["playback"])
DoorInPath = Annotated[str, Path(max_length=128)]
_LONGEST_LINK = MAX_TOKEN + 400


@router.head("/h/{door}", include_in_schema=False)
@router.get("/h/{door}", response_class=Response, responses=pages("The doorway"))
async def show_doorway(request: Request, vault: TheVault, door: DoorInPath) -> Response:
    """Show a doorway. A person who knows its address learns nothing of the recording, and uses nothing up."""
    try:
        await vault.playback.doorways.read(door)
    except NotFound:
        return not_valid(language_of(request))
    return listener_page("doorway.html", language_of(request), door=request.app.state.hosting.labelled(door))


@router.post(
    "/h/{door}",
    status_code=303,
    response_class=Response,
    responses=pages("The doorway"),
    openapi_extra=DOOR_FORM,
)
async def enter_doorway(request: Request, vault: TheVault, door: DoorInPath) -> Response:
    """Lead to the page of a link that opens this recording. Nothing is opened yet."""
    language = language_of(request)
    if is_from_another_site(request):
        return not_valid(language)
    try:
        known = await vault.playback.doorways.read(door)
        pasted = _token_of(field_in(await request.body(), "link"))
        token = request.app.state.hosting.without_label(pasted)
        link = await vault.playback.open_links.preview_link(token, address=client_address(request))
    except NotFound:
        return not_valid(language)
    except VaultError as error:
        return refusal(error, language)
    if (link.account_id, link.recording_id) != (known.account_id, known.recording_id):
        return not_valid(language)
    return Response(status_code=303, headers={"Location": f"/p/{request.app.state.hosting.labelled(token)}"})


def _token_of(link: str) -> str:
    """Return the token of a link: the end of its address, or itself."""
    try:
        return urlsplit(link.strip()[:_LONGEST_LINK]).path.rpartition("/")[2]
    except ValueError:
        raise NotFound("This is no link.") from None
