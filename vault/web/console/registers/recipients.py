"""The register of recipients and sub-processors: list, enter, change, and end them. An entry is never deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.folded_text import folded
from vault.domain.registers.checks import MAX_RECIPIENTS, PART
from vault.domain.registers.entries import Entry, Recipient
from vault.web.console.acts import acts
from vault.web.console.forms import Form, changes, checked, country_code, entries
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.registers.record import RECORD, SECTION, TABS
from vault.web.console.registers.words import CONTRACTS, ROLES, SAFEGUARDS, part_words
from vault.web.console.route import console_router
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.registers.recipients import EndIn, RecipientIn, RecipientPatchIn

router = console_router()
Guarding = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]
EntryId = Annotated[str, Path(max_length=64)]
RECIPIENTS: Final = f"{RECORD}/recipients"
TAB: Final = Tab(SECTION, TABS, RECIPIENTS)
_PAGE: Final = 50
_TEXTS: Final = ("address", "contact", "role", "purpose", "country", "since")
#: Fields that are left out of the body, or null in a change, where they are empty.
_OPTIONAL: Final = ("safeguard", "parent", "objection_until")


@router.get(RECIPIENTS)
async def show_recipients(here: Auditing) -> Response:
    """List recipients, newest first; those that have ended stay."""
    found = await here.vault.registers.recipients.page(
        here.account_id, before=read_cursor(here.cursor), limit=_PAGE
    )
    return TAB.page(
        here,
        "recipients.html",
        gettext("Recipients and sub-processors"),
        entries=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        roles=ROLES,
        safeguards=SAFEGUARDS,
        today=here.now.date(),
    )


@router.get(RECIPIENTS + "/new")
async def show_recipient_form(here: Auditing) -> Response:
    """Show the form of a new recipient, who runs the ``part`` of the address."""
    part = here.query("part", most=80)
    new = {"since": here.now.date().isoformat(), "public": "on", "contract": "none"}
    return await _form(here, here.values(new | ({"covers": part} if PART.fullmatch(part) else {})))


@acts(router, RECIPIENTS, again=show_recipient_form)
async def enter_recipient(here: Guarding) -> str:
    """Enter a recipient."""
    sent = {name: value for name, value in _body(_typed(here.form)).items() if value is not None}
    recipient = checked(RecipientIn, sent).recipient()
    entered = await here.vault.registers.recipients.enter(here.account_id, recipient, actor=here.actor)
    return f"{RECIPIENTS}/{entered.id}?done=register_changed"


@router.get(RECIPIENTS + "/{recipient}")
async def show_recipient(here: Auditing, recipient: EntryId) -> Response:
    """Show a recipient in the form that changes it."""
    one = await here.vault.registers.recipients.get(here.account_id, recipient)
    stored = _values(one.content)
    if here.wrong_form == "end":
        return await _form(here, stored | {"until": here.form.text("until")}, one)
    return await _form(here, here.values(stored), one)


@acts(router, RECIPIENTS + "/{recipient}", again=show_recipient)
async def change_recipient(here: Guarding, recipient: EntryId) -> str:
    """Change a recipient. The first day stays."""
    before = await here.vault.registers.recipients.get(here.account_id, recipient)
    sent = changes(_body(_values(before.content)), _body(_typed(here.form)))
    body = checked(RecipientPatchIn, {name: one for name, one in sent.items() if name != "since"})
    await here.vault.registers.recipients.change(here.account_id, recipient, body.merged, actor=here.actor)
    return f"{RECIPIENTS}/{recipient}?done=register_changed"


@acts(router, RECIPIENTS + "/{recipient}/end", again=show_recipient)
async def end_recipient(here: Guarding, recipient: EntryId) -> str:
    """Set the last day of a recipient, with the account's name typed."""
    body = here.confirmed(EndIn, {"until": here.form.text("until") or None})
    await here.vault.registers.recipients.end(here.account_id, recipient, body.until, actor=here.actor)
    return f"{RECIPIENTS}/{recipient}?done=register_changed"


def _typed(form: Form) -> Mapping[str, str]:
    """Return the fields of the form; ``covers`` has what is ticked, and then what is typed. Raises Invalid."""
    others = form.lines("other_covers")
    if not all(map(PART.fullmatch, others)):
        text = gettext(
            "A part is “connection/” and the name of a connection; the others are in the list above."
        )
        raise WordedInvalid(text, field="other_covers")
    return form.all_words() | {"covers": "\n".join([*form.many("covers"), *others])}


def _form_field(form: Form, field: str) -> str:
    """Return the field of the form that an error is about: what is ticked is right, so that it is what was typed."""
    head, _, place = field.partition(".")
    if head != "covers":
        return "title" if field == "name" else field
    if not place.isdecimal() or int(place) < len(form.many("covers")):
        return "other_covers"
    return f"other_covers.{int(place) - len(form.many('covers'))}"


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


async def _form(here: Here, values: Mapping[str, str], one: Entry[Recipient] | None = None) -> Response:
    mistake = here.mistake
    if mistake is not None and here.wrong_form != "end":
        here = replace(here, mistake=mistake.renamed(lambda field: _form_field(here.form, field)))
    record = await here.vault.registers.processing_records.read(here.account)
    parts: list[str] = [place.part for place in record.settings.places]
    parts += [f"connection/{connection.name}" for connection in record.settings.connections]
    covered = here.form.many("covers") if here.form.fields else entries(values.get("covers", ""))
    others = [part for part in covered if part not in parts]
    return TAB.page(
        here,
        "recipient.html",
        gettext("Enter a recipient") if one is None else one.content.name,
        one=one,
        roles=translated_pairs(ROLES.items()),
        safeguards=translated_pairs(SAFEGUARDS.items()),
        contracts=translated_pairs(CONTRACTS.items()),
        parts=[(part, part_words(part)) for part in parts],
        covered=covered,
        parents=await _parents(here, values.get("parent", ""), one),
        values={"other_covers": "\n".join(others), **values},
    )


async def _parents(here: Here, chosen: str, one: Entry[Recipient] | None) -> list[tuple[str, str]]:
    """Return the recipients that can engage this one, by name: those that have not ended, and the chosen one."""
    found = await here.vault.registers.recipients.page(here.account_id, before=None, limit=MAX_RECIPIENTS)
    others = [entry for entry in found if one is None or entry.id != one.id]
    names = [
        (entry.id, entry.content.name)
        for entry in others
        if entry.content.until is None or entry.id == chosen
    ]
    return sorted(names, key=lambda pair: folded(pair[1]))
