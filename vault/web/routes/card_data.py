"""Card data in audio: the policy of the account, and what was found."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from vault.services.recordings.back_fills import no_back_fill
from vault.web.http.auth import Access, TheVault, access, require_scope
from vault.web.schemas.base import Body
from vault.web.schemas.recordings.card_data import (
    CardDataBackFillIn,
    CardDataBackFillOut,
    CardDataBackFillPatchIn,
    CardDataIn,
    CardDataOut,
    CardDataPreviewOut,
    ProposalOut,
    ProposalsOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["card data"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]
Guarding = Annotated[Access, Depends(access("privacy:write"))]


class ProposalsQuery(Body):
    """A page of proposals, of one recording or of all."""

    recording: Annotated[str, Query(max_length=64)] | None = None
    cursor: Annotated[str, Query(max_length=64)] | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


@router.get("/card-data")
async def get_card_data(vault: TheVault, allowed: Reading) -> CardDataOut:
    """Show what is done about card data in audio."""
    return CardDataOut.of(await vault.recordings.recordings.card_data.policy(allowed.account.id))


@router.put("/card-data")
async def put_card_data(vault: TheVault, allowed: Setting, body: CardDataIn) -> CardDataOut:
    """Set what is done about card data in the audio of recordings that arrive from now on.

    `keyed_digits`: `off`, nobody looks for them; `propose`, sequences that can be a card number are found while the
    audio is decoded, and proposed to people; `redact`, card numbers are removed before anybody can hear the recording,
    and other sequences proposed: that needs the scope `privacy:write` too.
    """
    if body.keyed_digits == "redact":
        require_scope(allowed.caller, "privacy:write")
    changed = await vault.recordings.recordings.card_data.set_policy(
        allowed.account.id, body.keyed_digits, actor=allowed.actor
    )
    return CardDataOut.of(changed)


@router.get("/card-data/preview")
async def get_card_data_preview(vault: TheVault, allowed: Reading) -> CardDataPreviewOut:
    """Count the recordings that arrived before the policy, and the seconds of their audio."""
    return CardDataPreviewOut.of(await vault.recordings.recordings.back_fills.preview(allowed.account.id))


@router.post("/card-data/back-fill", status_code=201)
async def post_card_data_back_fill(
    vault: TheVault, allowed: Setting, body: CardDataBackFillIn
) -> CardDataBackFillOut:
    """Search the recordings that arrived before the policy, one after the other, and do what it says.

    With `redact`, card numbers are removed for good: that needs the scope `privacy:write` too. What a hold covers stays
    as it is, and is proposed.
    """
    if body.keyed_digits == "redact":
        require_scope(allowed.caller, "privacy:write")
    one = await vault.recordings.recordings.back_fills.begin(
        allowed.account.id, expected=body.keyed_digits, actor=allowed.actor
    )
    return CardDataBackFillOut.of(one)


@router.get("/card-data/back-fill")
async def get_card_data_back_fill(vault: TheVault, allowed: Reading) -> CardDataBackFillOut:
    """Show the newest back-fill and its progress. 404 before the first one."""
    one = await vault.recordings.recordings.back_fills.read(allowed.account.id)
    if one is None:
        raise no_back_fill()
    return CardDataBackFillOut.of(one)


@router.patch("/card-data/back-fill")
async def patch_card_data_back_fill(
    vault: TheVault, allowed: Setting, body: CardDataBackFillPatchIn
) -> CardDataBackFillOut:
    """Pause the back-fill, let it go on, or stop it. After the answer nothing is proposed or removed any more."""
    back_fills = vault.recordings.recordings.back_fills
    if body.state == "running":
        one = await back_fills.read(allowed.account.id)
        if one is not None and one.keyed_digits == "redact":
            require_scope(allowed.caller, "privacy:write")
    changed = await back_fills.change(allowed.account.id, body.state, actor=allowed.actor)
    return CardDataBackFillOut.of(changed)


@router.get("/redaction-proposals")
async def list_redaction_proposals(
    vault: TheVault, allowed: Reading, asked: Annotated[ProposalsQuery, Query()]
) -> ProposalsOut:
    """List sequences of keyed digits that nobody has removed or dismissed yet. None of them has a digit.

    POST a proposal to the redactions of its recording to remove it, or DELETE it to leave the audio as it is.
    """
    found = await vault.recordings.recordings.card_data.page(
        allowed.account.id, recording_id=asked.recording, after=asked.cursor, limit=asked.limit
    )
    following = found[-1].id if len(found) == asked.limit else None
    return ProposalsOut(items=[ProposalOut.of(one) for one in found], next_cursor=following)


@router.delete("/redaction-proposals/{proposal}", status_code=204)
async def delete_redaction_proposal(
    vault: TheVault, allowed: Guarding, proposal: Annotated[str, Path(max_length=64)]
) -> None:
    """Dismiss a proposal: the audio stays as it is. The access log says who decided it."""
    await vault.recordings.recordings.card_data.dismiss(allowed.account.id, proposal, actor=allowed.actor)
