"""Links in the browser: a page by GET that opens nothing, and a POST that opens a session."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from vault.domain.playback.link import Session, SessionState
from vault.domain.playback.signed_token import MAX_TOKEN
from vault.domain.recordings.media import clock_length
from vault.errors import NotFound, VaultError
from vault.web.audio.response import answer
from vault.web.contract.descriptions import AUDIO_REQUEST, LINK, OPEN_FORM, OPENED
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.cookies import cookies_from, own_name
from vault.web.http.html import listener_page, message, not_valid, refusal
from vault.web.http.languages import language_of
from vault.web.player.forms import field_in, is_from_another_site
from vault.web.player.sessions import client_of, session_path, to_player

router = APIRouter(tags=["playback"])
#: Max session cookies checked per request.
_MAX_SESSIONS_CHECKED = 16
TokenInPath = Annotated[str, Path(max_length=MAX_TOKEN)]


@router.head("/p/{token}", include_in_schema=False)
@router.get("/p/{token}", response_class=Response, responses=LINK, openapi_extra=AUDIO_REQUEST)
async def get_link(request: Request, vault: TheVault, token: TokenInPath) -> Response:
    """Show the link's page without opening a session, so mail scanners and link previews use nothing up.

    A media link is for players that cannot press a button: GET opens its session and serves the audio.
    """
    address, language = client_address(request), language_of(request)
    try:
        if (shown := await _held(request, vault, token)) is not None:
            return shown
        link = await vault.playback.open_links.preview_link(token, address=address)
        if link.kind == "player":
            return listener_page(
                "link.html",
                language,
                token=request.app.state.hosting.labelled(token),
                nonce=secrets.token_urlsafe(16),
            )
    except NotFound:
        pass  # A media link's session may last longer than the link.
    except VaultError as error:
        return refusal(error, language)
    try:
        if request.method == "HEAD":
            # Same headers as GET, but it opens no session and uses nothing up.
            link, recording = await vault.playback.open_links.preview_media(token, address=address)
            sound = await vault.playback.audio.for_preview(link, recording)
        else:
            session, recording = await vault.playback.open_links.open_media(
                token, address=address, agent=_agent(request)
            )
            sound = await vault.playback.audio.for_session(session, recording, client=client_of(request))
    except NotFound:
        return not_valid(language)
    return await answer(request, sound, vault.playback.audio.stream)


@router.post(
    "/p/{token}/open", status_code=303, response_class=Response, responses=OPENED, openapi_extra=OPEN_FORM
)
async def open_link(request: Request, vault: TheVault, token: TokenInPath) -> Response:
    """Open a session. The access is logged before the cookie is created."""
    address, language = client_address(request), language_of(request)
    if is_from_another_site(request):
        return not_valid(language)
    resumed = await _resumed(request, vault, token)
    if resumed is not None and resumed[1] == "open":
        return Response(status_code=303, headers={"Location": session_path(request, resumed[0].id)})
    nonce = (field_in(await request.body(), "nonce") or secrets.token_urlsafe(16))[:128]
    try:
        opened = await vault.playback.open_links.open(
            token, nonce=nonce, address=address, agent=_agent(request)
        )
    except NotFound:
        if resumed is None:
            return not_valid(language)
        return await _reason(request, vault, token) or not_valid(language)
    except VaultError as error:
        return refusal(error, language)
    return to_player(request, opened)


async def _held(request: Request, vault: TheVault, token: str) -> Response | None:
    """Return the page for a browser that holds a session of the link; None for others, and if the link opens another.

    Raises NotFound, Unavailable.
    """
    resumed = await _resumed(request, vault, token)
    if resumed is None:
        return None
    session, state = resumed
    if state != "open":
        return await _reason(request, vault, token)
    left = clock_length((session.ends_at - request.app.state.clock()).total_seconds())
    return listener_page(
        "continue.html", language_of(request), session=session_path(request, session.id), left=left
    )


async def _reason(request: Request, vault: TheVault, token: str) -> Response | None:
    """Return the page that says why a link opens no session; None if it does.

    Only for a holder of one of its sessions: for all others every dead link looks the same.
    """
    state = await vault.playback.open_links.link_state(token, address=client_address(request))
    return None if state == "open" else message(f"closed.{state}", language_of(request), status=404)


async def _resumed(request: Request, vault: TheVault, token: str) -> tuple[Session, SessionState] | None:
    """Return the link's session whose cookie the browser sent, with its state."""
    prefix = own_name(request, "sess_")
    # Browsers send the newest last.
    cookies = list(cookies_from(request, prefix).items())[-_MAX_SESSIONS_CHECKED:]
    newest = {name.removeprefix("__Host-"): secret for name, secret in cookies}
    return await vault.playback.open_links.resume(token, newest, address=client_address(request))


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
