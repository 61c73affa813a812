"""Invite people who sign in by passkeys, change what they may do, and give them addresses for passkeys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Forbidden
from vault.services.service import Vault
from vault.services.sign_in.invitations import Issued, MayGive
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.members import (
    InvitationIn,
    InvitationOut,
    InvitedOut,
    MemberIn,
    MemberOut,
    MemberPatch,
)

router = APIRouter(prefix="/v1/accounts/{account}/members", tags=["sign-in"])
Granting = Annotated[Access, Depends(access("keys:write"))]
Member = Annotated[str, Path(max_length=64)]


@router.post("", status_code=201, response_model=InvitedOut, responses={202: {"model": ApprovalOut}})
async def post_member(
    vault: TheVault,
    allowed: Granting,
    body: MemberIn,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Invite a person, who signs in by a passkey. The address of the invitation is shown in this answer alone.

    The calling key grants no role with a scope that it lacks. Whoever opens the address makes the passkey: send it to
    the person alone, or let the vault mail it (`mail_language`). It works once,
    within 7 days. While the account has an approval rule, nobody is invited yet, and
    the response is 202 with the approval. Once it is executed, the person is in the list, and
    `POST …/members/{member}/invitations` by the same key answers with the address, unless the vault mails it.
    """
    _may_give(allowed)(scopes_of(body.roles))

    async def invite() -> Response:
        issued = await vault.sign_in.invited_people.invite(
            allowed.account.id, body.terms(), mail_language=body.mail_language, actor=allowed.actor
        )
        member = await vault.sign_in.members.get(allowed.account.id, issued.invitation.person_id)
        shown = InvitedOut(member=MemberOut.of(member), invitation=_shown(vault, issued))
        return answer_json(shown, status=201)

    arguments = {"member": body.model_dump(mode="json")}
    return await done_or_asked(
        vault, allowed, invite, subject="", arguments=arguments, reason=approval_reason
    )


@router.get("/{member}")
async def get_member(vault: TheVault, allowed: Granting, member: Member) -> MemberOut:
    """Show a person, of a provider or invited."""
    return MemberOut.of(await vault.sign_in.members.get(allowed.account.id, member))


@router.patch("/{member}", response_model=MemberOut, responses={202: {"model": ApprovalOut}})
async def patch_member(
    vault: TheVault,
    allowed: Granting,
    member: Member,
    body: MemberPatch,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Change an invited person. A role that is taken away is gone with the person's next request.

    What a person of a provider may do, the mappings of the sign-in connection say. While the account has an approval
    rule, a change that gives a role, or a role for other agents, is not done yet: 202 with the approval.
    """

    async def change() -> Response:
        await vault.sign_in.invited_people.change(
            allowed.account.id, member, body.applied_to, may_give=_may_give(allowed), actor=allowed.actor
        )
        shown = MemberOut.of(await vault.sign_in.members.get(allowed.account.id, member))
        return answer_json(shown, status=200)

    arguments = {"change": body.model_dump(mode="json", exclude_unset=True)}
    return await done_or_asked(
        vault, allowed, change, subject=member, arguments=arguments, reason=approval_reason
    )


@router.post(
    "/{member}/invitations",
    status_code=201,
    response_model=InvitationOut,
    responses={202: {"model": ApprovalOut}},
)
async def post_invitation(
    vault: TheVault,
    allowed: Granting,
    member: Member,
    body: InvitationIn | None = None,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Give an invited person another address, such as after the loss of all passkeys; those before it are revoked.

    The calling key needs every scope of the person's roles. For a person who has a passkey the address works after 24
    hours, in which it can be revoked; using it removes the passkeys before it. While the account has an approval rule,
    the response is 202 with the approval; once that is executed, the same request by the same key answers with the
    address, unless the vault mails it.
    """
    language = None if body is None else body.mail_language

    async def issue() -> Response:
        issued = await vault.sign_in.invitations.issue(
            allowed.account.id,
            member,
            may_give=_may_give(allowed),
            actor=allowed.actor,
            mail_language=language,
        )
        return answer_json(_shown(vault, issued), status=201)

    arguments = {} if language is None else {"mail_language": language}
    return await done_or_asked(
        vault, allowed, issue, subject=member, arguments=arguments, reason=approval_reason
    )


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


def _shown(vault: Vault, issued: Issued) -> InvitationOut:
    return InvitationOut.of(issued, vault.sign_in.invitations.mails.address(issued.token.text))
