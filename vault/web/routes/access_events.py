"""The access log: events, recordings' histories, proofs and exports for independent verification."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from vault.web.contract.descriptions import text
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.schemas.access_log import (
    EventOut,
    EventsOut,
    EventsQuery,
    ExportQuery,
    GrowthOut,
    GrowthQuery,
    HistoryItemOut,
    HistoryOut,
)

router = APIRouter(tags=["access log"])
Auditing = Annotated[Access, Depends(access("audit:read"))]
_ACCOUNT = "/v1/accounts/{account}"
_MAX_INDEX = 2**62
_TEXT = "text/plain; charset=utf-8"


@router.get(f"{_ACCOUNT}/access-events", response_model=EventsOut)
async def list_access_events(
    vault: TheVault, allowed: Auditing, asked: Annotated[EventsQuery, Query()]
) -> Response:
    """List access events in log order. The cursor is the index of the first event on the page."""
    page = await vault.audit_log.access_log.list_events(
        allowed.account.id, asked.filter, start=asked.cursor, limit=asked.limit
    )
    following = None if page.next_start is None else str(page.next_start)
    return await _shown(
        lambda: EventsOut(items=[EventOut.of(*item) for item in page.items], next_cursor=following)
    )


@router.get(f"{_ACCOUNT}/recordings/{{recording}}/history", response_model=HistoryOut)
async def get_recording_history(
    vault: TheVault, allowed: Auditing, recording: Annotated[str, Path(max_length=64)]
) -> Response:
    """Show the history of a recording in plain sentences. Erased recordings have one too."""
    items = await vault.audit_log.access_log.history(allowed.account.id, recording)
    return await _shown(
        lambda: HistoryOut(recording=recording, items=[HistoryItemOut.of(item) for item in items])
    )


@router.get(
    f"{_ACCOUNT}/access-events/{{index}}/proof",
    response_class=Response,
    responses={200: text("A tlog-proof")},
)
async def get_access_event_proof(
    vault: TheVault, allowed: Auditing, index: Annotated[int, Path(ge=0, le=_MAX_INDEX)]
) -> Response:
    """Return a tlog-proof that the event's leaf is in the log, under a signed checkpoint."""
    proof = await vault.audit_log.proofs.prove_event(allowed.account.id, index)
    headers = {"Content-Disposition": f'attachment; filename="access-event-{index}.tlog-proof"'}
    return Response(proof, media_type=_TEXT, headers=headers)


@router.head(f"{_ACCOUNT}/access-log/export", include_in_schema=False)
@router.get(f"{_ACCOUNT}/access-log/export", response_class=Response, responses={200: text("The export")})
async def export_access_log(
    request: Request, vault: TheVault, allowed: Auditing, asked: Annotated[ExportQuery, Query()]
) -> Response:
    """Export the log for `callvault verify-log`. The account's own leaves are in full, all others as subtree hashes.

    `earlier` has the size of a checkpoint that was saved before, so that the export can be compared with it; it may be
    repeated.
    """
    headers = {"Content-Disposition": 'attachment; filename="access-log.callvault-log"'}
    if request.method == "HEAD":
        # The length of an export is unknown until it is generated.
        head = Response(media_type=_TEXT, headers=headers)
        del head.headers["Content-Length"]
        return head
    parts = await vault.audit_log.proofs.export(allowed.account.id, earlier=asked.earlier)
    return StreamingResponse(parts, media_type=_TEXT, headers=headers)


@router.get("/v1/access-log/checkpoint", response_class=Response, responses={200: text("The checkpoint")})
async def get_checkpoint(vault: TheVault) -> Response:
    """Return the log's last signed checkpoint. Anybody may keep it, to check later exports against it."""
    return Response(await vault.audit_log.proofs.checkpoint(), media_type=_TEXT)


@router.get("/v1/access-log/consistency")
async def get_consistency(vault: TheVault, asked: Annotated[GrowthQuery, Query()]) -> GrowthOut:
    """Return the consistency proof between two signed checkpoints, by their log sizes."""
    hashes = await vault.audit_log.proofs.prove_growth(asked.old_size, asked.size)
    return GrowthOut.of(asked, hashes)


@router.get("/v1/access-log/key", response_class=Response, responses={200: text("The verifier key")})
async def get_log_key(vault: TheVault) -> Response:
    """Return the log's verifier key."""
    return Response(vault.audit_log.proofs.verifier_key() + "\n", media_type=_TEXT)


async def _shown(show: Callable[[], BaseModel]) -> Response:
    """Build and serialize a response in a thread, because a large one would block the event loop."""
    return await asyncio.to_thread(lambda: answer_json(show()))
