"""Listen to a recording at the console: an ordinary link and session of one's own, logged with its purpose."""

from typing import Annotated, Any

from fastapi import Path, Response

from vault.domain.accounts.console_session import OPENED_AT_ONCE
from vault.domain.playback.link import HELD_PURPOSES
from vault.errors import Invalid, Refused
from vault.services.playback.link_request import LinkRequest
from vault.web.console.acts import comes_back
from vault.web.console.forms import NONCE, checked
from vault.web.console.here import Here, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.recordings.recording import get_recording
from vault.web.console.route import console_router
from vault.web.http.client_address import client_address
from vault.web.http.translations import gettext
from vault.web.player.sessions import to_player
from vault.web.routes.recordings import waveform
from vault.web.schemas.playback.links import LinkIn

router = console_router()
Sharing = Annotated[Here, needs("links:write", of_agents=True)]
Reading = Annotated[Here, needs("recordings:read", of_agents=True)]
RecordingId = Annotated[str, Path(max_length=64)]
#: Bars of a drawn waveform, and its height.
_BARS, _HEIGHT = 120, 40


@router.post("/recordings/{recording}/listening")
@comes_back(get_recording)
async def post_listening(here: Sharing, recording: RecordingId) -> Response:
    """Open a session of one's own, and lead to its player."""
    here = await here.with_form()
    values: dict[str, Any] = {
        "listener": await here.vault.accounts.console_sessions.name_of(here.allowed.session),
        "purpose": here.form.text("purpose") or None,
        "purpose_text": here.form.text("purpose_text") or None,
    }
    try:
        if values["purpose"] is None:
            raise WordedInvalid(gettext("Choose a purpose: it is logged."), field="purpose")
        body = checked(LinkIn, values)
        if body.purpose in HELD_PURPOSES:
            await here.require_verified()
    except (Invalid, Refused) as error:
        if not here.allows("recordings:read"):
            raise
        return await get_recording(here.wrong(error), recording)
    return await _open(here, recording, body)


async def _open(here: Here, recording: str, body: LinkIn) -> Response:
    """Make a link, open it, and lead to the player with the cookie of its session; once, if the form comes twice."""
    wanted = LinkRequest(
        listener=body.listener,
        kind="player",
        life=OPENED_AT_ONCE,
        sessions=1,
        purpose=body.purpose,
        purpose_text=body.purpose_text,
        may_open_quarantined=here.allows("quarantine:listen"),
        console_session_id=here.allowed.session.id,
    )

    async def make() -> str:
        _, token = await here.vault.playback.links.create(
            here.account_id, recording, wanted, actor=here.actor
        )
        return token.text

    opened = await here.vault.playback.open_links.open(
        await here.made_once(make),
        nonce=here.form.text(NONCE),
        address=client_address(here.request),
        agent=here.request.headers.get("user-agent", ""),
    )
    return to_player(here.request, opened)


@router.get("/recordings/{recording}/waveform.svg")
async def get_waveform(here: Reading, recording: RecordingId) -> Response:
    """Draw the peaks of a recording. It is logged, as at REST."""
    peaks = await here.vault.playback.player.waveform(here.account_id, recording, actor=here.actor)
    return Response(draw(waveform(peaks).channels), media_type="image/svg+xml")


def draw(channels: list[list[int]]) -> str:
    """Return an image of channels, one below the other; each is pairs of the lowest and the highest value."""
    height = _HEIGHT * len(channels)
    paths = [f'<path d="{_bars(one, number)}"/>' for number, one in enumerate(channels)]
    colour = "#5b8db8"  # Seen on white and on black.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_BARS * 2} {height}" preserveAspectRatio="none">'
        f'<g stroke="{colour}" stroke-width="1.4" stroke-linecap="round">{"".join(paths)}</g></svg>'
    )


def _bars(values: list[int], number: int) -> str:
    pairs = list(zip(values[::2], values[1::2], strict=False))
    middle, parts = _HEIGHT * number + _HEIGHT / 2, []
    for bar in range(_BARS):
        some = pairs[
            bar * len(pairs) // _BARS : max(bar * len(pairs) // _BARS + 1, (bar + 1) * len(pairs) // _BARS)
        ]
        low, high = min(one for one, _ in some), max(one for _, one in some)
        up, down = middle - high * _HEIGHT / 260, middle - low * _HEIGHT / 260
        parts.append(f"M{bar * 2 + 1} {up:.1f}V{max(down, up + 0.5):.1f}")
    return "".join(parts)
