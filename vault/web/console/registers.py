"""The record of processing: as it is generated now, to read and to print, and the form of its typed part."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.domain.registers.processing_record import ProcessingRecord
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import checked, read_form
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.record_form import CONTACTS, body_of, kept_rows, rows_to_show, values_of
from vault.web.console.register_words import (
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
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.processing_record import ProcessingRecordOut, ProfileIn

router = console_router()
Guarding = Annotated[Console, Depends(console("privacy:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
SECTION: Final = "Registers"
RECORD: Final = "/registers"
TABS: Final = (
    {"name": translatable("Record of processing"), "path": RECORD},
    {"name": translatable("Recipients"), "path": f"{RECORD}/recipients"},
    {"name": translatable("Disclosures"), "path": f"{RECORD}/disclosures"},
    {"name": translatable("Requests of authorities"), "path": f"{RECORD}/authorities"},
)


@router.get(RECORD)
async def show_record(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the record of processing (GDPR art. 30) as it is now."""
    record = await vault.processing_records.read(allowed.account)
    shown = ProcessingRecordOut.of(record, request.app.state.hosting.public_url)
    names = {one.id: one.name for one in shown.recipients}
    return console_page(
        request,
        allowed,
        "registers.html",
        section=SECTION,
        heading=gettext("Record of processing"),
        tabs=TABS,
        tab=RECORD,
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
async def show_record_form(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the form of the typed part."""
    record = await vault.processing_records.read(allowed.account)
    revision = 0 if record.profile is None else record.profile.revision
    lacks = page_lacks(record)
    return _form(request, allowed, values_of(record.content) | {"revision": str(revision)}, lacks)


@router.post(f"{RECORD}/record")
async def set_record(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Replace the typed part, unless somebody changed it in the meantime."""
    form = await read_form(request)
    values = kept_rows(form.all_words())

    async def change() -> str:
        revision = whole_number(form.text("revision"), digits=9)
        await _set(vault, allowed, values, -1 if revision is None else revision)
        return f"{allowed.path}{RECORD}?done=record_set"

    async def again(mistake: Mistake) -> Response:
        lacks = page_lacks(await vault.processing_records.read(allowed.account))
        return _form(request, allowed, values, lacks, mistake)

    return await run_or_show(request, allowed, form, act=change, show=again, reads="audit:read")


async def _set(vault: Vault, allowed: Console, values: Mapping[str, str], revision: int) -> None:
    profile = checked(ProfileIn, body_of(values)).profile()
    await vault.processing_records.set(allowed.account.id, profile, if_revision=revision, actor=allowed.actor)


def page_lacks(record: ProcessingRecord) -> Sequence[str]:
    """Return what the page for callers does not say of recipients, in words."""
    names = {entry.id: entry.content.name for entry in record.recipients}
    return [missing_words(code, names) for code in record.page_lacks]


def _form(
    request: Request,
    allowed: Console,
    values: Mapping[str, str],
    lacks: Sequence[str],
    mistake: Mistake | None = None,
) -> Response:
    if mistake is not None and mistake.field in CONTACTS:
        # What is wrong with a contact as a whole is at its name.
        mistake = replace(mistake, field=f"{mistake.field}.name")
    return console_page(
        request,
        allowed,
        "record_change.html",
        section=SECTION,
        heading=gettext("Change the record"),
        tabs=TABS,
        tab=RECORD,
        rows=rows_to_show(values),
        bases=translated_pairs(BASES.items()),
        page_lacks=lacks,
        values=values,
        mistake=mistake,
    )
