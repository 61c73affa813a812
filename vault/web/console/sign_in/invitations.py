"""Invite people, change what they may do, and give out addresses for passkeys."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import ACCOUNT_ROLES, SCOPES_OF_ROLE, AccountRole, scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import ApprovalNeeded
from vault.services.sign_in.invitations import Issued, MayGive
from vault.services.sign_in.members import Member
from vault.web.console.access import require_grantable
from vault.web.console.acts import acts, comes_back
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.forms import checked, see_other
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.route import console_router
from vault.web.console.sign_in.members import SECTION, TABS
from vault.web.console.sign_in.words import ROLE_WORDS
from vault.web.http.translations import gettext
from vault.web.schemas.members import InvitationIn, MemberIn, MemberPatch

router = console_router()
Granting = Annotated[Here, needs("keys:write")]
Name = Annotated[str, Path(max_length=64)]
#: The field of the form for a field of REST.
_CALLED: Final = {"name": "title"}
_TICKS: Final = ("roles",)


@router.get("/access/invitation")
async def show_new_member(here: Granting) -> Response:
    """Show the form of an invitation."""
    return Tab(SECTION, TABS, "/access").page(
        here,
        "member_new.html",
        gettext("Invite a person"),
        approvers=await who_approves(here, "member_roles"),
        can_mail=_can_mail(here),
        roles=_grantable(here),
        role_words=ROLE_WORDS,
        chosen=set(here.form.many("roles")),
        values=here.form.values(),
    )


@router.post("/access/members")
@comes_back(show_new_member)
async def invite(here: Granting) -> Response:
    """Invite a person, and show the address once; a double submit shows the same one."""
    here = await here.with_form()

    async def make() -> str:
        here.approval_reason()
        body = checked(MemberIn, {**_body(here), **_mail(here)}, called=_CALLED, ticks=_TICKS)
        _may_give(here)(scopes_of(body.roles))
        try:
            issued = await here.vault.sign_in.invited_people.invite(
                here.account_id, body.terms(), mail_language=body.mail_language, actor=here.actor
            )
        except ApprovalNeeded as needed:
            arguments = {"member": body.model_dump(mode="json")}
            return await here.asked(needed, subject="", arguments=arguments)
        return _told(here, issued)

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await show_new_member(here.wrong(error))
    return await _made(here, made)


@router.get("/access/members/{member}")
async def show_member(here: Granting, member: Name) -> Response:
    """Show a person: roles, how the person signs in, and the open address."""
    return await _page(here, member)


@acts(router, "/access/members/{member}", again=show_member)
async def change_member(here: Granting, member: Name) -> str:
    """Change an invited person."""
    here.approval_reason()
    patch = checked(MemberPatch, _body(here), called=_CALLED, ticks=_TICKS)
    change = here.vault.sign_in.invited_people.change(
        here.account_id, member, patch.applied_to, may_give=_may_give(here), actor=here.actor
    )
    done, sent = (
        f"/access/members/{member}?done=member_changed",
        patch.model_dump(mode="json", exclude_unset=True),
    )
    return await here.done_or_asked(change, done, subject=member, arguments={"change": sent})


@router.post("/access/members/{member}/invitations")
@comes_back(show_member)
async def issue_invitation(here: Granting, member: Name) -> Response:
    """Show another address for a passkey once; those before it are revoked."""
    here = await here.with_form()

    async def make() -> str:
        here.approval_reason()
        language = checked(InvitationIn, _mail(here)).mail_language
        try:
            issued = await here.vault.sign_in.invitations.issue(
                here.account_id,
                member,
                may_give=_may_give(here),
                actor=here.actor,
                mail_language=language,
            )
        except ApprovalNeeded as needed:
            arguments = {} if language is None else {"mail_language": language}
            return await here.asked(needed, subject=member, arguments=arguments)
        return _told(here, issued)

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _page(here.wrong(error), member)
    return await _made(here, made)


@acts(router, "/access/members/{member}/invitations/{invitation}/revocation", again=show_member)
async def revoke_invitation(here: Granting, member: Name, invitation: Name) -> str:
    """Revoke an address."""
    await here.vault.sign_in.invitations.revoke(here.account_id, member, invitation, actor=here.actor)
    return f"/access/members/{member}?done=invitation_revoked"


async def _made(here: Here, made: str) -> Response:
    """Show an address that was made, or go to the approval that it needs."""
    if made.startswith("/"):
        return see_other(here.allowed.path + made)
    return await _page(here, *made.split(" "))


async def _page(here: Here, member_id: str, address: str | None = None) -> Response:
    member = await here.vault.sign_in.members.get(here.account_id, member_id)
    sent = here.mistake is not None and not here.wrong_form.startswith("inv")
    return Tab(SECTION, TABS, "/access").page(
        here,
        "member.html",
        member.name or member.row.id,
        member=member,
        open_sessions=await here.vault.accounts.console_sessions.list(here.account_id, person_id=member_id),
        made=address,
        approvers=await who_approves(here, "member_roles"),
        can_mail=_can_mail(here),
        roles=ACCOUNT_ROLES,
        role_words=ROLE_WORDS,
        chosen=set(here.form.many("roles") if sent else member.roles),
        values=here.form.values() if sent else _stored(member),
        reason={} if sent else here.form.values(),
    )


def _body(here: Here) -> Mapping[str, Any]:
    return {
        "name": here.form.text("title"),
        "email": here.form.text("email") or None,
        "roles": here.form.many("roles"),
        "agents": here.form.lines("agents"),
    }


def _mail(here: Here) -> Mapping[str, Any]:
    return {"mail_language": here.form.text("mail_language") or None}


def _can_mail(here: Here) -> bool:
    return here.vault.sign_in.invitations.mails.can_mail


def _stored(member: Member) -> Mapping[str, str]:
    agents = "\n".join(member.agents)
    return {"title": member.name or "", "email": member.email or "", "agents": agents}


def _may_give(here: Here) -> MayGive:
    return lambda given: require_grantable(scopes_beyond("role", here.allows, given))


def _told(here: Here, issued: Issued) -> str:
    """Return the person and the address, which a double submit gets again; where to go if the vault mails it."""
    if issued.is_mailed:
        return f"/access/members/{issued.invitation.person_id}?done=invitation_mailed"
    return f"{issued.invitation.person_id} {here.vault.sign_in.invitations.mails.address(issued.token.text)}"


def _grantable(here: Here) -> list[AccountRole]:
    """Return the roles that this session can give."""

    def gives(scopes: frozenset[Scope]) -> bool:
        return not scopes_beyond("role", here.allows, scopes)

    return [role for role in ACCOUNT_ROLES if gives(SCOPES_OF_ROLE[role])]
