"""An account's own key in AWS KMS, above everything that the account seals."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.routes.key_rotation import KeyRotationOut
from vault.web.schemas.base import Body

router = APIRouter(prefix="/v1/accounts/{account}/own-key", tags=["key rotation"])
Rotating = Annotated[Access, Depends(access("keys:write"))]


class OwnKeyIn(Body):
    """Which key the account brings."""

    #: The ARN of a symmetric key in AWS KMS; null for none, so that the vault's root key stands alone.
    key: Annotated[str, Field(max_length=256)] | None


class OwnKeyOut(BaseModel):
    """What the version of the account's key lies under that seals what comes now."""

    #: The ARN of the account's own key; null where there is none.
    key: str | None
    version: int


@router.get("")
async def get_own_key(vault: TheVault, allowed: Rotating) -> OwnKeyOut:
    """Say which key of its own the account has. 503 while that key cannot be used."""
    current = await vault.read_rotations.current(allowed.account.id)
    return OwnKeyOut(key=current.own_key, version=current.version)


@router.put("", response_model=KeyRotationOut, responses={202: {"model": KeyRotationOut}})
async def put_own_key(vault: TheVault, allowed: Rotating, body: OwnKeyIn) -> Response:
    """Put a key of the account's own above what it seals, or take it away again.

    202: what comes lies under it at once, and what there is follows, as in a rotation. 200 where it is so already.
    409 while a version is on its way out, and where the vault cannot encrypt and decrypt with the key.
    """
    progress, begun = await vault.rotate_account_key.under(allowed.account.id, body.key, actor=allowed.actor)
    return answer_json(KeyRotationOut.of(progress), status=202 if begun else 200, exclude_none=True)
