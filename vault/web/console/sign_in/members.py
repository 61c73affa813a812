"""Who may enter: open sessions, people who signed in at a provider, and API keys."""

from typing import Annotated, Final

from fastapi import Path, Response

from vault.domain.accounts.account import SCOPES
from vault.domain.audit_log.grantors import scopes_beyond
from vault.web.console.access import require_grantable
from vault.web.console.acts import acts, comes_back
from vault.web.console.approvals.approvals import without_pair_words
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES
from vault.web.console.route import console_router
from vault.web.console.sign_in.words import SCOPE_WORDS
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.accounts.settings import KeyIn

router = console_router()
Granting = Annotated[Here, needs("keys:write")]
Setting = Annotated[Here, needs("settings:write")]
Name = Annotated[str, Path(max_length=64)]
SECTION: Final = "Access"
TABS: Final = (
    {"name": translatable("Sessions and people"), "path": "/access"},
    {"name": translatable("API keys"), "path": "/access/keys"},
)
_PAGE: Final = 50


@router.get("/access")
async def show_access(here: Granting) -> Response:
    """List open sessions, people, and sign-in connections."""
    members = await here.vault.sign_in.members.page(
        here.account_id, before=read_cursor(here.cursor), limit=_PAGE
    )
    return Tab(SECTION, TABS, "/access").page(
        here,
        "access.html",
        gettext("Access"),
        open_sessions=await here.vault.accounts.console_sessions.list(here.account_id),
        members=members,
        following=next_cursor(members, _PAGE, lambda one: (one.row.first_at, one.row.id)),
        connections=await here.vault.sign_in.connections.list(here.account_id),
        urls=here.urls,
        step_up=await here.vault.sign_in.step_up.read(here.account_id),
        rule=await here.vault.approvals.rules.read(here.account_id),
        without_pair=await without_pair_words(here),
    )


@acts(router, "/access/step-up", again=show_access)
async def set_step_up(here: Setting) -> str:
    """Set whether weighty acts need a fresh verification; to set that is one of them."""
    await here.require_verified()
    required = here.form.text("required") == "on"
    await here.vault.sign_in.step_up.set(here.account_id, required=required, actor=here.actor)
    return f"/access?done={'step_up_on' if required else 'step_up_off'}"


@acts(router, "/access/sessions/{session}/end", again=show_access)
async def end_session(here: Granting, session: Name) -> str:
    """End a session of the console."""
    await here.vault.accounts.console_sessions.end(session, account_id=here.account_id, actor=here.actor)
    return "/access?done=session_ended"


@acts(router, "/access/members/{member}/sessions/end", again=show_access)
async def end_sessions_of_member(here: Granting, member: Name) -> str:
    """End all sessions of a person, who can sign in again."""
    await here.vault.sign_in.members.end_sessions(here.account_id, member, actor=here.actor)
    return f"/access/members/{member}?done=sessions_ended"


@acts(router, "/access/members/{member}/removal", again=show_access)
async def remove_member(here: Granting, member: Name) -> str:
    """Remove a person, with the account's name typed: their sessions end, and they cannot sign in again."""
    here.confirm()
    await here.vault.sign_in.members.remove(here.account_id, member, actor=here.actor)
    return "/access?done=member_removed"


@acts(router, "/access/members/{member}/readmission", again=show_access)
async def readmit_member(here: Granting, member: Name) -> str:
    """Let a removed person sign in again."""
    given = await here.vault.sign_in.members.given_scopes(here.account_id)
    require_grantable(scopes_beyond("readmission", here.allows, given))
    await here.vault.sign_in.members.readmit(here.account_id, member, actor=here.actor)
    return "/access?done=member_readmitted"


@router.get("/access/keys")
async def show_keys(here: Granting) -> Response:
    """List the account's API keys, and the form of a new one."""
    return await _keys(here)


@router.post("/access/keys")
@comes_back(show_keys)
async def make_key(here: Granting) -> Response:
    """Create a key, and show its text once; a double submit shows the same key."""
    here = await here.with_form()

    async def make() -> str:
        sent = {"name": here.form.text("title"), "scopes": here.form.many("scopes")}
        body = checked(KeyIn, sent, called={"name": "title"}, ticks=("scopes",))
        require_grantable(scopes_beyond("api_key", here.allows, body.scopes))
        await here.require_verified()
        _, text = await here.vault.accounts.api_keys.issue(
            name=body.name, scopes=body.scopes, account_id=here.account_id, actor=here.actor
        )
        return text.text

    try:
        made = await here.made_once(make)
    except MISTAKES as error:
        return await _keys(here.wrong(error))
    return await _keys(here, made)


@acts(router, "/access/keys/{key}/revocation", again=show_keys)
async def revoke_key(here: Granting, key: Name) -> str:
    """Revoke a key, with the account's name typed."""
    here.confirm()
    await here.vault.accounts.api_keys.revoke(key, account_id=here.account_id, actor=here.actor)
    return "/access/keys?done=key_revoked"


async def _keys(here: Here, made: str | None = None) -> Response:
    before = read_cursor(here.cursor)
    keys = await here.vault.accounts.api_keys.list(
        here.account_id, after=before, limit=_PAGE, newest_first=True
    )
    return Tab(SECTION, TABS, "/access/keys").page(
        here,
        "access_keys.html",
        gettext("API keys"),
        keys=keys,
        following=next_cursor(keys, _PAGE, lambda key: (key.created_at, key.id)),
        scopes=[scope for scope in SCOPES if here.allows(scope)],
        scope_words=SCOPE_WORDS,
        chosen=set(here.form.many("scopes")) if made is None else set(),
        values=here.form.values() if made is None else {},
        made=made,
    )
