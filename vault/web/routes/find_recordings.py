"""Find recordings: the list with its filters, and what has changed since a place in the log."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from vault.domain.recordings.recording import RecordingFilter
from vault.errors import Invalid
from vault.services.service import Vault
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.calls.metadata import terms_in
from vault.web.schemas.recordings.recordings import RecordingOut, RecordingsOut, RecordingsQuery

router = APIRouter(prefix="/v1/accounts/{account}", tags=["recordings"])
Reading = Annotated[Access, Depends(access("recordings:read"))]


@router.get("/recordings")
async def list_recordings(
    vault: TheVault, allowed: Reading, asked: Annotated[RecordingsQuery, Query()]
) -> RecordingsOut:
    """List recordings, newest first; with `changed_since` those that have changed, in the order of their changes.

    To keep a copy: list all, then ask again and again with the `changed_until` of the last answer. Each change is seen
    at least once, with the recording as it is when it is read.
    """
    wanted = RecordingFilter(
        state=asked.state,
        call_ref=asked.call,
        retention_class=asked.retention_class,
        received_from=asked.received_from,
        received_to=asked.received_to,
        connection_id=await vault.accounts.connections.id_of(allowed.account.id, asked.connection),
        name=asked.recording_ref,
    )
    if asked.recording_ref is not None and asked.call is None:
        raise Invalid("recording_ref needs call: a name is unique in its call only.", field="recording_ref")
    if asked.changed_since is not None:
        return await _changed(vault, allowed, asked, wanted, asked.changed_since)
    # Before the page is read: what changes meanwhile is found from there.
    place = await vault.recordings.recordings.place() if asked.cursor is None else None
    views = await vault.recordings.recordings.page(
        allowed.account.id,
        wanted,
        number=asked.number,
        agent=asked.agent,
        metadata=terms_in(asked.metadata),
        before=read_cursor(asked.cursor),
        limit=asked.limit,
    )
    following = next_cursor(views, asked.limit, lambda view: (view.recording.received_at, view.recording.id))
    return RecordingsOut(
        items=[RecordingOut.of(view, with_call=True) for view in views],
        next_cursor=following,
        changed_until=place,
    )


async def _changed(
    vault: Vault, allowed: Access, asked: RecordingsQuery, wanted: RecordingFilter, since: int
) -> RecordingsOut:
    if asked.cursor is not None:
        text = "cursor does not go with changed_since: ask again with changed_until of the answer."
        raise Invalid(text, field="cursor")
    changes = await vault.recordings.recordings.changes(allowed.account.id, since, limit=asked.limit)
    views = await vault.recordings.recordings.page(
        allowed.account.id,
        replace(wanted, ids=changes.ids),
        number=asked.number,
        agent=asked.agent,
        metadata=terms_in(asked.metadata),
        before=None,
        limit=asked.limit,
    )
    views = sorted(views, key=lambda view: changes.ids.index(view.recording.id))
    return RecordingsOut(
        items=[RecordingOut.of(view, with_call=True) for view in views],
        changed_until=changes.until,
        more_changes=changes.more,
    )
