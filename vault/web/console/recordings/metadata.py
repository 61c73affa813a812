"""Metadata on the page of a recording: that of its call and its own, and the form that changes both."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Path

from vault.domain.calls.metadata import Metadata
from vault.web.console.acts import acts
from vault.web.console.forms import changes, checked, entries
from vault.web.console.here import Here, needs
from vault.web.console.recordings.recording import get_recording
from vault.web.console.recordings.views import key_and_value
from vault.web.console.route import console_router
from vault.web.schemas.calls.metadata import MetadataPatchIn

router = console_router()
Noting = Annotated[Here, needs("links:write", of_agents=True)]


@acts(router, "/recordings/{recording}/metadata", again=get_recording)
async def post_metadata(here: Noting, recording: Annotated[str, Path(max_length=64)]) -> str:
    """Set the metadata of a recording and of its call to what the form has, one key with its value in each line."""
    calls, recordings = here.vault.recordings.calls, here.vault.recordings.recordings
    view = await recordings.read(here.account_id, recording)
    call_ref = view.recording.call_ref
    of_call = _patch(here, "call_metadata", view.call_metadata)
    own = _patch(here, "metadata", view.metadata)
    if of_call:
        await calls.metadata.change_call(here.account_id, call_ref, of_call, actor=here.actor)
    if own:
        await recordings.metadata.change_recording(here.account_id, recording, own, actor=here.actor)
    return f"/recordings/{recording}?done=metadata_set"


def _patch(here: Here, field: str, before: Metadata) -> Mapping[str, str | None]:
    """Return what a field of the form changes. Raises Invalid that names it."""
    lines = [key_and_value(line, field) for line in entries(here.form.text(field))]
    after = checked(MetadataPatchIn, {"metadata": dict(lines)}, within=field).metadata
    return {**dict.fromkeys(before.keys() - after.keys()), **changes(before, after)}
