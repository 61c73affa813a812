"""Rotating an account's key, watching what lies under the old version go, and proving that it has gone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from vault.ports.rotation import KeyRotation
from vault.services.key_rotation.rotate_account_key import RotationProgress
from vault.web.contract.descriptions import IDEMPOTENT, text
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.schemas.base import MomentOut

router = APIRouter(prefix="/v1/accounts/{account}/key-rotation", tags=["key rotation"])
Rotating = Annotated[Access, Depends(access("keys:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
_MAX_VERSION = 2**31 - 1


class LeavingVersionOut(BaseModel):
    """A version of the account's key that is on its way out, or gone."""

    version: int
    begun_at: MomentOut
    begun_by: str
    #: Recordings whose keys were wrapped anew so far.
    rewrapped: int
    #: What still lies under it, by kind: recordings' keys, manifests, and everything else that it sealed.
    remaining: dict[str, int] | None = None
    #: When it was destroyed; from then on there is a signed statement.
    destroyed_at: MomentOut | None = None

    @classmethod
    def of(cls, rotation: KeyRotation, progress: RotationProgress) -> "LeavingVersionOut":
        """Show how far it has come."""
        same = ("version", "begun_at", "begun_by", "rewrapped", "destroyed_at")
        remaining = None if rotation.destroyed_at else dict(progress.remaining)
        return cls(**{name: getattr(rotation, name) for name in same}, remaining=remaining)


class KeyRotationOut(BaseModel):
    """The versions of an account's key."""

    #: The version that seals what comes now.
    version: int
    #: The versions before it, oldest first; at most the last one is not destroyed yet.
    before: list[LeavingVersionOut]

    @classmethod
    def of(cls, progress: RotationProgress) -> "KeyRotationOut":
        """Show the versions."""
        before = [LeavingVersionOut.of(one, progress) for one in progress.rotations]
        return cls(version=progress.current, before=before)


@router.post("", status_code=202, response_model=KeyRotationOut, openapi_extra=IDEMPOTENT)
async def post_key_rotation(request: Request, vault: TheVault, allowed: Rotating) -> Response:
    """Rotate the account's key: what comes is sealed under the next version at once, and the rest follows.

    409 while the version before is still on its way out.
    """

    async def produce() -> KeyRotationOut:
        return KeyRotationOut.of(await vault.rotate_account_key(allowed.account.id, actor=allowed.actor))

    return await answer_once(request, allowed.caller, produce, status=202)


@router.get("", response_model_exclude_none=True)
async def get_key_rotation(vault: TheVault, allowed: Rotating) -> KeyRotationOut:
    """Say how far the rotations of the account's key have come."""
    return KeyRotationOut.of(await vault.read_rotations(allowed.account.id))


@router.get("/statements/{version}", response_class=Response, responses={200: text("The signed statement")})
async def get_key_statement(
    vault: TheVault, allowed: Auditing, version: Annotated[int, Path(ge=1, le=_MAX_VERSION)]
) -> Response:
    """Return the statement, signed by the key of the log, that no recording lay under a version that was destroyed."""
    note = await vault.read_rotations.statement(allowed.account.id, version)
    headers = {"Content-Disposition": f'attachment; filename="key-version-{version}.statement"'}
    return Response(note, media_type="text/plain; charset=utf-8", headers=headers)
