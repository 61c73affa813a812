"""Sessions in the browser: the player, the audio, the waveform, and the session's state."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.errors import NotFound, VaultError
from vault.services.playback.open_links import OpenedLink
from vault.services.playback.playable_audio import Client
from vault.services.service import Vault
from vault.web.audio.response import answer
from vault.web.contract.descriptions import AUDIO, AUDIO_REQUEST, SESSION, pages
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.cookies import own_name, read_cookie, set_own_cookie
from vault.web.http.html import message, not_valid, refusal
from vault.web.http.languages import language_of, texts_of
from vault.web.player.own_notes import Mistake, notes_of
from vault.web.player.page import player_page
from vault.web.routes.recordings import waveform
from vault.web.schemas.playback.links import SessionOut
from vault.web.schemas.recordings.recordings import WaveformOut

router = APIRouter(prefix="/s/{session}", tags=["playback"])
#: Seconds that a browser keeps a session's cookie after the session ends: its holder is shown why it ended.
_COOKIE_GRACE = 3600
SessionId = Annotated[str, Path(max_length=64)]


@router.get("", response_class=Response, responses=pages("The player"), openapi_extra=SESSION)
async def get_player(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Show the player."""
    try:
        return await show_player(request, vault, await find_session(request, vault, session))
    except NotFound:
        return await closed(request, vault, session)
    except VaultError as error:
        return refusal(error, language_of(request))


async def show_player(
    request: Request, vault: Vault, found: SessionWithLink, mistake: Mistake | None = None
) -> Response:
    """Return the player of an open session; ``mistake``: what a form of notes was refused for.

    Raises NotFound, Tampered, Unavailable.
    """
    call = await vault.playback.player.call_view(found.session, found.recording)
    notes = await notes_of(request, vault, found, mistake)
    page = player_page(found, call, language_of(request), notes=notes, now=request.app.state.clock())
    page.status_code = 200 if mistake is None else 422
    return page


@router.head("/audio", include_in_schema=False)
@router.head("/audio.{extension}", include_in_schema=False)
@router.get("/audio.{extension}", include_in_schema=False, response_class=Response)
@router.get("/audio", response_class=Response, responses=AUDIO, openapi_extra=SESSION | AUDIO_REQUEST)
async def get_session_audio(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Serve the audio, or a range of it, to an open session. Every window is logged before it is sent.

    The path with an extension serves the same audio, for browsers that need one in the URL.
    """
    found = await find_session(request, vault, session)
    sound = await vault.playback.audio.for_session(
        found.session, found.recording, found.keys, client=client_of(request)
    )
    return await answer(request, sound, vault.playback.audio.stream)


@router.head("/download", include_in_schema=False)
@router.get("/download", response_class=Response, responses=AUDIO, openapi_extra=SESSION | AUDIO_REQUEST)
async def get_session_download(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Serve the original as a file, if the link allows downloads. The access is logged as a download."""
    found = await find_session(request, vault, session)
    sound = await vault.playback.audio.for_session_download(found, client=client_of(request))
    return await answer(request, sound, vault.playback.audio.stream, filename=sound.file_name)


@router.get("/waveform", openapi_extra=SESSION)
async def get_session_waveform(request: Request, vault: TheVault, session: SessionId) -> WaveformOut:
    """Show the peaks and the loudness of each channel."""
    found = (await find_session(request, vault, session)).session
    shape = await vault.playback.player.waveform(
        found.account_id, found.recording_id, actor=found.id, session_id=found.id
    )
    return waveform(shape)


@router.get("/state", openapi_extra=SESSION)
async def get_session_state(request: Request, vault: TheVault, session: SessionId) -> SessionOut:
    """Show whether the session is open, and if not, why, in the client's language.

    The player polls this while it is open.
    """
    found, state = await vault.playback.open_links.state(
        session, secret_of(request, session), address=client_address(request)
    )
    closed = texts_of(language_of(request))["closed"]
    return SessionOut.of(found, state, closed, now=request.app.state.clock())


async def closed(request: Request, vault: Vault, session_id: str) -> Response:
    """Return the page of a session that is over: the holder of its cookie learns why, nobody else."""
    language = language_of(request)
    try:
        _, state = await vault.playback.open_links.state(
            session_id, secret_of(request, session_id), address=client_address(request)
        )
    except VaultError as error:
        return refusal(error, language)
    return not_valid(language) if state == "open" else message(f"closed.{state}", language, status=404)


def to_player(request: Request, opened: OpenedLink) -> Response:
    """Return 303 to the player of a new session, with its cookie: one per session, so that several can be open."""
    session = opened.session
    response = Response(status_code=303, headers={"Location": f"/s/{session.id}"})
    seconds = int((session.ends_at - session.opened_at).total_seconds()) + _COOKIE_GRACE
    set_own_cookie(request, response, session.id, opened.secret.text, seconds=seconds, same_site="strict")
    return response


def secret_of(request: Request, session_id: str) -> str:
    """Return the secret of a session in the request's cookie; empty without one."""
    return read_cookie(request, own_name(request, session_id)) or ""


async def find_session(request: Request, vault: Vault, session_id: str) -> SessionWithLink:
    """Return the open session of the request's cookie, within the link's networks. Raises NotFound."""
    client = client_of(request)
    return await vault.playback.open_links.find(
        session_id, secret_of(request, session_id), address=client.address, agent=client.agent
    )


def client_of(request: Request) -> Client:
    """Return who asks: the client's address, and what it says of its browser."""
    return Client(address=client_address(request), agent=request.headers.get("user-agent", ""))
