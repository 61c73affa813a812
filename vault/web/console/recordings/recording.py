"""One recording: what it is, why it is here, who heard it, and what can be done with it."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.database.stores.handover.handovers import HandoverFilter
from vault.domain.handover.handover import StoredHandover
from vault.domain.playback.link import Purpose
from vault.domain.recordings.media import clock_length
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.recordings.redaction import can_remove
from vault.errors import RecordingErased
from vault.services.playback.notes import LeftNote
from vault.web.console import handed_over
from vault.web.console.acts import acts
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.recordings.recordings import day_of
from vault.web.console.recordings.views import RESTRICTION_CAUSES, as_lines, recording_row
from vault.web.console.route import console_router
from vault.web.console.words import GROUND_WORDS
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import translatable, translated_pairs
from vault.web.schemas.calls.calls import ErasureQuery, EvidenceOut, RestrictionIn
from vault.web.schemas.recordings.recordings import RetryIn
from vault.web.schemas.retention.holds import HoldIn

router = console_router()
Reading = Annotated[Here, needs("recordings:read", of_agents=True)]
Auditing = Annotated[Here, needs("audit:read", of_agents=True)]
Sending = Annotated[Here, needs("ingest")]
Guarding = Annotated[Here, needs("privacy:write")]
Holding = Annotated[Here, needs("holds:write")]
Revoking = Annotated[Here, needs("links:write", of_agents=True)]
RecordingId = Annotated[str, Path(max_length=64)]
#: Notes of former listeners on a page; REST has all.
_MAX_NOTES: Final = 200
#: Proposals to remove a part that the page shows; the page of card data has all.
_MAX_PROPOSALS: Final = 20
#: Systems to which the recording was handed over; the page of hand-overs has all.
_MAX_SYSTEMS: Final = 50
#: Entries of the history that the page shows, the newest: each link adds some, and their number has no limit.
_MAX_HISTORY: Final = 100
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
#: Links per page.
_LINKS: Final = 50


@router.get("/recordings/{recording}")
async def get_recording(here: Reading, recording: RecordingId) -> Response:
    """Show a recording. That it was opened is logged before."""
    before, vault = read_cursor(here.cursor), here.vault
    view = await vault.recordings.recordings.open_details(here.account_id, recording, actor=here.actor)
    links = await vault.playback.links.list(here.account_id, recording, before=before, limit=_LINKS)
    return here.page(
        "recording.html",
        section="Recordings",
        view=view,
        row=recording_row(view, with_call=True),
        causes=RESTRICTION_CAUSES,
        is_gone=view.recording.state in GONE,
        links=links,
        following=next_cursor(links, _LINKS, lambda one: (one[0].created_at, one[0].id)),
        purposes=PURPOSES,
        grounds=translated_pairs(GROUND_WORDS.items()),
        values={
            "call_metadata": as_lines(view.call_metadata),
            "metadata": as_lines(view.metadata),
            **here.form.values(),
        },
        left_notes=await _left_notes(here, view.recording),
        clock=clock_length,
        approvers=await who_approves(here, "recording_erasure"),
        can_redact=_can_redact(view.recording),
        proposals=await here.vault.recordings.recordings.card_data.page(
            here.account_id, recording_id=recording, after=None, limit=_MAX_PROPOSALS
        ),
        systems=await _handed_over(here, recording),
        states=handed_over.STATES,
        tones=handed_over.TONES,
        handover_causes=handed_over.CAUSES,
        residues=handed_over.RESIDUES,
        **await _audited(here, recording),
    )


@router.get("/recordings/{recording}/evidence")
async def get_evidence(here: Auditing, recording: RecordingId) -> Response:
    """Show the evidence that a recording was allowed, as REST does; it is logged."""
    view = await here.vault.consent.records.read_evidence(here.account_id, recording, actor=here.actor)
    evidence = EvidenceOut.of(view)
    return here.page(
        "evidence.html",
        section="Recordings",
        recording=recording,
        evidence=evidence,
        as_json=json.dumps(evidence.model_dump(mode="json", by_alias=True), indent=2),
    )


@acts(router, "/recordings/{recording}/restriction", again=get_recording)
async def post_restriction(here: Guarding, recording: RecordingId) -> str:
    """Restrict a recording, or lift its restriction."""
    restricted = here.form.text("restricted") == "on"
    body = checked(RestrictionIn, {"reason": here.form.text("reason") or None})
    await here.vault.recordings.recordings.restrict(
        here.account_id,
        recording,
        restricted=restricted,
        reason=body.reason if restricted else None,
        actor=here.actor,
        told_at=day_of(here.form.values(), "told_at"),
        informed=here.form.lines("requests"),
    )
    return _path(recording, "restricted" if restricted else "unrestricted")


@acts(router, "/recordings/{recording}/retry", again=get_recording)
async def post_recording_retry(here: Sending, recording: RecordingId) -> str:
    """Fetch a recording again that a webhook announced and that has not arrived."""
    url = checked(RetryIn, {"recording_url": here.form.text("recording_url") or None}).recording_url
    await here.vault.ingest.retry(here.account_id, recording, url=url, actor=here.actor)
    return _path(recording, "retried")


@acts(router, "/recordings/{recording}/erasure", again=get_recording)
async def post_erasure(here: Guarding, recording: RecordingId) -> str:
    """Erase a recording, with the reference of its call typed; a ground passes over minimums, with a second person."""
    found = await here.vault.recordings.recordings.read(here.account_id, recording)
    ground = {"ground": here.form.text("ground")} if here.form.text("ground") else {}
    here.approval_reason()
    body = here.confirmed(ErasureQuery, ground, name=found.recording.call_ref)
    erase = here.vault.recordings.recordings.erase(
        here.account_id, recording, ground=body.ground, actor=here.actor
    )
    sent = {"recording": recording} | ground
    return await here.done_or_asked(erase, _path(recording, "erased"), subject=recording, arguments=sent)


@acts(router, "/recordings/{recording}/hold", again=get_recording)
async def post_hold(here: Holding, recording: RecordingId) -> str:
    """Place a hold on a recording."""
    values = {"name": here.form.text("hold_name"), "reason": here.form.text("hold_reason")}
    called = {"name": "hold_name", "reason": "hold_reason"}
    body = checked(HoldIn, values | {"covers": {"recordings": [recording]}}, called=called)
    await here.vault.retention.holds.place(here.account_id, body.wanted(), actor=here.actor)
    return _path(recording, "held")


@acts(router, "/recordings/{recording}/links/{link}/revocation", again=get_recording)
async def post_link_revocation(
    here: Revoking, recording: RecordingId, link: Annotated[str, Path(max_length=64)]
) -> str:
    """Revoke a link, which ends its sessions."""
    await here.vault.playback.links.revoke(here.account_id, recording, link, actor=here.actor)
    return _path(recording, "link_revoked")


def _path(recording: str, done: str) -> str:
    return f"/recordings/{recording}?done={done}"


def _can_redact(recording: Recording) -> bool:
    """Return whether a range of its audio can be removed, for all that the page knows."""
    return recording.state is State.AVAILABLE and can_remove(recording.container, recording.codec)


async def _handed_over(here: Here, recording: str) -> Sequence[StoredHandover]:
    """Return what stands of the recording in other systems, and what stood there."""
    wanted = HandoverFilter(recording_id=recording)
    found = await here.vault.handover.handovers.page(here.account_id, wanted, before=None, limit=_MAX_SYSTEMS)
    return [view.handover for view in found]


async def _left_notes(here: Here, recording: Recording) -> Sequence[LeftNote]:
    """Return notes of former listeners for the people in charge of privacy. That they were read is logged."""
    if recording.state is not State.AVAILABLE or not here.allows("privacy:write"):
        return ()
    found = await here.vault.playback.former_notes.page(
        here.account_id, recording.id, after="", limit=_MAX_NOTES, actor=here.actor
    )
    return sorted(found, key=lambda one: one.note.content.at)


async def _audited(here: Here, recording: str) -> dict[str, Any]:
    """Return what readers of the audit see besides: the history, and why the recording is still here."""
    if not here.allows("audit:read"):
        return {"history": None, "earlier": 0, "retention": None}
    history = await here.vault.audit_log.access_log.history(here.account_id, recording)
    try:
        retention = await here.vault.retention.recordings(here.account_id, recording)
    except RecordingErased:
        retention = None
    earlier = max(0, len(history) - _MAX_HISTORY)
    return {"history": history[earlier:], "earlier": earlier, "retention": retention}
