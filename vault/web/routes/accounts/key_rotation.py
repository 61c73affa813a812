"""Rotation of an account's key: begin, progress, and the signed statement of destruction."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from vault.domain.accounts.account_keys import KeyRotation
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
    """A previous version of the account's key: being replaced, or destroyed."""

    version: int
    begun_at: MomentOut
    begun_by: str
    #: Keys wrapped again so far: month keys, and keys of recordings from earlier releases.
    rewrapped: int
    #: Items still encrypted under this version, by kind: month keys, settings, and data from earlier releases.
    remaining: dict[str, int] | None = None
    #: When it was destroyed; a signed statement exists from then on.
    destroyed_at: MomentOut | None = None

    @classmethod
    def of(cls, rotation: KeyRotation, progress: RotationProgress) -> "LeavingVersionOut":
        """Show a previous version and its progress."""
        same = ("version", "begun_at", "begun_by", "rewrapped", "destroyed_at")
        remaining = None if rotation.destroyed_at else dict(progress.remaining)
        return cls(**{name: getattr(rotation, name) for name in same}, remaining=remaining)


class KeyRotationOut(BaseModel):
    """The versions of an account's key."""

    #: The current version, which encrypts new data.
    version: int
    #: The previous versions, oldest first; at most the last one is not destroyed yet.
    before: list[LeavingVersionOut]

    @classmethod
    def of(cls, progress: RotationProgress) -> "KeyRotationOut":
        """Show the versions."""
        before = [LeavingVersionOut.of(rotation, progress) for rotation in progress.rotations]
        return cls(version=progress.current, before=before)


@router.post("", status_code=202, response_model=KeyRotationOut, openapi_extra=IDEMPOTENT)
async def post_key_rotation(request: Request, vault: TheVault, allowed: Rotating) -> Response:
    """Rotate the account's key.

    New data is encrypted under the next version immediately; existing data is re-encrypted in the background.
    409 while the previous version is not destroyed yet.
    """

    async def produce() -> KeyRotationOut:
        return KeyRotationOut.of(
            await vault.key_rotation.rotations.begin(allowed.account.id, actor=allowed.actor)
        )

    return await answer_once(request, allowed, produce, status=202)


@router.get("", response_model_exclude_none=True)
async def get_key_rotation(vault: TheVault, allowed: Rotating) -> KeyRotationOut:
    """Show the versions of the account's key and the progress of its rotation."""
    return KeyRotationOut.of(await vault.key_rotation.rotations.status(allowed.account.id))


@router.get("/statements/{version}", response_class=Response, responses={200: text("The signed statement")})
async def get_key_statement(
    vault: TheVault, allowed: Auditing, version: Annotated[int, Path(ge=1, le=_MAX_VERSION)]
) -> Response:
    """Return the signed statement that no recording was encrypted under a version when it was destroyed."""
    note = await vault.key_rotation.rotations.statement(allowed.account.id, version)
    headers = {"Content-Disposition": f'attachment; filename="key-version-{version}.statement"'}
    return Response(note, media_type="text/plain; charset=utf-8", headers=headers)
