"""Sessions in the browser: the player's page with its texts, the audio, the waveform, and the session's state."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.domain.calls.call import Direction, Role, role_of
from vault.domain.playback.link import Link, plays_without_right
from vault.domain.playback.pace import FASTEST, SLOWEST
from vault.domain.recordings.media import MAX_DURATION, extension
from vault.domain.recordings.recording import Recording
from vault.errors import NotFound, VaultError
from vault.services.playback.open_links import OpenedLink
from vault.services.playback.playable_audio import Client
from vault.services.playback.player_view import ShownCall
from vault.services.service import Vault
from vault.web.audio.response import answer, answer_part
from vault.web.contract.descriptions import AUDIO, AUDIO_REQUEST, SESSION, pages
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.cookies import own_name, read_cookie, set_own_cookie
from vault.web.http.html import listener_page, message, not_valid, refusal
from vault.web.http.languages import DEFAULT, language_of, spoken_length, texts_of
from vault.web.http.request_end import ending
from vault.web.player.own_notes import Author, Mistake, ShownNotes, author_of, notes_of
from vault.web.player.removed import shown_ranges
from vault.web.routes.recordings import waveform
from vault.web.schemas.playback.links import HeardIn, SessionOut, StateQuery
from vault.web.schemas.recordings.recordings import WaveformOut

router = APIRouter(prefix="/s/{session}", tags=["playback"])
#: Seconds that a browser keeps a session's cookie after the session ends: its holder is shown why it ended.
_COOKIE_GRACE = 3600
SessionId = Annotated[str, Path(max_length=64)]
Speed = Annotated[
    float | None,
    Query(
        ge=SLOWEST,
        le=FASTEST,
        description="For a player: how fast it plays. It gets 12 seconds of listening at once, and then no more than "
        "it plays. Without it, browsers' own players get enough for double speed, and programs all at once.",
    ),
]
#: Roles of one person; their names are keys of the texts.
_NAMED: frozenset[Role] = frozenset({"agent", "customer", "caller", "callee"})
#: Keys of the texts.
_DIRECTIONS: dict[Direction | None, str] = {"inbound": "incoming", "outbound": "outgoing", None: "call"}
Tone = Literal[1, 2]
_TONES: tuple[Tone, Tone] = (1, 2)
_TONE_OF: dict[Role, Tone] = {"agent": 1, "customer": 2}
#: Speeds that the player offers.
_SPEEDS = ("0.5", "0.75", "1", "1.25", "1.5", "1.75", "2", "3")


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
    author = await author_of(request, vault, found.session)
    notes = await notes_of(vault, found, author, mistake)
    now = request.app.state.clock()
    path = session_path(request, found.session.id)
    page = player_page(found, call, language_of(request), path=path, notes=notes, author=author, now=now)
    page.status_code = 200 if mistake is None else 422
    return page


@router.head("/audio", include_in_schema=False)
@router.head("/audio.{extension}", include_in_schema=False)
@router.get("/audio.{extension}", include_in_schema=False, response_class=Response)
@router.get("/audio", response_class=Response, responses=AUDIO, openapi_extra=SESSION | AUDIO_REQUEST)
async def get_session_audio(
    request: Request, vault: TheVault, session: SessionId, speed: Speed = None
) -> Response:
    """Serve the audio, or a range of it, to an open session. Every window is logged before it is sent.

    The path with an extension serves the same audio, for browsers that need one in the URL.
    """
    found, client = await _find_to_play(request, vault, session), client_of(request)
    sound = await vault.playback.audio.for_session(found.session, found.recording, found.keys, client=client)
    return await answer(request, sound, vault.playback.audio.stream, speed=speed)


@router.get("/part", include_in_schema=False, response_class=Response)
async def get_session_part(
    request: Request,
    vault: TheVault,
    session: SessionId,
    begin: Annotated[float, Query(alias="from", ge=0, le=MAX_DURATION)],
    end: Annotated[float, Query(alias="to", ge=0, le=MAX_DURATION)],
) -> Response:
    """Serve some seconds of the audio and no byte of the rest, to hear what is around a range without hearing it."""
    found, client = await _find_to_play(request, vault, session), client_of(request)
    sound = await vault.playback.audio.for_session(found.session, found.recording, found.keys, client=client)
    part = await vault.playback.player.part(found.session, found.recording, sound, begin=begin, end=end)
    return await answer_part(sound, part, vault.playback.audio.stream)


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


@router.post("/heard", include_in_schema=False, status_code=204)
async def post_heard(request: Request, vault: TheVault, session: SessionId, body: HeardIn) -> None:
    """Take what the player says that it played since its last report. It reports again what was not taken."""
    found = await find_session(request, vault, session)
    await vault.playback.player.report_heard(found.session, found.recording, body.spans)


@router.get("/state", openapi_extra=SESSION)
async def get_session_state(
    request: Request, vault: TheVault, session: SessionId, asked: Annotated[StateQuery, Query()]
) -> SessionOut:
    """Show whether the session is open, and if not, why, in the client's language.

    With `wait` the answer comes as soon as the session is not open any more. The player waits so while it plays, and
    polls while it is open.
    """
    secret, address = secret_of(request, session), client_address(request)
    async with ending(request) as ended:
        found, state = await vault.playback.open_links.state_within(
            session, secret, address=address, wait=timedelta(seconds=asked.wait), ended=ended
        )
    closed = texts_of(language_of(request))["closed"]
    return SessionOut.of(found.session, state, closed, now=request.app.state.clock())


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
    response = Response(status_code=303, headers={"Location": session_path(request, session.id)})
    seconds = int((session.ends_at - session.opened_at).total_seconds()) + _COOKIE_GRACE
    set_own_cookie(request, response, session.id, opened.secret.text, seconds=seconds, same_site="strict")
    return response


def session_path(request: Request, session_id: str) -> str:
    """Return the path of a session's player, below which all of the session is."""
    label: str = request.app.state.hosting.labelled(session_id)
    return f"/s/{label}"


def secret_of(request: Request, session_id: str) -> str:
    """Return the secret of a session in the request's cookie; empty without one."""
    return read_cookie(request, own_name(request, session_id)) or ""


async def find_session(request: Request, vault: Vault, session_id: str) -> SessionWithLink:
    """Return the open session of the request's cookie, within the link's networks. Raises NotFound."""
    client = client_of(request)
    return await vault.playback.open_links.find(
        session_id, secret_of(request, session_id), address=client.address, agent=client.agent
    )


async def _find_to_play(request: Request, vault: Vault, session_id: str) -> SessionWithLink:
    """Do as ``find_session``; a GET of audio needs no fresh answer, since its grant asks again. Raises NotFound."""
    if request.method != "GET":
        return await find_session(request, vault, session_id)
    client = client_of(request)
    return await vault.playback.open_links.find_to_play(
        session_id, secret_of(request, session_id), address=client.address, agent=client.agent
    )


def client_of(request: Request) -> Client:
    """Return who asks: the client's address, and what it says of its browser."""
    return Client(address=client_address(request), agent=request.headers.get("user-agent", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel on the page."""

    name: str
    #: One of two colours: in every recording an agent has the first, a customer the second.
    tone: Tone


def player_page(
    found: SessionWithLink,
    call: ShownCall,
    language: str,
    *,
    path: str,
    notes: ShownNotes | None,
    author: Author | None,
    now: datetime,
) -> Response:
    """Return the player page of an open session, at ``path``; ``notes`` of ``author``, who is signed in."""
    session, recording, texts = found.session, found.recording, texts_of(language)
    return listener_page(
        "player.html",
        language,
        path=path,
        session=session,
        call=call,
        notes=notes,
        own_page=None if author is None else author.page,
        can_be_shared=plays_without_right(recording),
        recording=recording,
        title=texts["player"]["voicemail" if recording.kind == "voicemail" else _DIRECTIONS[call.direction]],
        audio=f"{path}/audio{extension(_played(recording))}",
        channels=channels_of(recording, call.direction, language),
        length=spoken_length(recording.duration, language),
        removed=shown_ranges(call.removed, language, with_reason=author is not None),
        speeds=[(speed, speed.replace(".", texts["units"]["decimal"])) for speed in _SPEEDS],
        place=_place(found.link),
        seconds_left=max(0, int((session.ends_at - now).total_seconds())),
    )


def channels_of(recording: Recording, direction: Direction | None, language: str = DEFAULT) -> list[Channel]:
    """Return the channels with distinct names and colours; if one has no name, all are numbered."""
    texts, count = texts_of(language)["player"], recording.channels or 1
    known = dict(enumerate(recording.voices))
    roles = [role_of(known.get(index, "unknown"), direction) for index in range(count)]
    names = [texts[role] if role in _NAMED else "" for role in roles]
    if count > 1 and ("" in names or len(set(names)) < count):
        return [Channel(name=texts["channel"].format(number=tone), tone=tone) for tone in _TONES]
    # If the direction is unknown, so are the agent and the customer.
    tones = [_TONE_OF.get(role, _TONES[index]) for index, role in enumerate(roles)]
    return [Channel(name=name, tone=tone) for name, tone in zip(names, tones, strict=True)]


def _place(link: Link) -> str:
    """Return the name under which a browser keeps the listener's position: one for all sessions of a link.

    A hash, so that what the browser keeps names no link.
    """
    return hashlib.sha256(f"place {link.id}".encode()).hexdigest()[:16]


def _played(recording: Recording) -> str | None:
    return "wav" if recording.rendition is not None else recording.container
