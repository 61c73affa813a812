"""An account's registers: record of processing, recipients, disclosures, requests of authorities."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from vault.services.registers.disclosures import DisclosureFilter
from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.conditions import version_in
from vault.web.http.idempotency import answer_json, answer_once
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.registers.authority_requests import (
    AuthorityRequestIn,
    AuthorityRequestOut,
    AuthorityRequestPatchIn,
    AuthorityRequestsOut,
    ReportQuery,
    TransparencyReportOut,
)
from vault.web.schemas.registers.processing_record import ProcessingRecordOut, ProfileIn
from vault.web.schemas.registers.recipients import (
    DisclosureOut,
    DisclosuresOut,
    DisclosuresQuery,
    EndIn,
    EntriesQuery,
    RecipientIn,
    RecipientOut,
    RecipientPatchIn,
    RecipientsOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["registers"])
Auditing = Annotated[Access, Depends(access("audit:read"))]
Guarding = Annotated[Access, Depends(access("privacy:write", limited=True))]
EntryId = Annotated[str, Path(max_length=64)]
_RECORD = "/processing-record"
_RECIPIENTS, _RECIPIENT = "/recipients", "/recipients/{recipient}"
_REQUESTS, _REQUEST = "/authority-requests", "/authority-requests/{authority_request}"


@router.get(_RECORD, response_model=ProcessingRecordOut)
async def get_processing_record(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Generate the record of processing activities (GDPR art. 30). `missing` names what nobody has entered."""
    return await _record(request, vault, allowed)


@router.put(_RECORD, response_model=ProcessingRecordOut)
async def put_processing_record(
    request: Request,
    vault: TheVault,
    allowed: Guarding,
    body: ProfileIn,
    if_match: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Replace the part of the record that no setting says. ``If-Match`` prevents lost updates.

    422 if the privacy page is to be published without controller, purposes or requests_to.
    """
    await vault.registers.processing_records.set(
        allowed.account.id, body.profile(), if_revision=version_in(if_match, "record"), actor=allowed.actor
    )
    return await _record(request, vault, allowed)


@router.post(_RECIPIENTS, status_code=201, response_model=RecipientOut, openapi_extra=IDEMPOTENT)
async def post_recipient(request: Request, vault: TheVault, allowed: Guarding, body: RecipientIn) -> Response:
    """Enter a recipient or sub-processor."""

    async def produce() -> RecipientOut:
        return RecipientOut.of(
            await vault.registers.recipients.enter(allowed.account.id, body.recipient(), actor=allowed.actor)
        )

    return await answer_once(request, allowed, produce)


@router.get(_RECIPIENTS)
async def list_recipients(
    vault: TheVault, allowed: Auditing, asked: Annotated[EntriesQuery, Query()]
) -> RecipientsOut:
    """List recipients, newest first. Those that have ended stay in the list."""
    found = await vault.registers.recipients.page(
        allowed.account.id, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.created_at, one.id))
    return RecipientsOut(items=[RecipientOut.of(entry) for entry in found], next_cursor=following)


@router.get(_RECIPIENT)
async def get_recipient(vault: TheVault, allowed: Auditing, recipient: EntryId) -> RecipientOut:
    """Show a recipient."""
    return RecipientOut.of(await vault.registers.recipients.get(allowed.account.id, recipient))


@router.patch(_RECIPIENT)
async def patch_recipient(
    vault: TheVault, allowed: Guarding, recipient: EntryId, body: RecipientPatchIn
) -> RecipientOut:
    """Change some fields of a recipient. 409 for one that has ended."""
    changed = await vault.registers.recipients.change(
        allowed.account.id, recipient, body.merged, actor=allowed.actor
    )
    return RecipientOut.of(changed)


@router.post(_RECIPIENT + "/end")
async def post_recipient_end(
    vault: TheVault, allowed: Guarding, recipient: EntryId, body: EndIn
) -> RecipientOut:
    """Set the last day of a recipient. The entry stays."""
    return RecipientOut.of(
        await vault.registers.recipients.end(allowed.account.id, recipient, body.until, actor=allowed.actor)
    )


@router.get("/disclosures")
async def list_disclosures(
    vault: TheVault, allowed: Auditing, asked: Annotated[DisclosuresQuery, Query()]
) -> DisclosuresOut:
    """List who got which recording, from the access log: playback, downloads and exports of keys."""
    wanted = DisclosureFilter(
        recording_id=asked.recording, recipient=asked.recipient, since=asked.since, until=asked.until
    )
    page = await vault.registers.disclosures.page(
        allowed.account.id, wanted, start=asked.cursor, limit=asked.limit
    )
    following = None if page.next_start is None else str(page.next_start)
    return DisclosuresOut(items=[DisclosureOut.of(one) for one in page.items], next_cursor=following)


@router.post(_REQUESTS, status_code=201, response_model=AuthorityRequestOut, openapi_extra=IDEMPOTENT)
async def post_authority_request(
    request: Request, vault: TheVault, allowed: Guarding, body: AuthorityRequestIn
) -> Response:
    """Enter a request of an authority. One of the kind `preservation` places a hold on the calls of its numbers."""

    async def produce() -> AuthorityRequestOut:
        return AuthorityRequestOut.of(
            await vault.registers.authority_requests.enter(
                allowed.account.id, body.request(), actor=allowed.actor
            )
        )

    return await answer_once(request, allowed, produce)


@router.get(_REQUESTS)
async def list_authority_requests(
    vault: TheVault, allowed: Auditing, asked: Annotated[EntriesQuery, Query()]
) -> AuthorityRequestsOut:
    """List requests of authorities, newest first."""
    found = await vault.registers.authority_requests.page(
        allowed.account.id, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.created_at, one.id))
    return AuthorityRequestsOut(
        items=[AuthorityRequestOut.of(entry) for entry in found], next_cursor=following
    )


@router.get("/transparency-report")
async def get_transparency_report(
    vault: TheVault, allowed: Auditing, asked: Annotated[ReportQuery, Query()]
) -> TransparencyReportOut:
    """Count the requests of a year by the elements of RDR's indicator P11a: a file to publish, without any person.

    Requests that are still secret are left out.
    """
    return TransparencyReportOut.of(
        await vault.registers.authority_requests.report(allowed.account.id, asked.year)
    )


@router.get(_REQUEST)
async def get_authority_request(
    vault: TheVault, allowed: Auditing, authority_request: EntryId
) -> AuthorityRequestOut:
    """Show a request of an authority."""
    return AuthorityRequestOut.of(
        await vault.registers.authority_requests.get(allowed.account.id, authority_request)
    )


@router.patch(_REQUEST)
async def patch_authority_request(
    vault: TheVault, allowed: Guarding, authority_request: EntryId, body: AuthorityRequestPatchIn
) -> AuthorityRequestOut:
    """Change some fields of a request, such as its decision.

    Numbers added to one of the kind `preservation` get a further hold; those taken out stay held.
    """
    changed = await vault.registers.authority_requests.change(
        allowed.account.id, authority_request, body.merged, actor=allowed.actor
    )
    return AuthorityRequestOut.of(changed)


async def _record(request: Request, vault: TheVault, allowed: Access) -> Response:
    found = await vault.registers.processing_records.read(allowed.account)

    def write() -> Response:
        record = ProcessingRecordOut.of(found, request.app.state.hosting)
        return answer_json(record, headers={"ETag": f'"{record.revision}"'})

    # It has every recipient, so keep the work off the event loop.
    return await asyncio.to_thread(write)
