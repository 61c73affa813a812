"""Share a recording: a link for somebody else, whose address is shown once."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.playback.link import DEFAULT_SESSIONS, HELD_PURPOSES, Purpose
from vault.domain.recordings.media import clock_length
from vault.services.playback.link_request import LinkRequest
from vault.web.console.acts import comes_back
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.mistakes import MISTAKES, WordedInvalid
from vault.web.console.recordings.recording import PURPOSES
from vault.web.console.recordings.views import recording_row
from vault.web.console.route import console_router
from vault.web.console.words import number_or_typed
from vault.web.http.translations import gettext, ngettext, translated_pairs
from vault.web.player.own_notes import seconds_of
from vault.web.schemas.playback.links import LinkIn

router = console_router()
Sharing = Annotated[Here, needs("links:write", of_agents=True)]
RecordingId = Annotated[str, Path(max_length=64)]
#: Links of the recording that the page shows, the newest; its own page has all.
_LINKS: Final = 50
#: Seconds that a link can be opened, as the form offers them; a working day where nothing was chosen.
_LIVES: Final = (900, 3600, 4 * 3600, 8 * 3600, 24 * 3600)
_DAY: Final = 8 * 3600
#: Who may hear a recording in quarantine is in charge of its consent, and listens at the console.
_NOT_SHARED: Final[Purpose] = "consent_check"


@router.get("/recordings/{recording}/share")
async def show_share(here: Sharing, recording: RecordingId) -> Response:
    """Show the form of a link for somebody else; ``at`` in the address is where it begins, in seconds."""
    at = here.query("at", most=6)
    return await _page(
        here, recording, {"at": clock_length(int(at))} if at.isascii() and at.isdigit() else {}
    )


async def _form_again(here: Sharing, recording: str) -> Response:
    """Show the form as it was filled in."""
    return await _page(here, recording, here.form.values())


@router.post("/recordings/{recording}/links")
@comes_back(_form_again)
async def share_recording(here: Sharing, recording: RecordingId) -> Response:
    """Make a link, and show its address once; a double submit shows the same one."""
    here = await here.with_form()

    async def make() -> str:
        if here.form.text("purpose") in HELD_PURPOSES:
            await here.require_verified()
        wanted = _link_request(here)
        _, token = await here.vault.playback.links.create(
            here.account_id, recording, wanted, actor=here.actor
        )
        return token.text

    try:
        at = int(seconds_of(here.form.text("at") or "0"))
        token = await here.made_once(make)
    except MISTAKES as error:
        return await _page(here.wrong(error), recording, here.form.values())
    moment = f"#t={at}" if at else ""
    return await _page(here, recording, {}, here.urls.link(token) + moment)


def _link_request(here: Here) -> LinkRequest:
    """Return the link that the form asks for, by the rules of REST. Raises Invalid."""
    form = here.form
    if not form.text("purpose"):
        raise WordedInvalid(gettext("Choose a purpose: it is logged."), field="purpose")
    body = checked(
        LinkIn,
        {
            "listener": form.text("listener"),
            "expires_in": number_or_typed(form.text("expires_in"), digits=6),
            "sessions": number_or_typed(form.text("sessions"), digits=6),
            "networks": form.lines("networks"),
            "download": form.text("download") == "on",
            "purpose": form.text("purpose"),
            "purpose_text": form.text("purpose_text") or None,
        },
    )
    return body.request(may_open_restricted=here.allows("privacy:write"), may_open_quarantined=False)


async def _page(here: Here, recording: str, values: Mapping[str, str], made: str | None = None) -> Response:
    view = await here.vault.recordings.recordings.read(here.account_id, recording)
    may_read = here.allows("recordings:read")
    links: Any = ()
    if may_read:
        links = await here.vault.playback.links.list(here.account_id, recording, limit=_LINKS)
    return here.page(
        "share.html",
        section="Recordings",
        view=view,
        row=recording_row(view, with_call=may_read),
        may_read=may_read,
        may_share_restricted=view.recording.restricted and here.allows("privacy:write"),
        links=links,
        following=None,
        purposes=PURPOSES,
        choices=translated_pairs((one, words) for one, words in PURPOSES.items() if one != _NOT_SHARED),
        lives=[(str(seconds), _length(seconds)) for seconds in _LIVES],
        values={"expires_in": str(_DAY), "sessions": str(DEFAULT_SESSIONS), **values},
        made=made,
    )


def _length(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    if not hours:
        return ngettext("%(num)s minute", "%(num)s minutes", minutes)
    return ngettext("%(num)s hour", "%(num)s hours", hours)
