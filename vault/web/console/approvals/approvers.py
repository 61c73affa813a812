"""Who can approve what a page asks for, said before the button is pressed."""

from dataclasses import dataclass

from vault.domain.accounts.roles import ACCOUNT_ROLES, SCOPES_OF_ROLE
from vault.domain.approvals.approval import Approval
from vault.domain.approvals.rule import RULES, Verb
from vault.services.shared.approval_pairs import Approvers
from vault.web.console.here import Here


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoApproves:
    """Who can approve an act, for the page."""

    who: Approvers
    #: The roles of an account that can approve it.
    roles: str
    #: The id of what waits; None before it is asked.
    approval_id: str | None = None


async def who_approves(here: Here, verb: Verb) -> WhoApproves | None:
    """Return who could approve an act that the session asks for; None if the account's rule wants nobody."""
    if not (await here.vault.approvals.rules.read(here.account_id)).gates(verb):
        return None
    who = await here.vault.approvals.approvals.approvers(here.account_id, verb, asked_by=here.actor)
    return WhoApproves(who=who, roles=_roles(verb))


async def who_approves_it(here: Here, approval: Approval) -> WhoApproves:
    """Return who can approve what waits."""
    who = await here.vault.approvals.approvals.approvers_for(approval)
    return WhoApproves(who=who, roles=_roles(approval.kind), approval_id=approval.id)


def _roles(verb: Verb) -> str:
    needed = {RULES[verb].scope, "approvals:write"}
    return ", ".join(role for role in ACCOUNT_ROLES if needed <= SCOPES_OF_ROLE[role])
