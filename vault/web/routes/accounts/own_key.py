"""An account's customer-managed key in AWS KMS, which wraps the account's key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.routes.accounts.key_rotation import KeyRotationOut
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.base import Body

router = APIRouter(prefix="/v1/accounts/{account}/own-key", tags=["key rotation"])
Rotating = Annotated[Access, Depends(access("keys:write"))]


class OwnKeyIn(Body):
    """The customer-managed key to use."""

    #: The ARN of a symmetric key in AWS KMS; null for none: only the vault's root key is used.
    key: Annotated[str, Field(max_length=256)] | None


class OwnKeyOut(BaseModel):
    """The customer-managed key of the current version of the account's key."""

    #: The ARN of the customer-managed key; null if there is none.
    key: str | None
    #: The current version of the account's key.
    version: int


@router.get("")
async def get_own_key(vault: TheVault, allowed: Rotating) -> OwnKeyOut:
    """Show the account's customer-managed key. 503 while that key cannot be used."""
    current = await vault.key_rotation.rotations.current_key(allowed.account.id)
    return OwnKeyOut(key=current.own_key, version=current.version)


@router.put("", response_model=KeyRotationOut, responses={202: {"model": KeyRotationOut | ApprovalOut}})
async def put_own_key(
    vault: TheVault, allowed: Rotating, body: OwnKeyIn, approval_reason: ApprovalReason = None
) -> Response:
    """Set or remove the account's customer-managed key.

    202: new data is encrypted under this key immediately; existing data is re-encrypted in the background, as in a
    rotation. 200: the key is already in use. 409: a previous version of the account's key is not destroyed yet, or
    the vault cannot encrypt and decrypt with this key. Where the account's rule wants a second person for it, nothing
    has changed yet, and the response is 202 with the approval.
    """

    async def change() -> Response:
        progress, begun = await vault.key_rotation.rotations.use_key(
            allowed.account.id, body.key, actor=allowed.actor
        )
        return answer_json(KeyRotationOut.of(progress), status=202 if begun else 200, exclude_none=True)

    return await done_or_asked(
        vault, allowed, change, subject="", arguments={"key": body.key}, reason=approval_reason
    )
