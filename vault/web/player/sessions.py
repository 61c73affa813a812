"""Sessions in the browser: the player, the audio, the waveform, and the session's state."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from vault.database.stores.hot_reads import FoundSession
from vault.errors import VaultError
from vault.web.audio.response import answer
from vault.web.contract.descriptions import AUDIO, AUDIO_REQUEST, SESSION, pages
from vault.web.http.auth import TheVault
from vault.web.http.cookies import read_cookie
from vault.web.http.html import refusal
from vault.web.player.page import player_page
from vault.web.routes.recordings import waveform
from vault.web.schemas.recordings import SessionOut, WaveformOut

router = APIRouter(prefix="/s/{session}", tags=["playback"])
SessionId = Annotated[str, Path(max_length=64)]


@router.get("", response_class=Response, responses=pages("The player"), openapi_extra=SESSION)
async def get_player(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Show the player."""
    try:
        found = await _session(request, vault, session)
        call = await vault.player.call_view(found.session, found.recording)
    except VaultError as error:
        return refusal(error)
    return player_page(found.session, found.recording, call, now=request.app.state.clock())


@router.head("/audio", include_in_schema=False)
@router.head("/audio.{extension}", include_in_schema=False)
@router.get("/audio.{extension}", include_in_schema=False, response_class=Response)
@router.get("/audio", response_class=Response, responses=AUDIO, openapi_extra=SESSION | AUDIO_REQUEST)
async def get_session_audio(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Serve the audio, or a range of it, to an open session. Every window is logged before it is sent.

    The path with an extension serves the same audio, for browsers that need one in the URL.
    """
    found = await _session(request, vault, session)
    sound = await vault.audio.for_session(found.session, found.recording, found.keys)
    return await answer(request, sound, vault.audio.stream)


@router.head("/download", include_in_schema=False)
@router.get("/download", response_class=Response, responses=AUDIO, openapi_extra=SESSION | AUDIO_REQUEST)
async def get_session_download(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Serve the original as a file, if the link allows downloads. The access is logged as a download."""
    sound = await vault.audio.for_session_download(await _session(request, vault, session))
    return await answer(request, sound, vault.audio.stream, filename=sound.file_name)


@router.get("/waveform", openapi_extra=SESSION)
async def get_session_waveform(request: Request, vault: TheVault, session: SessionId) -> WaveformOut:
    """Show the peaks of each channel."""
    found = (await _session(request, vault, session)).session
    peaks = await vault.player.waveform(
        found.account_id, found.recording_id, actor=found.id, session_id=found.id
    )
    return waveform(peaks)


@router.get("/state", openapi_extra=SESSION)
async def get_session_state(request: Request, vault: TheVault, session: SessionId) -> SessionOut:
    """Show whether the session is open, and if not, why. The player polls this while it is open."""
    found, state = await vault.open_links.state(session, _secret(request, session))
    return SessionOut.of(found, state, now=request.app.state.clock())


def cookie_of(session_id: str, *, secure: bool) -> str:
    """Return the name of a session's cookie, one per session, so that several players can be open."""
    return f"__Host-{session_id}" if secure else session_id


def _secret(request: Request, session_id: str) -> str:
    name = cookie_of(session_id, secure=request.app.state.hosting.secure)
    return read_cookie(request, name) or ""


async def _session(request: Request, vault: TheVault, session_id: str) -> FoundSession:
    return await vault.open_links.find(session_id, _secret(request, session_id))
