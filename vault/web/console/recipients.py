"""The register of recipients and sub-processors: list, enter, change, and end them. An entry is never deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.registers.entries import Entry, Recipient
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import changes, checked, country_code, entries, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.register_words import CONTRACTS, ROLES, SAFEGUARDS, part_words
from vault.web.console.registers import RECORD, SECTION, TABS
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.recipients import EndIn, RecipientIn, RecipientPatchIn

router = console_router()
Guarding = Annotated[Console, Depends(console("privacy:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
EntryId = Annotated[str, Path(max_length=64)]
RECIPIENTS: Final = f"{RECORD}/recipients"
_PAGE: Final = 50
_TEXTS: Final = ("address", "contact", "role", "purpose", "country", "since")
#: Fields that are left out of the body, or null in a change, where they are empty.
_OPTIONAL: Final = ("safeguard", "parent", "objection_until")


@router.get(RECIPIENTS)
async def show_recipients(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List recipients, newest first; those that have ended stay."""
    before = read_cursor(request.query_params.get("cursor") or None)
    found = await vault.recipients.page(allowed.account.id, before=before, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "recipients.html",
        section=SECTION,
        heading=gettext("Recipients and sub-processors"),
        tabs=TABS,
        tab=RECIPIENTS,
        entries=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        roles=ROLES,
        safeguards=SAFEGUARDS,
        today=request.app.state.clock().date(),
    )


@router.get(RECIPIENTS + "/new")
async def show_recipient_form(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the form of a new recipient."""
    today = request.app.state.clock().date().isoformat()
    return await _form(request, vault, allowed, {"since": today, "public": "on", "contract": "none"})


@router.post(RECIPIENTS)
async def enter_recipient(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Enter a recipient."""
    form = await read_form(request)

    async def enter() -> str:
        sent = {name: value for name, value in _body(form.all_words()).items() if value is not None}
        entered = await vault.recipients.enter(
            allowed.account.id, checked(RecipientIn, sent).recipient(), actor=allowed.actor
        )
        return f"{allowed.path}{RECIPIENTS}/{entered.id}?done=register_changed"

    async def again(mistake: Mistake) -> Response:
        return await _form(request, vault, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=enter, show=again, reads="audit:read")


@router.get(RECIPIENTS + "/{recipient}")
async def show_recipient(
    request: Request, vault: TheVault, allowed: Auditing, recipient: EntryId
) -> Response:
    """Show a recipient in the form that changes it."""
    one = await vault.recipients.get(allowed.account.id, recipient)
    return await _form(request, vault, allowed, _values(one.content), one=one)


@router.post(RECIPIENTS + "/{recipient}")
async def change_recipient(
    request: Request, vault: TheVault, allowed: Guarding, recipient: EntryId
) -> Response:
    """Change a recipient. The first day stays."""
    form = await read_form(request)
    before = await vault.recipients.get(allowed.account.id, recipient)

    async def change() -> str:
        sent = changes(_body(_values(before.content)), _body(form.all_words()))
        body = checked(RecipientPatchIn, {name: one for name, one in sent.items() if name != "since"})
        await vault.recipients.change(allowed.account.id, recipient, body.merged, actor=allowed.actor)
        return f"{allowed.path}{RECIPIENTS}/{recipient}?done=register_changed"

    async def again(mistake: Mistake) -> Response:
        return await _form(request, vault, allowed, form.values(), mistake, before)

    return await run_or_show(request, allowed, form, act=change, show=again, reads="audit:read")


@router.post(RECIPIENTS + "/{recipient}/end")
async def end_recipient(request: Request, vault: TheVault, allowed: Guarding, recipient: EntryId) -> Response:
    """Set the last day of a recipient, with the account's name typed."""
    form = await read_form(request)
    before = await vault.recipients.get(allowed.account.id, recipient)

    async def end() -> str:
        require_name(form, allowed.account.ref)
        body = checked(EndIn, {"until": form.text("until") or None})
        await vault.recipients.end(allowed.account.id, recipient, body.until, actor=allowed.actor)
        return f"{allowed.path}{RECIPIENTS}/{recipient}?done=register_changed"

    async def again(mistake: Mistake) -> Response:
        values = _values(before.content) | {"until": form.text("until")}
        return await _form(request, vault, allowed, values, mistake, before, opened="end")

    return await run_or_show(request, allowed, form, act=end, show=again, reads="audit:read")


def _body(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes. A name is called ``title``, because ``name`` confirms an act."""
    contract: dict[str, Any] = {"status": values.get("contract") or "none"}
    contract |= {name: values.get(f"contract.{name}") or None for name in ("signed_on", "ends_on")}
    body: dict[str, Any] = {name: values.get(name, "") for name in _TEXTS}
    body |= {name: values.get(name) or None for name in _OPTIONAL}
    body |= {"name": values.get("title", ""), "country": country_code(values.get("country", ""))}
    body |= {"contract": contract, "covers": entries(values.get("covers", ""))}
    return body | {"public": values.get("public") == "on"}


def _values(one: Recipient) -> dict[str, str]:
    """Return the fields of the form, as a recipient fills them."""
    values = {name: str(getattr(one, name)) for name in _TEXTS}
    values |= {name: str(getattr(one, name) or "") for name in _OPTIONAL}
    values |= {
        f"contract.{name}": str(getattr(one.contract, name) or "") for name in ("signed_on", "ends_on")
    }
    values |= {"title": one.name, "contract": one.contract.status, "covers": "\n".join(one.covers)}
    return values | {"public": "on" if one.public else ""}


async def _form(  # noqa: PLR0917 - what the page needs
    request: Request,
    vault: Vault,
    allowed: Console,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
    one: Entry[Recipient] | None = None,
    *,
    opened: str = "",
) -> Response:
    if mistake is not None and mistake.field == "name" and not opened:
        mistake = replace(mistake, field="title")
    record = await vault.processing_records.read(allowed.account)
    parts: list[str] = [place.part for place in record.settings.places]
    parts += [f"connection/{connection.name}" for connection in record.settings.connections]
    return console_page(
        request,
        allowed,
        "recipient.html",
        section=SECTION,
        heading=gettext("Enter a recipient") if one is None else one.content.name,
        tabs=TABS,
        tab=RECIPIENTS,
        one=one,
        roles=translated_pairs(ROLES.items()),
        safeguards=translated_pairs(SAFEGUARDS.items()),
        contracts=translated_pairs(CONTRACTS.items()),
        parts=[(part, part_words(part)) for part in parts],
        opened=opened,
        values=values,
        mistake=mistake,
    )
