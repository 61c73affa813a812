"""The record of processing: as it is generated now, to read and to print, and the form of its typed part.

Fields of the form are named by their place in the body that REST takes, such as ``purposes.0.purpose``. A contact, a
purpose and a joint controller that were left empty are none, so that the form can offer more of them than there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Response

from vault.domain.registers.entries import Contact, ProcessingProfile
from vault.domain.registers.processing_record import ProcessingRecord
from vault.web.console.acts import acts
from vault.web.console.forms import checked, entries, renumbered, rows_of
from vault.web.console.here import Here, Tab, needs
from vault.web.console.registers.words import (
    BASES,
    CATEGORIES,
    MEASURES,
    PERIODS,
    ROLES,
    SAFEGUARDS,
    missing_path,
    missing_words,
    part_words,
)
from vault.web.console.route import console_router
from vault.web.console.words import period_words, whole_number
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.registers.processing_record import ProcessingRecordOut, ProfileIn

router = console_router()
Guarding = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]
SECTION: Final = "Registers"
RECORD: Final = "/registers"
TABS: Final = (
    {"name": translatable("Record of processing"), "path": RECORD},
    {"name": translatable("Recipients"), "path": f"{RECORD}/recipients"},
    {"name": translatable("Disclosures"), "path": f"{RECORD}/disclosures"},
    {"name": translatable("Requests of authorities"), "path": f"{RECORD}/authorities"},
)
TAB: Final = Tab(SECTION, TABS, RECORD)
#: Contacts of which there is one.
CONTACTS: Final = ("controller", "representative", "officer", "processor")
_OF_CONTACT: Final = ("name", "address", "contact")
#: Rows: the fields of which one is filled in where a row is not empty, and the most of each that REST takes.
_ROWS: Final[Mapping[str, tuple[tuple[str, ...], int]]] = {
    "joint_controllers": (_OF_CONTACT, 20),
    "purposes": (("purpose", "explanation"), 50),
}
_OF_PURPOSE: Final = ("purpose", "legal_basis", "explanation")
#: Lists with one entry in each line.
LISTS: Final = ("persons", "data", "measures")
_TEXTS: Final = ("requests_to", "authority")


@router.get(RECORD)
async def show_record(here: Auditing) -> Response:
    """Show the record of processing (GDPR art. 30) as it is now."""
    record = await here.vault.registers.processing_records.read(here.account)
    shown = ProcessingRecordOut.of(record, here.urls)
    names = {one.id: one.name for one in shown.recipients}
    return TAB.page(
        here,
        "registers.html",
        gettext("Record of processing"),
        record=shown,
        missing=[(missing_words(code, names), missing_path(code)) for code in shown.missing],
        page_lacks=page_lacks(record),
        classes=record.settings.retention or (),
        bases=BASES,
        roles=ROLES,
        safeguards=SAFEGUARDS,
        categories=[CATEGORIES[code] for code in shown.categories],
        measures=[MEASURES[code] for code in shown.measures],
        period=PERIODS[shown.period],
        period_words=period_words,
        part_words=part_words,
    )


@router.get(f"{RECORD}/record/change")
async def show_record_form(here: Auditing) -> Response:
    """Show the form of the typed part."""
    record = await here.vault.registers.processing_records.read(here.account)
    revision = 0 if record.profile is None else record.profile.revision
    stored = values_of(record.content) | {"revision": str(revision)}
    values = kept_rows(here.form.all_words()) or stored
    mistake = here.mistake
    if mistake is not None and mistake.is_outdated and record.profile is not None:
        one = record.profile
        here.beside_newer(values, stored, version=revision, at=one.changed_at, by=one.changed_by, path=RECORD)
        values["revision"] = stored["revision"]
    if mistake is not None:
        # What is wrong with a contact as a whole is at its name.
        of_form = mistake.renamed(lambda field: f"{field}.name" if field in CONTACTS else field)
        here = replace(here, mistake=of_form)
    return TAB.page(
        here,
        "record_change.html",
        gettext("Change the record"),
        rows=rows_to_show(values),
        bases=translated_pairs(BASES.items()),
        page_lacks=page_lacks(record),
        values=values,
    )


@acts(router, f"{RECORD}/record", again=show_record_form)
async def set_record(here: Guarding) -> str:
    """Replace the typed part, unless somebody changed it in the meantime."""
    revision = whole_number(here.form.text("revision"), digits=9)
    profile = checked(ProfileIn, body_of(kept_rows(here.form.all_words()))).profile()
    await here.vault.registers.processing_records.set(
        here.account_id, profile, if_revision=-1 if revision is None else revision, actor=here.actor
    )
    return f"{RECORD}?done=record_set"


def page_lacks(record: ProcessingRecord) -> Sequence[str]:
    """Return what the page for callers does not say of recipients, in words."""
    names = {entry.id: entry.content.name for entry in record.recipients}
    return [missing_words(code, names) for code in record.page_lacks]


def values_of(profile: ProcessingProfile) -> dict[str, str]:
    """Return the fields of the form, as the typed part fills them."""
    values = {name: getattr(profile, name) for name in _TEXTS}
    values |= {name: "\n".join(getattr(profile, name)) for name in LISTS}
    values["published"] = "on" if profile.published else ""
    contacts: dict[str, Contact | None] = {name: getattr(profile, name) for name in CONTACTS}
    contacts |= {f"joint_controllers.{place}": one for place, one in enumerate(profile.joint_controllers)}
    for name, one in contacts.items():
        values |= {f"{name}.{part}": "" if one is None else getattr(one, part) for part in _OF_CONTACT}
    for place, purpose in enumerate(profile.purposes):
        values |= {f"purposes.{place}.{part}": getattr(purpose, part) for part in _OF_PURPOSE}
    return values


def body_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes."""
    body: dict[str, Any] = {name: _parts(values, name, _OF_CONTACT) for name in CONTACTS}
    body = {name: one if any(one.values()) else None for name, one in body.items()}
    for group, parts in (("joint_controllers", _OF_CONTACT), ("purposes", _OF_PURPOSE)):
        body[group] = [_parts(values, f"{group}.{place}", parts) for place in _kept(values, group)]
    for name in LISTS:
        body[name] = entries(values.get(name, ""))
    body |= {name: values.get(name, "") for name in _TEXTS}
    return body | {"published": values.get("published") == "on"}


def kept_rows(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with the rows that are not empty numbered as in the body, so that a wrong one is found."""
    return renumbered(values, {group: _kept(values, group) for group in _ROWS})


def rows_to_show(values: Mapping[str, str]) -> dict[str, int]:
    """Return how many rows of each group the form shows: one more than are filled in."""
    return {group: min(len(_kept(values, group)) + 1, most) for group, (_, most) in _ROWS.items()}


def _kept(values: Mapping[str, str], group: str) -> list[int]:
    filled, most = _ROWS[group]
    return rows_of(values, group, filled, most=most)


def _parts(values: Mapping[str, str], head: str, names: tuple[str, ...]) -> dict[str, str]:
    return {name: values.get(f"{head}.{name}", "") for name in names}
