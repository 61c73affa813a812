"""Keys that sign links: register one with a signed challenge, change its limits, delete it; and cut links."""

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.playback.link_key import LinkKey, write_public_key
from vault.web.console.access import require_grantable
from vault.web.console.accounts.connections import SECTION, tabs_of
from vault.web.console.accounts.keys import PATH, TAB, show_account_keys
from vault.web.console.acts import acts
from vault.web.console.forms import Form, checked, require_name
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.route import console_router
from vault.web.console.words import moment_text, moment_value, number_or_typed
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.playback.link_keys import LinkCutIn, LinkKeyIn

router = console_router()
Registering = Annotated[Here, needs("keys:write")]
Cutting = Annotated[Here, needs("links:write")]
Name = Annotated[str, Path(max_length=64)]
_CUTS: Final = f"{PATH}/cuts"
_CUTS_PAGE: Final = 50
#: What a cut can be of, with words for the form; without a name it cuts all links of the account.
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
async def show_link_key_form(here: Registering) -> Response:
    """Show the form of a key, with a new challenge; with ``key``, filled with the limits of that key."""
    name, values = here.query("key", most=64), here.values(_DEFAULTS)
    if name and here.mistake is None:
        values = _values(await here.vault.playback.link_keys.read(here.account_id, name))
    challenge = values.get("challenge", "")
    if not challenge or (here.mistake is not None and here.mistake.field == "challenge"):
        challenge, _ = await here.vault.playback.link_keys.challenge(here.account_id)
    return TAB.page(
        here, "link_key.html", gettext("A key that signs links"), values=values, challenge=challenge
    )


@acts(router, "/connections/keys/links", again=show_link_key_form)
async def set_link_key(here: Registering) -> str:
    """Register a key, or change the limits of the same key, as REST does."""
    body = checked(LinkKeyIn, _body(here.form))
    require_grantable(scopes_beyond("link_key", here.allows))
    name = here.form.text("title")
    await here.vault.playback.link_keys.set(here.account_id, name, body.wanted(), actor=here.actor)
    return f"{PATH}?done=link_key_registered"


@acts(router, "/connections/keys/links/{link_key}/deletion", again=show_account_keys)
async def delete_link_key_page(here: Registering, link_key: Name) -> str:
    """Delete a key that signs links, with its name typed."""
    require_name(here.form, link_key)
    await here.vault.playback.link_keys.delete(here.account_id, link_key, actor=here.actor)
    return f"{PATH}?done=link_key_deleted"


@router.get("/connections/keys/cuts")
async def show_link_cuts(here: Cutting) -> Response:
    """Show the form of a cut, and, to readers of the audit, the cuts that still refuse something."""
    if here.mistake is not None:
        # The form has one field for what is named.
        of_form = here.mistake.renamed(lambda field: "value" if field in dict(_TARGETS) else field)
        here = replace(here, mistake=of_form)
    before, cuts = read_cursor(here.cursor), None
    if here.allows("audit:read"):
        cuts = await here.vault.playback.link_cuts.list(here.account_id, before=before, limit=_CUTS_PAGE)
    return Tab(SECTION, tabs_of, _CUTS).page(
        here,
        "link_cuts.html",
        gettext("Cut links"),
        cuts=cuts,
        following=next_cursor(cuts or (), _CUTS_PAGE, lambda one: (one.cut.created_at, one.cut.id)),
        targets=translated_pairs(_TARGETS),
        values=here.form.values(),
    )


@acts(router, "/connections/keys/cuts", again=show_link_cuts)
async def make_link_cut(here: Cutting) -> str:
    """Refuse links minted before a time, with the account's name typed."""
    body = here.confirmed(LinkCutIn, _cut_body(here.form))
    await here.vault.playback.link_cuts.make(here.account_id, body.wanted(), actor=here.actor)
    return f"{_CUTS}?done=links_cut"


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
