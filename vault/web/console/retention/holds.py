"""Holds: place one, see what it binds, and release it with a preview and a second key."""

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import ALWAYS
from vault.services.approvals.ask import MAX_WAITING
from vault.services.retention.hold_release import ReleasePreview
from vault.web.console.acts import acts, comes_back
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.approvals.releases import what_follows
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import Mistake
from vault.web.console.retention.policy import SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.translations import gettext
from vault.web.schemas.retention.holds import HoldIn

router = console_router()
TAB: Final = Tab(SECTION, TABS, "/holds")
Holding = Annotated[Here, needs("holds:write")]
Auditing = Annotated[Here, needs("audit:read")]
HoldId = Annotated[str, Path(max_length=64)]
_PAGE: Final = 50
_LISTS: Final = ("recordings", "calls", "numbers")


@router.get("/holds")
async def show_holds(here: Auditing) -> Response:
    """List the holds, and what waits for a second key."""
    after = here.query("cursor", most=64) or None
    found = await here.vault.retention.holds.page(here.account_id, after=after, limit=_PAGE)
    return TAB.page(
        here,
        "holds.html",
        gettext("Holds"),
        holds=found,
        following=found[-1].hold.id if len(found) == _PAGE else None,
        approvals=await _waiting(here),
    )


@router.get("/holds/new")
async def show_hold_form(here: Auditing) -> Response:
    """Show the form of a hold."""
    here = replace(here, mistake=_in_the_form(here.mistake))
    return TAB.page(here, "hold_new.html", gettext("Place a hold"), values=here.values({"covers": "listed"}))


@acts(router, "/holds", again=show_hold_form)
async def place_hold(here: Holding) -> str:
    """Place a hold."""
    body = checked(HoldIn, _body(here.form))
    placed = await here.vault.retention.holds.place(here.account_id, body.wanted(), actor=here.actor)
    return f"/holds/{placed.hold.id}?done=hold_placed"


@router.get("/holds/{hold}")
async def show_hold(here: Auditing, hold: HoldId) -> Response:
    """Show a hold."""
    return await _page(here, hold)


@router.post("/holds/{hold}/release/preview")
@comes_back(show_hold)
async def show_release_preview(here: Holding, hold: HoldId) -> Response:
    """Show what leaves when the hold is released, and the button that asks for it."""
    preview = await here.vault.retention.hold_releases.preview(here.account_id, hold)
    here.allowed.require("audit:read")
    return await _page(here, hold, preview)


async def _with_preview(here: Auditing, hold: str) -> Response:
    """Show what is so now: the preview that the form had may have changed."""
    return await _page(here, hold, await here.vault.retention.hold_releases.preview(here.account_id, hold))


@acts(router, "/holds/{hold}/release", again=_with_preview)
async def ask_for_release(here: Holding, hold: HoldId) -> str:
    """Ask for the release, with the account's name typed."""
    here.confirm()
    digest, reason = here.form.text("digest") or None, here.approval_reason()
    await here.vault.retention.hold_releases.ask(
        here.account_id, hold, digest=digest, actor=here.actor, reason=reason
    )
    return f"/holds/{hold}?done=release_asked"


async def _waiting(here: Here, subject: str | None = None) -> list[Approval]:
    """Return what waits for a second person on this page, oldest first; with ``subject`` only what is about a hold."""
    found = await here.vault.approvals.approvals.page(
        here.account_id, state=ApprovalState.PENDING, kinds=ALWAYS, subject=subject, limit=MAX_WAITING
    )
    return [*reversed(found)]


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes; a list has one entry in each line."""
    covers: dict[str, Any] = {}
    if form.text("covers") == "all":
        covers["all"] = True
    else:
        covers |= {name: form.lines(name) for name in _LISTS}
    covers |= {name: moment_text(form.text(name)) for name in ("from", "to") if form.text(name)}
    body = {"name": form.text("title"), "reason": form.text("reason"), "covers": covers}
    return body | ({"ends_at": moment_text(form.text("ends_at"))} if form.text("ends_at") else {})


def _in_the_form(mistake: Mistake | None) -> Mistake | None:
    """Return the mistake under the name that the field has in the form."""
    if mistake is None:
        return None
    return mistake.renamed(lambda field: "title" if field == "name" else field.removeprefix("covers."))


async def _page(here: Here, hold: str, preview: ReleasePreview | None = None) -> Response:
    view = await here.vault.retention.holds.read(here.account_id, hold)
    waiting = await _waiting(here, subject=hold)
    return TAB.page(
        here,
        "hold.html",
        view.name or gettext("Hold"),
        view=view,
        hold=view.hold,
        approval=next(iter(waiting), None),
        preview=preview,
        follows=None if preview is None else await what_follows(here, view, preview.effect),
        values=here.form.values(),
        approvers=None if preview is None else await who_approves(here, "hold_release"),
    )
