"""The metadata of calls and recordings: texts under keys of the account's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from vault.domain.calls.metadata import Metadata
from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.base import Ref
from vault.web.schemas.calls.metadata import MetadataOut, MetadataPatchIn

router = APIRouter(prefix="/v1/accounts/{account}")
#: As for notes: what listeners write down of a call.
Noting = Annotated[Access, Depends(access("links:write", limited=True))]
RecordingId = Annotated[str, Path(max_length=64)]


@router.patch("/calls/{call_ref}", tags=["calls"])
async def patch_call(
    vault: TheVault, allowed: Noting, call_ref: Annotated[Ref, Path()], body: MetadataPatchIn
) -> MetadataOut:
    """Change the metadata of a call: set keys, and remove those whose value is null.

    409: a hold covers the call, so a value that is there must stay. 422: it would have more than 20 keys.
    """
    changed = await vault.recordings.calls.metadata.change_call(
        allowed.account.id, call_ref, body.metadata, actor=allowed.actor
    )
    return _shown(allowed, changed)


@router.patch("/recordings/{recording}", tags=["recordings"])
async def patch_recording(
    vault: TheVault, allowed: Noting, recording: RecordingId, body: MetadataPatchIn
) -> MetadataOut:
    """Change the metadata of a recording, which has its own beside that of its call.

    Keys whose value is null are removed. 409: the recording is restricted, or a hold covers it, so a value that is
    there must stay. 422: it would have more than 20 keys.
    """
    changed = await vault.recordings.recordings.metadata.change_recording(
        allowed.account.id, recording, body.metadata, actor=allowed.actor
    )
    return _shown(allowed, changed)


def _shown(allowed: Access, metadata: Metadata) -> MetadataOut:
    return MetadataOut(metadata=dict(metadata) if allowed.allows("recordings:read") else None)
