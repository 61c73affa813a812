"""One recording: what it is, why it is here, who heard it, and what can be done with it."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.playback.link import Purpose
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.retention.judge import Ground
from vault.errors import RecordingErased
from vault.services.playback.former_notes import LeftNote
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.recording_views import RESTRICTION_CAUSES, recording_row
from vault.web.console.recordings import day_of
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.languages import clock_length
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import translatable, translated_pairs
from vault.web.schemas.calls import ErasureQuery, EvidenceOut, RestrictionIn
from vault.web.schemas.fetches import RetryIn
from vault.web.schemas.holds import HoldIn

router = console_router()
Reading = Annotated[Console, Depends(console("recordings:read", of_agents=True))]
Auditing = Annotated[Console, Depends(console("audit:read", of_agents=True))]
Sending = Annotated[Console, Depends(console("ingest"))]
Guarding = Annotated[Console, Depends(console("privacy:write"))]
Holding = Annotated[Console, Depends(console("holds:write"))]
Revoking = Annotated[Console, Depends(console("links:write", of_agents=True))]
RecordingId = Annotated[str, Path(max_length=64)]
#: Notes of former listeners on a page; REST has all.
_MAX_NOTES: Final = 200
PURPOSES: dict[Purpose, str] = translatable(
    {
        "quality": "Quality of service",
        "training": "Training",
        "dispute": "A dispute",
        "legal_claims": "Legal claims",
        "security": "Security",
        "person_request": "A request of a person",
        "technical": "Technical check",
        "consent_check": "Check of the consent",
        "other": "Other",
    }
)

#: Why a recording is erased before a minimum ends.
#: Links per page.
_LINKS: Final = 50
_GROUNDS: Final[Mapping[Ground, str]] = translatable(
    {
        "unlawful_recording": "nobody was allowed to make the recording",
        "sad_found": "it has the code of a payment card",
    }
)


@router.get("/recordings/{recording}")
async def get_recording(
    request: Request, vault: TheVault, allowed: Reading, recording: RecordingId
) -> Response:
    """Show a recording. That it was opened is logged before."""
    return await recording_page(request, vault, allowed, recording)


@router.get("/recordings/{recording}/evidence")
async def get_evidence(
    request: Request, vault: TheVault, allowed: Auditing, recording: RecordingId
) -> Response:
    """Show the evidence that a recording was allowed, as REST does; it is logged."""
    view = await vault.consent.read_evidence(allowed.account.id, recording, actor=allowed.actor)
    return console_page(
        request,
        allowed,
        "evidence.html",
        section="Recordings",
        recording=recording,
        evidence=EvidenceOut.of(view),
        as_json=json.dumps(EvidenceOut.of(view).model_dump(mode="json", by_alias=True), indent=2),
    )


@router.post("/recordings/{recording}/restriction")
async def post_restriction(
    request: Request, vault: TheVault, allowed: Guarding, recording: RecordingId
) -> Response:
    """Restrict a recording, or lift its restriction."""

    async def restrict(form: Form) -> str:
        restricted = form.text("restricted") == "on"
        body = checked(RestrictionIn, {"reason": form.text("reason") or None})
        await vault.recordings.restrict(
            allowed.account.id,
            recording,
            restricted=restricted,
            reason=body.reason if restricted else None,
            actor=allowed.actor,
            told_at=day_of(form.values(), "told_at"),
            informed=form.lines("requests"),
        )
        return "restricted" if restricted else "unrestricted"

    return await _act(request, vault, allowed, recording, restrict)


@router.post("/recordings/{recording}/retry")
async def post_recording_retry(
    request: Request, vault: TheVault, allowed: Sending, recording: RecordingId
) -> Response:
    """Fetch a recording again that a webhook announced and that has not arrived."""

    async def retry(form: Form) -> str:
        body = checked(RetryIn, {"recording_url": form.text("recording_url") or None})
        url = body.recording_url
        await vault.retry_recording(allowed.account.id, recording, url=url, actor=allowed.actor)
        return "retried"

    return await _act(request, vault, allowed, recording, retry)


@router.post("/recordings/{recording}/erasure")
async def post_erasure(
    request: Request, vault: TheVault, allowed: Guarding, recording: RecordingId
) -> Response:
    """Erase a recording, with the reference of its call typed; a ground passes over minimums, with a second person."""

    async def erase(form: Form) -> str:
        found = await vault.recordings.read(allowed.account.id, recording)
        require_name(form, found.recording.call_ref)
        ground = checked(ErasureQuery, _ground(form)).ground
        await vault.recordings.erase(allowed.account.id, recording, ground=ground, actor=allowed.actor)
        return "erased"

    return await _act(request, vault, allowed, recording, erase)


@router.post("/recordings/{recording}/hold")
async def post_hold(request: Request, vault: TheVault, allowed: Holding, recording: RecordingId) -> Response:
    """Place a hold on a recording."""

    async def hold(form: Form) -> str:
        values = {"name": form.text("hold_name"), "reason": form.text("hold_reason")}
        body = checked(HoldIn, values | {"covers": {"recordings": [recording]}})
        await vault.holds.place(allowed.account.id, body.wanted(), actor=allowed.actor)
        return "held"

    return await _act(request, vault, allowed, recording, hold)


@router.post("/recordings/{recording}/links/{link}/revocation")
async def post_link_revocation(
    request: Request,
    vault: TheVault,
    allowed: Revoking,
    recording: RecordingId,
    link: Annotated[str, Path(max_length=64)],
) -> Response:
    """Revoke a link, which ends its sessions."""

    async def revoke(_: Form) -> str:
        await vault.links.revoke(allowed.account.id, recording, link, actor=allowed.actor)
        return "link_revoked"

    return await _act(request, vault, allowed, recording, revoke)


def _ground(form: Form) -> dict[str, str]:
    """Return the ground of an erasure, if the form has one."""
    return {"ground": form.text("ground")} if form.text("ground") else {}


async def _act(
    request: Request, vault: Vault, allowed: Console, recording: str, act: Callable[[Form], Awaitable[str]]
) -> Response:
    """Run a form's act once, and return to the recording; a wrong field is named on its page."""
    form = await read_form(request)

    async def done() -> str:
        return f"{allowed.path}/recordings/{recording}?done={await act(form)}"

    async def run() -> str:
        # Of these acts only the erasure can need a second person.
        sent = {"recording": recording} | _ground(form)
        return await done_or_asked(vault, allowed, done, subject=recording, arguments=sent)

    async def again(mistake: Mistake) -> Response:
        return await recording_page(request, vault, allowed, recording, form=form, mistake=mistake)

    return await run_or_show(request, allowed, form, act=run, show=again, reads="recordings:read")


async def recording_page(
    request: Request,
    vault: Vault,
    allowed: Console,
    recording: str,
    *,
    form: Form | None = None,
    mistake: Mistake | None = None,
) -> Response:
    """Return the page of a recording. Raises NotFound."""
    before = read_cursor(request.query_params.get("cursor") or None)
    view = await vault.recordings.open_details(allowed.account.id, recording, actor=allowed.actor)
    links = await vault.links.list(allowed.account.id, recording, before=before, limit=_LINKS)
    return console_page(
        request,
        allowed,
        "recording.html",
        section="Recordings",
        view=view,
        row=recording_row(view),
        causes=RESTRICTION_CAUSES,
        is_gone=view.recording.state in GONE,
        links=links,
        following=next_cursor(links, _LINKS, lambda one: (one[0].created_at, one[0].id)),
        purposes=PURPOSES,
        grounds=translated_pairs(_GROUNDS.items()),
        values={} if form is None else form.values(),
        mistake=mistake,
        failed=request.url.path.rpartition("/")[2] if mistake is not None else "",
        left_notes=await _left_notes(vault, allowed, view.recording),
        clock=clock_length,
        **await _audited(vault, allowed, recording),
    )


async def _left_notes(vault: Vault, allowed: Console, recording: Recording) -> Sequence[LeftNote]:
    """Return notes of former listeners for the people in charge of privacy. That they were read is logged."""
    if recording.state is not State.AVAILABLE or not allowed.allows("privacy:write"):
        return ()
    found = await vault.former_notes.page(
        allowed.account.id, recording.id, after="", limit=_MAX_NOTES, actor=allowed.actor
    )
    return sorted(found, key=lambda one: one.note.content.at)


async def _audited(vault: Vault, allowed: Console, recording: str) -> dict[str, Any]:
    """Return what readers of the audit see besides: the history, and why the recording is still here."""
    if not allowed.allows("audit:read"):
        return {"history": None, "retention": None}
    history = await vault.access_log.history(allowed.account.id, recording)
    try:
        retention = await vault.show_retention(allowed.account.id, recording)
    except RecordingErased:
        retention = None
    return {"history": history, "retention": retention}
