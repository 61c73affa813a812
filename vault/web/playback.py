"""Links and sessions as a browser meets them: an inert page, an open by POST, a player, the audio."""

import secrets
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from vault.domain.link import Session
from vault.domain.recording import Recording
from vault.errors import Invalid, NotFound
from vault.web.audio_response import answer
from vault.web.authority import TheVault
from vault.web.client_address import client_address
from vault.web.recordings import waveform
from vault.web.shapes_recordings import WaveformOut

router = APIRouter(tags=["playback"])
_PAGES = FilePath(__file__).parent / "pages"
_POLICY = (
    "default-src 'none'; style-src 'self'; media-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_STATIC = {"vault.css": "text/css", "icon.svg": "image/svg+xml"}
_NOT_VALID = "This link is not valid any more"
TokenInPath = Annotated[str, Path(max_length=128)]
SessionId = Annotated[str, Path(max_length=64)]


@router.head("/p/{token}", include_in_schema=False)
@router.get("/p/{token}", response_class=Response)
async def get_link(request: Request, vault: TheVault, token: TokenInPath) -> Response:
    """Show a page that opens nothing: mail scanners and previews come here and burn nothing.

    A media link is for a player that cannot press a button: its GET serves the audio.
    """
    address = client_address(request)
    try:
        link = await vault.look_at_link(token, address=address)
        if link.kind == "player":
            return _page("link.html", token=token, nonce=secrets.token_urlsafe(16))
    except NotFound:
        # A media link's session may outlive the link itself.
        if request.method == "HEAD":
            return _not_valid()
    if request.method == "HEAD":
        return Response(headers={"Accept-Ranges": "bytes"})
    try:
        session, recording = await vault.play_media(token, address=address, agent=_agent(request))
    except NotFound:
        return _not_valid()
    sound = await vault.find_sound.for_session(session, recording)
    return await answer(request, sound, vault.stream)


@router.post("/p/{token}/open", status_code=303, response_class=Response)
async def open_link(request: Request, vault: TheVault, token: TokenInPath) -> Response:
    """Open a session. The access is on record before its cookie exists."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return _not_valid()
    try:
        form = parse_qs((await request.body()).decode("latin-1"), max_num_fields=8)
    except ValueError as error:
        raise Invalid("The form has one field: nonce.", field="nonce") from error
    nonce = form.get("nonce", [secrets.token_urlsafe(16)])[0][:128]
    try:
        opened = await vault.open_link(
            token, nonce=nonce, address=client_address(request), agent=_agent(request)
        )
    except NotFound:
        return _not_valid()
    response = Response(status_code=303, headers={"Location": f"/s/{opened.session.id}"})
    secure: bool = request.app.state.hosting.secure
    response.set_cookie(
        _cookie(opened.session.id, secure=secure),
        opened.secret.text,
        max_age=int((opened.session.ends_at - opened.session.opened_at).total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return response


@router.get("/s/{session}", response_class=Response)
async def get_player(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Show the player."""
    try:
        found, recording = await _session(request, vault, session)
    except NotFound:
        return _not_valid()
    return _page(
        "player.html",
        session=found.id,
        started=recording.call_started_at or recording.received_at,
        duration=_clock(recording.duration),
        ends=found.ends_at,
    )


@router.head("/s/{session}/audio", include_in_schema=False)
@router.get("/s/{session}/audio", response_class=Response)
async def get_session_audio(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Serve the audio, or a range of it, to an open session. Every window is on record first."""
    found, recording = await _session(request, vault, session)
    return await answer(request, await vault.find_sound.for_session(found, recording), vault.stream)


@router.get("/s/{session}/waveform")
async def get_session_waveform(request: Request, vault: TheVault, session: SessionId) -> WaveformOut:
    """Show the peaks of each channel to an open session."""
    found, recording = await _session(request, vault, session)
    peaks = await vault.read_waveform(recording.account_id, recording.id, actor=found.id, session_id=found.id)
    return waveform(peaks)


@router.get("/static/{name}", include_in_schema=False, response_class=Response)
async def get_static(name: str) -> Response:
    """Serve what the pages need; nothing else is here."""
    if name not in _STATIC:
        raise NotFound("There is nothing here.")
    return Response(
        _static(name), media_type=_STATIC[name], headers={"Cache-Control": "public, max-age=3600"}
    )


async def _session(request: Request, vault: TheVault, session_id: str) -> tuple[Session, Recording]:
    name = _cookie(session_id, secure=request.app.state.hosting.secure)
    return await vault.find_session(session_id, request.cookies.get(name, ""))


def _cookie(session_id: str, *, secure: bool) -> str:
    """Name a session's cookie: one each, so that several players can be open at once."""
    return f"__Host-{session_id}" if secure else session_id


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _not_valid() -> Response:
    """Say the same for unknown, expired, revoked, used up and erased."""
    return _page("not_valid.html", status=404, title=_NOT_VALID)


def _page(name: str, *, status: int = 200, **values: object) -> Response:
    html = _environment().get_template(name).render(**values)
    return Response(
        html, status_code=status, media_type="text/html", headers={"Content-Security-Policy": _POLICY}
    )


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_PAGES), autoescape=select_autoescape(default=True))


@cache
def _static(name: str) -> bytes:
    return (_PAGES / name).read_bytes()


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
