"""Invite people who sign in by passkeys, change what they may do, and give them addresses for passkeys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Forbidden
from vault.services.sign_in.invitations import Issued, MayGive
from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.members import InvitationOut, InvitedOut, MemberIn, MemberPatch
from vault.web.schemas.sign_in import MemberOut

router = APIRouter(prefix="/v1/accounts/{account}/members", tags=["sign-in"])
Granting = Annotated[Access, Depends(access("keys:write"))]
Member = Annotated[str, Path(max_length=64)]


@router.post("", status_code=201)
async def post_member(request: Request, vault: TheVault, allowed: Granting, body: MemberIn) -> InvitedOut:
    """Invite a person, who signs in by a passkey. The address of the invitation is shown in this answer alone.

    The calling key grants no role with a scope that it lacks. Whoever opens the address makes the passkey: send it to
    the person alone. It works once, within 7 days.
    """
    _may_give(allowed)(scopes_of(body.roles))
    issued = await vault.sign_in.invitations.invite(allowed.account.id, body.terms(), actor=allowed.actor)
    member = await vault.sign_in.members.get(allowed.account.id, issued.invitation.person_id)
    return InvitedOut(member=MemberOut.of(member), invitation=_shown(request, issued))


@router.get("/{member}")
async def get_member(vault: TheVault, allowed: Granting, member: Member) -> MemberOut:
    """Show a person, of a provider or invited."""
    return MemberOut.of(await vault.sign_in.members.get(allowed.account.id, member))


@router.patch("/{member}")
async def patch_member(vault: TheVault, allowed: Granting, member: Member, body: MemberPatch) -> MemberOut:
    """Change an invited person. A role that is taken away is gone with the person's next request.

    What a person of a provider may do, the mappings of the sign-in connection say.
    """
    await vault.sign_in.invitations.change(
        allowed.account.id, member, body.applied_to, may_give=_may_give(allowed), actor=allowed.actor
    )
    return MemberOut.of(await vault.sign_in.members.get(allowed.account.id, member))


@router.post("/{member}/invitations", status_code=201)
async def post_invitation(
    request: Request, vault: TheVault, allowed: Granting, member: Member
) -> InvitationOut:
    """Give an invited person another address, such as after the loss of all passkeys; those before it are revoked.

    The calling key needs every scope of the person's roles. For a person who has a passkey the address works after 24
    hours, in which it can be revoked; using it removes the passkeys before it.
    """
    issued = await vault.sign_in.invitations.issue(
        allowed.account.id, member, may_give=_may_give(allowed), actor=allowed.actor
    )
    return _shown(request, issued)


@router.delete("/{member}/invitations/{invitation}", status_code=204)
async def delete_invitation(
    vault: TheVault, allowed: Granting, member: Member, invitation: Annotated[str, Path(max_length=64)]
) -> None:
    """Revoke the address of an invitation."""
    await vault.sign_in.invitations.revoke(allowed.account.id, member, invitation, actor=allowed.actor)


def _may_give(allowed: Access) -> MayGive:
    def check(given: frozenset[Scope]) -> None:
        if beyond := scopes_beyond("role", allowed.allows, given):
            text = f"This key cannot grant roles with scopes that it does not have: {', '.join(beyond)}."
            raise Forbidden(text)

    return check


def _shown(request: Request, issued: Issued) -> InvitationOut:
    return InvitationOut.of(issued, request.app.state.vault.sign_in.passkeys.proofs.site.origin)
