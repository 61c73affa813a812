"""The retention policy: what is in force and what waits, a form to change it, and the preview that a change needs."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import ValidationError

from vault.errors import Conflicting
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake, run_or_show
from vault.web.console.retention_form import body_of, compact, count, values_of, with_pairs
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.console.words import period_words, whole_number
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext, ngettext, translatable
from vault.web.schemas.recording_retention import PolicyPreviewOut
from vault.web.schemas.retention import RetentionPolicyIn

router = console_router()
Retaining = Annotated[Console, Depends(console("retention:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
SECTION: Final = "Retention and holds"
TABS: Final = (
    {"name": translatable("Policy"), "path": "/retention"},
    {"name": translatable("Holds"), "path": "/holds"},
)
#: Outcomes of a preview with their words for a number, the gravest first. Other languages have two forms.
_OUTCOMES: Final[Mapping[str, Callable[[int], str]]] = {
    "due_now": lambda number: ngettext("erased by the first run", "erased by the first run", number),
    "review": lambda number: ngettext("to be reviewed now", "to be reviewed now", number),
    "due_30d": lambda number: ngettext("due within 30 days", "due within 30 days", number),
    "later": lambda number: ngettext("due later", "due later", number),
    "undated": lambda number: ngettext("never due", "never due", number),
    "held": lambda number: ngettext("kept by a hold", "kept by a hold", number),
    "below_minimum": lambda number: ngettext("kept by a minimum", "kept by a minimum", number),
    "conflict": lambda number: ngettext("in conflict", "in conflict", number),
    "told_otherwise": lambda number: ngettext(
        "kept shorter, as a notice told", "kept shorter, as a notice told", number
    ),
}
#: Versions on a page.
_PAGE: Final = 50
#: More classes than the policy has, for new ones.
_SPARE: Final = 1


@router.get("/retention")
async def show_retention(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the policy in force, the one that waits, and a page of the versions."""
    account_id = allowed.account.id
    view = await vault.retention.read(account_id)
    before = whole_number(request.query_params.get("cursor", ""), digits=9) or view.newest.version + 1
    after = max(0, before - 1 - _PAGE)
    history = await vault.retention.history(account_id, after=after, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "retention.html",
        section=SECTION,
        heading=gettext("Retention"),
        tabs=TABS,
        tab="/retention",
        view=view,
        warning=(await vault.retention.warnings([account_id]))[account_id],
        history=[policy for policy in reversed(history) if policy.version < before],
        following=after + 1 if after else None,
        period_words=period_words,
    )


@router.get("/retention/change")
async def show_retention_form(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """Show the form with the newest version."""
    view = await vault.retention.read(allowed.account.id)
    values = values_of(view.newest) | {"version": str(view.newest.version)}
    return _form(request, allowed, values)


@router.post("/retention/preview")
async def show_policy_preview(request: Request, vault: TheVault, allowed: Retaining) -> Response:
    """Show what the policy of the form would do, or the form again with one more class."""
    form = await read_form(request)
    values = compact(form.values())
    if form.text("more"):
        return _form(request, allowed, values, spare=_SPARE + 1)
    try:
        body = checked(RetentionPolicyIn, body_of(values))
        preview = await vault.preview_retention(allowed.account.id, body.wanted())
    except Conflicting as error:
        return _form(request, allowed, with_pairs(values, error), mistake=Mistake.of(error))
    except MISTAKES as error:
        return _form(request, allowed, values, mistake=Mistake.of(error))
    return _preview(request, allowed, body, PolicyPreviewOut.of(preview), form.text("version"))


@router.post("/retention")
async def set_retention_policy(request: Request, vault: TheVault, allowed: Retaining) -> Response:
    """Set the policy that was previewed, with the account's name typed."""
    form = await read_form(request)
    body = _previewed(form)

    async def change() -> str:
        await vault.retention.set(
            allowed.account.id,
            body.wanted(),
            if_version=_version(form),
            digest=form.text("digest") or None,
            actor=allowed.actor,
        )
        return f"{allowed.path}/retention?done=retention_set"

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        policy = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return await done_or_asked(vault, allowed, change, subject="", arguments={"policy": policy})

    async def again(mistake: Mistake) -> Response:
        # Preview again: what is shown beside the mistake is what is so now.
        preview = PolicyPreviewOut.of(await vault.preview_retention(allowed.account.id, body.wanted()))
        return _preview(request, allowed, body, preview, form.text("version"), mistake)

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="retention:write")


def _previewed(form: Form) -> RetentionPolicyIn:
    try:
        return RetentionPolicyIn.model_validate_json(form.text("policy"))
    except ValidationError as error:
        raise WordedInvalid(gettext("The form has no policy. Preview it again."), field="policy") from error


def _version(form: Form) -> int:
    version = whole_number(form.text("version"), digits=9)
    if version is None:
        raise WordedInvalid(gettext("The form has no version. Preview it again."), field="version")
    return version


def _preview(  # noqa: PLR0917 - what the page needs
    request: Request,
    allowed: Console,
    body: RetentionPolicyIn,
    preview: PolicyPreviewOut,
    version: str,
    mistake: Mistake | None = None,
) -> Response:
    return console_page(
        request,
        allowed,
        "retention_preview.html",
        section=SECTION,
        heading=gettext("Preview of the retention policy"),
        tabs=TABS,
        tab="/retention",
        preview=preview,
        counts=[
            (words(number), number, name == "due_now")
            for name, words in _OUTCOMES.items()
            for number in (getattr(preview, name),)
        ],
        policy=body.wanted(),
        policy_text=json.dumps(body.model_dump(mode="json", by_alias=True, exclude_none=True)),
        version=version,
        mistake=mistake,
        period_words=period_words,
    )


def _form(
    request: Request,
    allowed: Console,
    values: Mapping[str, str],
    *,
    spare: int = _SPARE,
    mistake: Mistake | None = None,
) -> Response:
    return console_page(
        request,
        allowed,
        "retention_change.html",
        section=SECTION,
        heading=gettext("Change the retention policy"),
        tabs=TABS,
        tab="/retention",
        values=values,
        mistake=mistake,
        classes=count(values, "classes"),
        spare=spare,
        decisions=count(values, "decisions"),
    )
