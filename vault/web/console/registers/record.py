"""The record of processing: as it is generated now, to read and to print, and the form of its typed part."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Response

from vault.domain.registers.processing_record import ProcessingRecord
from vault.web.console.forms import checked
from vault.web.console.here import Here, Tab, acts, needs
from vault.web.console.registers.record_form import CONTACTS, body_of, kept_rows, rows_to_show, values_of
from vault.web.console.registers.words import (
    BASES,
    CATEGORIES,
    MEASURES,
    PERIODS,
    ROLES,
    SAFEGUARDS,
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


@router.get(RECORD)
async def show_record(here: Auditing) -> Response:
    """Show the record of processing (GDPR art. 30) as it is now."""
    record = await here.vault.processing_records.read(here.account)
    shown = ProcessingRecordOut.of(record, here.public_url)
    names = {one.id: one.name for one in shown.recipients}
    return TAB.page(
        here,
        "registers.html",
        gettext("Record of processing"),
        record=shown,
        missing=[missing_words(code, names) for code in shown.missing],
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
    record = await here.vault.processing_records.read(here.account)
    revision = 0 if record.profile is None else record.profile.revision
    values = kept_rows(here.form.all_words()) or values_of(record.content) | {"revision": str(revision)}
    mistake = here.mistake
    if mistake is not None and mistake.field in CONTACTS:
        # What is wrong with a contact as a whole is at its name.
        here = replace(here, mistake=replace(mistake, field=f"{mistake.field}.name"))
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
    await here.vault.processing_records.set(
        here.account_id, profile, if_revision=-1 if revision is None else revision, actor=here.actor
    )
    return f"{RECORD}?done=record_set"


def page_lacks(record: ProcessingRecord) -> Sequence[str]:
    """Return what the page for callers does not say of recipients, in words."""
    names = {entry.id: entry.content.name for entry in record.recipients}
    return [missing_words(code, names) for code in record.page_lacks]
