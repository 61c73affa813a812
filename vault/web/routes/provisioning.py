"""Let a company's directory tell by SCIM who the people of an account are, with tokens for it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.public_urls import PublicUrls
from vault.errors import Forbidden
from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.provisioning import (
    NewProvisioningTokenOut,
    ProvisioningIn,
    ProvisioningOut,
    ProvisioningTokenOut,
)

router = APIRouter(prefix="/v1/accounts/{account}/provisioning", tags=["sign-in"])
Granting = Annotated[Access, Depends(access("keys:write"))]


@router.put("")
async def put_provisioning(
    request: Request, vault: TheVault, allowed: Granting, body: ProvisioningIn
) -> ProvisioningOut:
    """Let a directory tell who signs in by a connection: nobody else does any more.

    The calling key needs every scope that the account's sign-in connections give. Connection and origin of the roles
    stay: another one needs another provisioning.
    """
    await _require_grantable(vault, allowed)
    shown = await vault.sign_in.provisioning.set(
        allowed.account.id,
        connection=body.connection,
        roles_from=body.roles_from,
        revokes_links=body.revokes_links,
        actor=allowed.actor,
    )
    return ProvisioningOut.of(shown, _base_url(request, allowed))


@router.get("")
async def get_provisioning(request: Request, vault: TheVault, allowed: Granting) -> ProvisioningOut:
    """Show the provisioning, without the secrets of its tokens."""
    shown = await vault.sign_in.provisioning.get(allowed.account.id)
    return ProvisioningOut.of(shown, _base_url(request, allowed))


@router.delete("", status_code=204)
async def delete_provisioning(vault: TheVault, allowed: Granting) -> None:
    """Delete the provisioning with all that was told: the provider alone says who signs in.

    Who was told to have left can sign in again, if the provider lets them. The calling key needs every scope that the
    account's sign-in connections give.
    """
    await _require_grantable(vault, allowed)
    await vault.sign_in.provisioning.delete(allowed.account.id, actor=allowed.actor)


@router.post("/tokens", status_code=201)
async def post_provisioning_token(vault: TheVault, allowed: Granting) -> NewProvisioningTokenOut:
    """Make a token, which is shown in this answer alone. Two are good at once, so that the directory never waits.

    The calling key needs every scope that the account's sign-in connections give.
    """
    await _require_grantable(vault, allowed)
    token, text = await vault.sign_in.provisioning.issue(allowed.account.id, actor=allowed.actor)
    shown = ProvisioningTokenOut.of(token)
    return NewProvisioningTokenOut(**shown.model_dump(), token=text.text)


@router.delete("/tokens/{token}", status_code=204)
async def delete_provisioning_token(
    vault: TheVault, allowed: Granting, token: Annotated[str, Path(max_length=64)]
) -> None:
    """Revoke a token: it opens nothing from the next request on."""
    await vault.sign_in.provisioning.revoke(allowed.account.id, token, actor=allowed.actor)


async def _require_grantable(vault: TheVault, allowed: Access) -> None:
    given = await vault.sign_in.provisioning.given_scopes(allowed.account.id)
    if beyond := scopes_beyond("provisioning", allowed.allows, given):
        raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)}.")


def _base_url(request: Request, allowed: Access) -> str:
    urls: PublicUrls = request.app.state.hosting
    return urls.scim(allowed.account.ref)
