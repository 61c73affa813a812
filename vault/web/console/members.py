"""Who may enter: open sessions, people who signed in at a provider, and API keys."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.accounts.account import SCOPES
from vault.domain.audit_log.grantors import scopes_beyond
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, made_once, read_form, require_name
from vault.web.console.granting import require_grantable
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.settings import KeyIn

router = console_router()
Granting = Annotated[Console, Depends(console("keys:write"))]
Name = Annotated[str, Path(max_length=64)]
SECTION: Final = "Access"
TABS: Final = (
    {"name": translatable("Sessions and people"), "path": "/access"},
    {"name": translatable("API keys"), "path": "/access/keys"},
)
_PAGE: Final = 50


@router.get("/access")
async def show_access(request: Request, vault: TheVault, allowed: Granting) -> Response:
    """List open sessions, people, and sign-in connections."""
    return await _people(request, vault, allowed)


@router.post("/access/sessions/{session}/end")
async def end_session(request: Request, vault: TheVault, allowed: Granting, session: Name) -> Response:
    """End a session of the console."""

    async def end() -> str:
        await vault.console_sessions.end(session, account_id=allowed.account.id, actor=allowed.actor)
        return "session_ended"

    return await _run(request, vault, allowed, await read_form(request), end)


@router.post("/access/members/{member}/removal")
async def remove_member(request: Request, vault: TheVault, allowed: Granting, member: Name) -> Response:
    """Remove a person, with the account's name typed: their sessions end, and they cannot sign in again."""
    form = await read_form(request)

    async def remove() -> str:
        require_name(form, allowed.account.ref)
        await vault.members.remove(allowed.account.id, member, actor=allowed.actor)
        return "member_removed"

    return await _run(request, vault, allowed, form, remove)


@router.post("/access/members/{member}/readmission")
async def readmit_member(request: Request, vault: TheVault, allowed: Granting, member: Name) -> Response:
    """Let a removed person sign in again."""

    async def readmit() -> str:
        given = await vault.members.given_scopes(allowed.account.id)
        require_grantable(scopes_beyond("readmission", allowed.allows, given))
        await vault.members.readmit(allowed.account.id, member, actor=allowed.actor)
        return "member_readmitted"

    return await _run(request, vault, allowed, await read_form(request), readmit)


@router.get("/access/keys")
async def show_keys(request: Request, vault: TheVault, allowed: Granting) -> Response:
    """List the account's API keys, and the form of a new one."""
    return await _keys(request, vault, allowed)


@router.post("/access/keys")
async def make_key(request: Request, vault: TheVault, allowed: Granting) -> Response:
    """Create a key, and show its text once; a double submit shows the same key."""
    form = await read_form(request)

    async def make() -> str:
        body = checked(KeyIn, {"name": form.text("title"), "scopes": form.many("scopes")})
        require_grantable(scopes_beyond("api_key", allowed.allows, body.scopes))
        _, text = await vault.api_keys.issue(
            name=body.name, scopes=body.scopes, account_id=allowed.account.id, actor=allowed.actor
        )
        return text.text

    try:
        made = await made_once(request, allowed, form, make)
    except MISTAKES as error:
        return await _keys(request, vault, allowed, form=form, mistake=Mistake.of(error))
    return await _keys(request, vault, allowed, made=made)


@router.post("/access/keys/{key}/revocation")
async def revoke_key(request: Request, vault: TheVault, allowed: Granting, key: Name) -> Response:
    """Revoke a key, with the account's name typed."""
    form = await read_form(request)

    async def revoke() -> str:
        require_name(form, allowed.account.ref)
        await vault.api_keys.revoke(key, account_id=allowed.account.id, actor=allowed.actor)
        return f"{allowed.path}/access/keys?done=key_revoked"

    async def again(mistake: Mistake) -> Response:
        return await _keys(request, vault, allowed, mistake=mistake)

    return await run_or_show(request, allowed, form, act=revoke, show=again, reads="keys:write")


async def _run(
    request: Request, vault: Vault, allowed: Console, form: Form, act: Callable[[], Awaitable[str]]
) -> Response:
    async def run() -> str:
        return f"{allowed.path}/access?done={await act()}"

    async def again(mistake: Mistake) -> Response:
        return await _people(request, vault, allowed, mistake)

    return await run_or_show(request, allowed, form, act=run, show=again, reads="keys:write")


async def _people(
    request: Request, vault: Vault, allowed: Console, mistake: Mistake | None = None
) -> Response:
    account_id = allowed.account.id
    before = read_cursor(request.query_params.get("cursor") or None)
    found = await vault.members.page(account_id, before=before, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "access.html",
        section=SECTION,
        heading=gettext("Access"),
        tabs=TABS,
        tab="/access",
        open_sessions=await vault.console_sessions.list(account_id),
        members=found,
        following=next_cursor(found, _PAGE, lambda one: (one.row.first_at, one.row.id)),
        connections=await vault.sign_in_connections.list(account_id),
        public_url=request.app.state.hosting.public_url,
        mistake=mistake,
    )


async def _keys(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    form: Form | None = None,
    made: str | None = None,
    mistake: Mistake | None = None,
) -> Response:
    before = read_cursor(request.query_params.get("cursor") or None)
    keys = await vault.api_keys.list(allowed.account.id, after=before, limit=_PAGE, newest_first=True)
    return console_page(
        request,
        allowed,
        "access_keys.html",
        section=SECTION,
        heading=gettext("API keys"),
        tabs=TABS,
        tab="/access/keys",
        keys=keys,
        following=next_cursor(keys, _PAGE, lambda key: (key.created_at, key.id)),
        scopes=[scope for scope in SCOPES if allowed.allows(scope)],
        chosen=set() if form is None else set(form.many("scopes")),
        values={} if form is None else form.values(),
        made=made,
        mistake=mistake,
    )
