"""Keys that sign links: register one with a signed challenge, change its limits, delete it; and cut links."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.playback.link_key import LinkKey, write_public_key
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.account_keys import PATH, keys_page
from vault.web.console.connections import SECTION, tabs_of
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.granting import require_grantable
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.console.words import moment_text, moment_value, number_or_typed
from vault.web.http.auth import TheVault
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.link_keys import LinkCutIn, LinkKeyIn

router = console_router()
Registering = Annotated[Console, Depends(console("keys:write"))]
Cutting = Annotated[Console, Depends(console("links:write"))]
Name = Annotated[str, Path(max_length=64)]
_CUTS: Final = f"{PATH}/cuts"
#: What a cut can be of, with words for the form; without a name it cuts all links of the account.
_CUTS_PAGE: Final = 50
_TARGETS: Final = translatable(
    (
        ("", "all links of the account"),
        ("key", "links of one key, by its name"),
        ("recording", "links to one recording, by its id"),
        ("listener", "links of one listener"),
        ("jti", "one signed link, by its jti"),
    )
)
_DEFAULTS: Final = {"algorithm": "Ed25519", "max_life": "900", "max_sessions": "5", "kinds.player": "on"}


@router.get("/connections/keys/links/new")
async def show_link_key_form(request: Request, vault: TheVault, allowed: Registering) -> Response:
    """Show the form of a key, with a new challenge; with ``key``, filled with the limits of that key."""
    name = request.query_params.get("key", "")[:64]
    values = _values(await vault.link_keys.read(allowed.account.id, name)) if name else _DEFAULTS
    return await _form(request, vault, allowed, values)


@router.post("/connections/keys/links")
async def set_link_key(request: Request, vault: TheVault, allowed: Registering) -> Response:
    """Register a key, or change the limits of the same key, as REST does."""
    form = await read_form(request)

    async def register() -> str:
        body = checked(LinkKeyIn, _body(form))
        require_grantable(scopes_beyond("link_key", allowed.allows))
        await vault.link_keys.set(allowed.account.id, form.text("title"), body.wanted(), actor=allowed.actor)
        return f"{allowed.path}{PATH}?done=link_key_registered"

    async def again(mistake: Mistake) -> Response:
        return await _form(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=register, show=again, reads="keys:write")


@router.post("/connections/keys/links/{link_key}/deletion")
async def delete_link_key_page(
    request: Request, vault: TheVault, allowed: Registering, link_key: Name
) -> Response:
    """Delete a key that signs links, with its name typed."""
    form = await read_form(request)

    async def delete() -> str:
        require_name(form, link_key)
        await vault.link_keys.delete(allowed.account.id, link_key, actor=allowed.actor)
        return f"{allowed.path}{PATH}?done=link_key_deleted"

    async def again(mistake: Mistake) -> Response:
        return await keys_page(request, vault, allowed, mistake=mistake)

    return await run_or_show(request, allowed, form, act=delete, show=again, reads="keys:write")


@router.get("/connections/keys/cuts")
async def show_link_cuts(request: Request, vault: TheVault, allowed: Cutting) -> Response:
    """Show the form of a cut, and, to readers of the audit, the cuts that still refuse something."""
    return await _cuts(request, vault, allowed, {})


@router.post("/connections/keys/cuts")
async def make_link_cut(request: Request, vault: TheVault, allowed: Cutting) -> Response:
    """Refuse links minted before a time, with the account's name typed."""
    form = await read_form(request)

    async def cut() -> str:
        require_name(form, allowed.account.ref)
        body = checked(LinkCutIn, _cut_body(form))
        await vault.link_cuts.make(allowed.account.id, body.wanted(), actor=allowed.actor)
        return f"{allowed.path}{_CUTS}?done=links_cut"

    async def again(mistake: Mistake) -> Response:
        return await _cuts(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=cut, show=again, reads="links:write")


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes."""
    body: dict[str, Any] = {
        name: form.text(name) for name in ("public_key", "algorithm", "challenge", "proof")
    }
    body |= {name: number_or_typed(form.text(name), digits=6) for name in ("max_life", "max_sessions")}
    body["kinds"] = [kind for kind in ("player", "media") if form.text(f"kinds.{kind}") == "on"]
    body |= {"networks": form.lines("networks"), "download": form.text("download") == "on"}
    return body | {"not_after": moment_text(form.text("not_after"))}


def _cut_body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. Raises Invalid for a target without a name: it would cut everything."""
    target, value = form.text("target"), form.text("value")
    if target not in dict(_TARGETS):
        raise WordedInvalid(gettext("Choose what is cut."), field="target")
    if bool(target) is not bool(value):
        text = (
            gettext("Name what is cut.") if target else gettext("Leave this empty, or choose what it names.")
        )
        raise WordedInvalid(text, field="value")
    body: dict[str, Any] = {target: value} if target else {}
    return body | {"minted_before": moment_text(form.text("minted_before"))}


def _values(key: LinkKey) -> dict[str, str]:
    """Return the fields of the form, as a registered key fills them."""
    values = {name: str(getattr(key, name)) for name in ("algorithm", "max_life", "max_sessions")}
    values |= {"title": key.name, "public_key": write_public_key(key), "networks": "\n".join(key.networks)}
    values |= {f"kinds.{kind}": "on" for kind in key.kinds}
    return values | {"download": "on" if key.download else "", "not_after": moment_value(key.not_after)}


async def _form(
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
) -> Response:
    challenge = values.get("challenge", "")
    if not challenge or (mistake is not None and mistake.field == "challenge"):
        challenge, _ = await vault.link_keys.challenge(allowed.account.id)
    return console_page(
        request,
        allowed,
        "link_key.html",
        section=SECTION,
        heading=gettext("A key that signs links"),
        tabs=tabs_of(allowed),
        tab=PATH,
        values=values,
        challenge=challenge,
        mistake=mistake,
    )


async def _cuts(
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
) -> Response:
    before = read_cursor(request.query_params.get("cursor") or None)
    cuts = (
        await vault.link_cuts.list(allowed.account.id, before=before, limit=_CUTS_PAGE)
        if allowed.allows("audit:read")
        else None
    )
    return console_page(
        request,
        allowed,
        "link_cuts.html",
        section=SECTION,
        heading=gettext("Cut links"),
        tabs=tabs_of(allowed),
        tab=_CUTS,
        cuts=cuts,
        following=next_cursor(cuts or (), _CUTS_PAGE, lambda one: (one.cut.created_at, one.cut.id)),
        targets=translated_pairs(_TARGETS),
        values=values,
        mistake=mistake,
    )
