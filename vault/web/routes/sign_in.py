"""Sign-in connections, the people who signed in by them, and their sessions in the console."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.domain.accounts.roles import scopes_of
from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.connection import check_issuer
from vault.errors import Forbidden
from vault.services.service import Vault
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.routes.approvals.gated import ApprovalReason, done_or_asked
from vault.web.schemas.approvals import ApprovalOut
from vault.web.schemas.members import MemberOut, MembersOut, MembersQuery
from vault.web.schemas.sign_in import (
    ConsoleSessionOut,
    ConsoleSessionsOut,
    ConsoleSessionsQuery,
    ProviderCheckOut,
    SignInConnectionIn,
    SignInConnectionOut,
    SignInConnectionsOut,
    StepUpIn,
    StepUpOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["sign-in"])
Granting = Annotated[Access, Depends(access("keys:write"))]
Setting = Annotated[Access, Depends(access("settings:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
Name = Annotated[str, Path(max_length=128)]
_CONNECTIONS, _MEMBERS, _SESSIONS = "/sign-in-connections", "/members", "/console-sessions"


@router.put(
    _CONNECTIONS + "/{name}",
    response_model=SignInConnectionOut,
    responses={202: {"model": ApprovalOut}},
)
async def put_sign_in_connection(
    request: Request,
    vault: TheVault,
    allowed: Granting,
    name: Name,
    body: SignInConnectionIn,
    *,
    approval_reason: ApprovalReason = None,
) -> Response:
    """Connect the account to an OpenID Connect provider, or change what its people may do.

    The calling key grants no role with a scope that it lacks. A role that is taken away is gone with the next request
    of those who had it. The secret is never returned. Where the account's rule wants a second person for a change that
    gives a role or names another provider, nothing has changed yet, and the response is 202 with the approval.
    """
    if beyond := scopes_beyond("role", allowed.allows, scopes_of(mapping.role for mapping in body.roles)):
        raise Forbidden(
            f"This key cannot grant roles with scopes that it does not have: {', '.join(beyond)}."
        )
    account_id = allowed.account.id

    async def change() -> Response:
        connection = await vault.sign_in.connections.set(account_id, name, body.change(), actor=allowed.actor)
        shown = SignInConnectionOut.of(connection, _urls(request))
        return answer_json(shown, status=200, exclude_none=True)

    arguments = await arguments_of(vault, account_id, name, body)
    return await done_or_asked(
        vault, allowed, change, subject=name, arguments=arguments, reason=approval_reason
    )


async def arguments_of(
    vault: Vault, account_id: str, name: str, body: SignInConnectionIn
) -> Mapping[str, object]:
    """Return what an approval of this change stores. Who approves reads it, and needs no secret for that."""
    hidden = None if body.client_secret is None else {"client_secret"}
    return {
        "name": name,
        "connection": body.model_dump(mode="json", exclude_unset=True, exclude=hidden),
        **await vault.sign_in.connections.hide_secret(account_id, body.client_secret),
    }


@router.post("/sign-in-connection-test", dependencies=[Depends(access("keys:write"))])
async def post_provider_test(vault: TheVault, body: SignInConnectionIn) -> ProviderCheckOut:
    """Fetch the documents of a provider, and say what is wrong with them. Nothing is stored, and no secret is sent.

    Whether client and secret are right shows at the first sign-in.
    """
    check_issuer(body.issuer)
    return ProviderCheckOut.of(
        await vault.sign_in.sign_in.check_provider(body.issuer, body.scopes, body.claim[0])
    )


@router.get(_CONNECTIONS)
async def list_sign_in_connections(
    request: Request, vault: TheVault, allowed: Granting
) -> SignInConnectionsOut:
    """List the sign-in connections by name, without their secrets."""
    found = await vault.sign_in.connections.list(allowed.account.id)
    return SignInConnectionsOut(items=[SignInConnectionOut.of(one, _urls(request)) for one in found])


@router.get(_CONNECTIONS + "/{name}")
async def get_sign_in_connection(
    request: Request, vault: TheVault, allowed: Granting, name: Name
) -> SignInConnectionOut:
    """Show a sign-in connection without its secret, and the names of the claims of the last sign-in."""
    connection = await vault.sign_in.connections.get(allowed.account.id, name)
    seen = await vault.sign_in.sign_in.last_claims(allowed.account.id, name)
    return SignInConnectionOut.of(connection, _urls(request), seen)


@router.delete(_CONNECTIONS + "/{name}", status_code=204)
async def delete_sign_in_connection(vault: TheVault, allowed: Granting, name: Name) -> None:
    """Delete a sign-in connection. Who signed in by it may do nothing from the next request on."""
    await vault.sign_in.connections.delete(allowed.account.id, name, actor=allowed.actor)


@router.get(_MEMBERS)
async def list_members(
    vault: TheVault, allowed: Granting, asked: Annotated[MembersQuery, Query()]
) -> MembersOut:
    """List the people who signed in, the newest first, with the roles that they have now."""
    found = await vault.sign_in.members.page(
        allowed.account.id, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.row.first_at, one.row.id))
    return MembersOut(items=[MemberOut.of(member) for member in found], next_cursor=following)


@router.post(_MEMBERS + "/{member}/removal", status_code=204)
async def post_removal(
    vault: TheVault, allowed: Granting, member: Annotated[str, Path(max_length=64)]
) -> None:
    """Remove a person: all their sessions end, and they cannot sign in again."""
    await vault.sign_in.members.remove(allowed.account.id, member, actor=allowed.actor)


@router.post(_MEMBERS + "/{member}/readmission", status_code=204)
async def post_readmission(
    vault: TheVault, allowed: Granting, member: Annotated[str, Path(max_length=64)]
) -> None:
    """Let a removed person sign in again, with the roles that the provider's claim gives.

    The calling key needs every scope that the account's sign-in connections give.
    """
    given = await vault.sign_in.members.given_scopes(allowed.account.id)
    if beyond := scopes_beyond("readmission", allowed.allows, given):
        raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)}.")
    await vault.sign_in.members.readmit(allowed.account.id, member, actor=allowed.actor)


@router.delete(_MEMBERS + "/{member}" + _SESSIONS, status_code=204)
async def delete_console_sessions(
    vault: TheVault, allowed: Granting, member: Annotated[str, Path(max_length=64)]
) -> None:
    """End all sessions of a person in the console, with the audio that plays in them. The person can sign in again."""
    await vault.sign_in.members.end_sessions(allowed.account.id, member, actor=allowed.actor)


@router.get(_SESSIONS)
async def list_console_sessions(
    vault: TheVault, allowed: Granting, asked: Annotated[ConsoleSessionsQuery, Query()]
) -> ConsoleSessionsOut:
    """List the open sessions in the console, the newest first."""
    found = await vault.accounts.console_sessions.list(
        allowed.account.id, before=read_cursor(asked.cursor), limit=asked.limit, person_id=asked.member
    )
    following = next_cursor(found, asked.limit, lambda one: (one.created_at, one.id))
    items = [ConsoleSessionOut.of(session) for session in found]
    return ConsoleSessionsOut(items=items, next_cursor=following)


@router.delete(_SESSIONS + "/{session}", status_code=204)
async def delete_console_session(
    vault: TheVault, allowed: Granting, session: Annotated[str, Path(max_length=64)]
) -> None:
    """End a session in the console. Its next request leads to the sign-in page."""
    await vault.accounts.console_sessions.end(session, account_id=allowed.account.id, actor=allowed.actor)


@router.get("/step-up")
async def get_step_up(vault: TheVault, allowed: Auditing) -> StepUpOut:
    """Show whether people confirm that it is them before a weighty act in the console."""
    return StepUpOut.of(await vault.sign_in.step_up.read(allowed.account.id))


@router.put("/step-up")
async def put_step_up(vault: TheVault, allowed: Setting, body: StepUpIn) -> StepUpOut:
    """Set whether people confirm that it is them before a weighty act in the console, at most 15 minutes before it.

    API keys are no people: they confirm nothing, here and in the console.
    """
    return StepUpOut.of(
        await vault.sign_in.step_up.set(allowed.account.id, required=body.required, actor=allowed.actor)
    )


def _urls(request: Request) -> PublicUrls:
    urls: PublicUrls = request.app.state.hosting
    return urls
