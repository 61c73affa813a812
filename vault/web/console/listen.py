"""Listen to a recording at the console: an ordinary link and session of one's own, logged with its purpose."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response

from vault.domain.accounts.console_session import OPENED_AT_ONCE
from vault.errors import Invalid
from vault.services.playback.link_request import LinkRequest
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import NONCE, Form, checked, made_once, read_form
from vault.web.console.mistakes import Mistake
from vault.web.console.recording import recording_page
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.http.auth import TheVault
from vault.web.http.client_address import client_address
from vault.web.http.translations import gettext
from vault.web.player.sessions import to_player
from vault.web.routes.recordings import waveform
from vault.web.schemas.recordings import LinkIn

router = console_router()
Sharing = Annotated[Console, Depends(console("links:write", of_agents=True))]
Reading = Annotated[Console, Depends(console("recordings:read", of_agents=True))]
RecordingId = Annotated[str, Path(max_length=64)]
#: Bars of a drawn waveform, and its height.
_BARS, _HEIGHT = 120, 40


@router.post("/recordings/{recording}/listening")
async def post_listening(
    request: Request, vault: TheVault, allowed: Sharing, recording: RecordingId
) -> Response:
    """Open a session of one's own, and lead to its player."""
    form = await read_form(request)
    values: dict[str, Any] = {
        "listener": await vault.console_sessions.name_of(allowed.session),
        "purpose": form.text("purpose") or None,
        "purpose_text": form.text("purpose_text") or None,
    }
    try:
        if values["purpose"] is None:
            raise WordedInvalid(gettext("Choose a purpose: it is logged."), field="purpose")
        body = checked(LinkIn, values)
    except Invalid as error:
        if not allowed.allows("recordings:read"):
            raise
        return await recording_page(request, vault, allowed, recording, form=form, mistake=Mistake.of(error))
    return await _open(request, vault, allowed, recording, body, form=form)


async def _open(
    request: Request, vault: Vault, allowed: Console, recording: str, body: LinkIn, *, form: Form
) -> Response:
    """Make a link, open it, and lead to the player with the cookie of its session; once, if the form comes twice."""
    wanted = LinkRequest(
        listener=body.listener,
        kind="player",
        life=OPENED_AT_ONCE,
        sessions=1,
        purpose=body.purpose,
        purpose_text=body.purpose_text,
        may_open_quarantined=allowed.allows("quarantine:listen"),
        console_session_id=allowed.session.id,
    )

    async def make() -> str:
        _, token = await vault.links.create(allowed.account.id, recording, wanted, actor=allowed.actor)
        return token.text

    opened = await vault.open_links.open(
        await made_once(request, allowed, form, make),
        nonce=form.text(NONCE),
        address=client_address(request),
        agent=request.headers.get("user-agent", ""),
    )
    return to_player(request, opened)


@router.get("/recordings/{recording}/waveform.svg")
async def get_waveform(vault: TheVault, allowed: Reading, recording: RecordingId) -> Response:
    """Draw the peaks of a recording. It is logged, as at REST."""
    peaks = await vault.player.waveform(allowed.account.id, recording, actor=allowed.actor)
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
