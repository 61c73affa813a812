"""Calls: the decision at call start, facts, consent events, erasure."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.database.stores.calls.call_changes import ChangePlace
from vault.domain.calls.call import CallFacts
from vault.errors import Invalid
from vault.services.recordings.calls import CallView, ListedCall
from vault.services.service import Vault
from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json, answer_once
from vault.web.http.pagination import read_change_place, read_number, write_change_place
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.base import NewRef, PageQuery, Ref
from vault.web.schemas.calls.calls import CallIn, CallOut, ConsentIn, ConsentOut, DecisionOut
from vault.web.schemas.calls.metadata import terms_in
from vault.web.schemas.calls.views import CallsOut, CallsQuery, CallViewOut, ErasedCallOut, ListedCallOut

router = APIRouter(prefix="/v1/accounts/{account}/calls", tags=["calls"])
Ingesting = Annotated[Access, Depends(access("ingest"))]
Reading = Annotated[Access, Depends(access("recordings:read"))]
Erasing = Annotated[Access, Depends(access("privacy:write"))]


@router.put("/{call_ref}")
async def put_call(
    request: Request, vault: TheVault, allowed: Ingesting, call_ref: Annotated[NewRef, Path()], body: CallIn
) -> CallOut:
    """Report a call, best at its start. The response says whether and how to record it, and why."""
    same = (
        "direction",
        "caller",
        "callee",
        "started_at",
        "ended_at",
        "agent",
        "caller_place",
        "callee_place",
    )
    facts = CallFacts(
        call_ref=call_ref, language=body.language, **{name: getattr(body, name) for name in same}
    )
    answer = await vault.recordings.calls.start(allowed.account.id, facts)
    await vault.recordings.calls.metadata.report(
        allowed.account.id, call_ref, body.metadata, actor=allowed.actor
    )
    return CallOut.of(answer, request.app.state.hosting)


@router.get("")
async def list_calls(vault: TheVault, allowed: Reading, asked: Annotated[CallsQuery, Query()]) -> CallsOut:
    """Find calls by number or by metadata, including calls without recordings, ordered by call_ref.

    With `changed_since`, list the calls that have changed, in the order of their last changes: a call that is reported
    or reported again, whose metadata is changed, or which is erased. Each change is seen at least once, with the call
    as it is when it is read.

    With `without_recording`, list the calls that ended and whose recording never came, the last one first, on one page.
    Some of them were not answered or may not be recorded.
    """
    account_id, calls = allowed.account.id, vault.recordings.calls
    ways = [
        asked.without_recording,
        asked.number is not None,
        bool(asked.metadata),
        asked.changed_since is not None,
    ]
    if ways.count(True) != 1:
        text = "Give one of these: number, metadata, changed_since or without_recording."
        raise Invalid(text, field="number")
    after, limit = asked.cursor, asked.limit
    found: Sequence[ListedCall | CallView]
    if asked.changed_since is not None:
        return await _changed(vault, allowed, asked, read_change_place(asked.changed_since))
    if asked.without_recording:
        found = await calls.without_recording(account_id, limit=limit)
        return CallsOut(items=await _matching(vault, allowed, asked, found))
    if asked.number is None:
        found = await calls.with_metadata(account_id, terms_in(asked.metadata), after=after, limit=limit)
    else:
        found = await calls.find(account_id, asked.number, after=after, limit=limit)
    following = found[-1].facts.call_ref if len(found) == limit else None
    return CallsOut(items=await _matching(vault, allowed, asked, found), next_cursor=following)


async def _changed(vault: Vault, allowed: Access, asked: CallsQuery, since: ChangePlace) -> CallsOut:
    if asked.cursor is not None:
        text = "cursor does not go with changed_since: ask again with changed_until of the answer."
        raise Invalid(text, field="cursor")
    changed = await vault.recordings.calls.changes(allowed.account.id, since, limit=asked.limit)
    return CallsOut(
        items=await _matching(vault, allowed, asked, changed.calls),
        changed_until=write_change_place(changed.until),
        more_changes=changed.more,
    )


async def _matching(
    vault: Vault, allowed: Access, asked: CallsQuery, found: Sequence[ListedCall | CallView]
) -> list[ListedCallOut]:
    """Show those of a page that match direction and connection; of what is erased, nobody can say whether it did."""
    shown = [ListedCallOut.of_listed(one) for one in found]
    if asked.direction is not None:
        shown = [one for one in shown if one.erased or one.direction == asked.direction]
    connection_id = await vault.accounts.connections.id_of(allowed.account.id, asked.connection)
    if connection_id is not None:
        refs = [one.call_ref for one in shown]
        told = await vault.recordings.calls.of_connection(allowed.account.id, refs, connection_id)
        shown = [one for one in shown if one.erased or one.call_ref in told]
    return shown


@router.get("/{call_ref}")
async def get_call(
    vault: TheVault, allowed: Reading, call_ref: Annotated[Ref, Path()], asked: Annotated[PageQuery, Query()]
) -> CallViewOut:
    """Show a call, with or without recordings. It has the call's facts, the current decision and its recordings.

    `limit` and `cursor` are of the recordings, oldest first.
    """
    view = await vault.recordings.calls.read(allowed.account.id, call_ref)
    return CallViewOut.of(view, start=read_number(asked.cursor), limit=asked.limit)


@router.delete("/{call_ref}", status_code=202, response_model=ErasedCallOut | ApprovalOut)
async def delete_call(
    vault: TheVault,
    allowed: Erasing,
    call_ref: Annotated[Ref, Path()],
    approval_reason: ApprovalReason = None,
) -> Response:
    """Erase a call. Its facts and the keys of its recordings are destroyed before the response.

    Where the account's rule wants a second person for it, nothing is erased yet, and the response is the approval.
    """

    async def erase() -> Response:
        recordings = await vault.recordings.calls.erase(allowed.account.id, call_ref, actor=allowed.actor)
        return answer_json(ErasedCallOut.of(call_ref, recordings), status=202)

    return await done_or_asked(
        vault, allowed, erase, subject=call_ref, arguments={"call": call_ref}, reason=approval_reason
    )


@router.post("/{call_ref}/consent", status_code=201, response_model=ConsentOut, openapi_extra=IDEMPOTENT)
async def post_consent(
    request: Request,
    vault: TheVault,
    allowed: Ingesting,
    call_ref: Annotated[NewRef, Path()],
    body: ConsentIn,
) -> Response:
    """Report a consent event of a call's party: an announcement or an answer. Of all events the strictest applies."""

    async def produce() -> ConsentOut:
        event, decision = await vault.consent.records.report(
            allowed.account.id, call_ref, body.wish(), actor=allowed.actor
        )
        return ConsentOut(id=event.id, heard_at=event.heard_at, decision=DecisionOut.of(decision))

    return await answer_once(request, allowed, produce)
