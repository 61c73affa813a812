"""Pauses of the recording of a call that goes on."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.base import Ref
from vault.web.schemas.calls.pauses import RecordingPauseIn, RecordingPauseOut, RecordingPausesOut

router = APIRouter(prefix="/v1/accounts/{account}/calls/{call_ref}/pauses", tags=["card data"])
Pausing = Annotated[Access, Depends(access("recordings:pause"))]
CallRef = Annotated[Ref, Path()]


@router.post("", status_code=201, response_model=RecordingPauseOut, openapi_extra=IDEMPOTENT)
async def post_call_pause(
    request: Request, vault: TheVault, allowed: Pausing, call_ref: CallRef, body: RecordingPauseIn
) -> Response:
    """Pause the recording of a call that goes on. If it is paused already, the response is that pause.

    The provider is asked at once. `answer` is its own status of the recording: `paused`; `not_paused` after five
    requests; `impossible` where it has no such command; null where it has not answered yet, and is asked again. It ends
    by itself after 180 seconds.
    """

    async def produce() -> RecordingPauseOut:
        pause = await vault.recordings.calls.pauses.pause(
            allowed.account.id, call_ref, reason=body.reason, actor=allowed.actor
        )
        return RecordingPauseOut.of(pause)

    return await answer_once(request, allowed, produce, exclude_none=False)


@router.post("/{pause}/end")
async def post_call_pause_end(
    vault: TheVault, allowed: Pausing, call_ref: CallRef, pause: Annotated[str, Path(max_length=64)]
) -> RecordingPauseOut:
    """Let the recording of a call go on. A pause that has ended stays as it is."""
    ended = await vault.recordings.calls.pauses.end(allowed.account.id, call_ref, pause, actor=allowed.actor)
    return RecordingPauseOut.of(ended)


@router.get("")
async def list_call_pauses(vault: TheVault, allowed: Pausing, call_ref: CallRef) -> RecordingPausesOut:
    """List the pauses of a call, oldest first, with what the provider answered. There are 50 at most."""
    pauses = await vault.recordings.calls.pauses.of_call(allowed.account.id, call_ref)
    return RecordingPausesOut(items=[RecordingPauseOut.of(pause) for pause in pauses])
