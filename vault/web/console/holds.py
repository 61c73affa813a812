"""Holds: place one, see what it binds, and release it with a preview and a second key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import ALWAYS
from vault.services.approvals.ask import MAX_WAITING
from vault.services.retention.hold_release import ReleasePreview
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.approval_words import not_done
from vault.web.console.forms import Form, checked, read_form, require_name, run_once
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.retention import SECTION, TABS
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.schemas.holds import HoldIn

router = console_router()
Holding = Annotated[Console, Depends(console("holds:write"))]
Auditing = Annotated[Console, Depends(console("audit:read"))]
HoldId = Annotated[str, Path(max_length=64)]
_PAGE: Final = 50
_LISTS: Final = ("recordings", "calls", "numbers")


@router.get("/holds")
async def show_holds(request: Request, vault: TheVault, allowed: Auditing) -> Response:
    """List the holds, and what waits for a second key."""
    after = request.query_params.get("cursor", "")[:64] or None
    found = await vault.holds.page(allowed.account.id, after=after, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "holds.html",
        section=SECTION,
        heading=gettext("Holds"),
        tabs=TABS,
        tab="/holds",
        holds=found,
        following=found[-1].hold.id if len(found) == _PAGE else None,
        approvals=await _waiting(vault, allowed),
    )


@router.get("/holds/new")
async def show_hold_form(request: Request, allowed: Auditing) -> Response:
    """Show the form of a hold."""
    return _new(request, allowed, {"covers": "listed"})


@router.post("/holds")
async def place_hold(request: Request, vault: TheVault, allowed: Holding) -> Response:
    """Place a hold."""
    form = await read_form(request)

    async def place() -> str:
        body = checked(HoldIn, _body(form))
        placed = await vault.holds.place(allowed.account.id, body.wanted(), actor=allowed.actor)
        return f"{allowed.path}/holds/{placed.hold.id}?done=hold_placed"

    async def again(mistake: Mistake) -> Response:
        return _new(request, allowed, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=place, show=again, reads="audit:read")


@router.get("/holds/{hold}")
async def show_hold(request: Request, vault: TheVault, allowed: Auditing, hold: HoldId) -> Response:
    """Show a hold."""
    return await _page(request, vault, allowed, hold)


@router.post("/holds/{hold}/release/preview")
async def show_release_preview(request: Request, vault: TheVault, allowed: Holding, hold: HoldId) -> Response:
    """Show what leaves when the hold is released, and the button that asks for it."""
    preview = await vault.hold_releases.preview(allowed.account.id, hold)
    allowed.require("audit:read")
    return await _page(request, vault, allowed, hold, preview=preview)


@router.post("/holds/{hold}/release")
async def ask_for_release(request: Request, vault: TheVault, allowed: Holding, hold: HoldId) -> Response:
    """Ask for the release, with the account's name typed."""
    form = await read_form(request)

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        digest = form.text("digest") or None
        await vault.hold_releases.ask(allowed.account.id, hold, digest=digest, actor=allowed.actor)
        return f"{allowed.path}/holds/{hold}?done=release_asked"

    async def again(mistake: Mistake) -> Response:
        # Preview again: what is shown beside the mistake is what is so now.
        preview = await vault.hold_releases.preview(allowed.account.id, hold)
        return await _page(request, vault, allowed, hold, preview=preview, mistake=mistake)

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="audit:read")


@router.post("/holds/approvals/{approval}")
async def approve_release(
    request: Request, vault: TheVault, allowed: Holding, approval: Annotated[str, Path(max_length=64)]
) -> Response:
    """Approve a release, or a run above the cap of the retention sweep, as a second person."""
    form = await read_form(request)

    async def approve() -> str:
        digest = form.text("digest") or None
        done = await vault.approvals.decide(
            allowed.account.id, approval, "approve", digest=digest, actor=allowed.actor
        )
        if done.state in {ApprovalState.PENDING, ApprovalState.EXPIRED}:
            raise not_done(done)
        return f"{allowed.path}/holds?done=approved"

    return await run_once(request, allowed, form, approve)


async def _waiting(vault: Vault, allowed: Console, subject: str | None = None) -> list[Approval]:
    """Return what waits for a second person on this page, oldest first; with ``subject`` only what is about a hold."""
    found = await vault.approvals.page(
        allowed.account.id, state=ApprovalState.PENDING, kinds=ALWAYS, subject=subject, limit=MAX_WAITING
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


def _field(mistake: Mistake | None) -> Mistake | None:
    """Return the mistake under the name that the field has in the form."""
    if mistake is None or mistake.field is None:
        return mistake
    name = mistake.field.removeprefix("covers.")
    return replace(mistake, field={"name": "title"}.get(name, name))


def _new(
    request: Request, allowed: Console, values: Mapping[str, str], mistake: Mistake | None = None
) -> Response:
    return console_page(
        request,
        allowed,
        "hold_new.html",
        section=SECTION,
        heading=gettext("Place a hold"),
        tabs=TABS,
        tab="/holds",
        values=values,
        mistake=_field(mistake),
    )


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    hold_id: str,
    *,
    preview: ReleasePreview | None = None,
    mistake: Mistake | None = None,
) -> Response:
    view = await vault.holds.read(allowed.account.id, hold_id)
    waiting = await _waiting(vault, allowed, subject=hold_id)
    return console_page(
        request,
        allowed,
        "hold.html",
        section=SECTION,
        heading=view.name or gettext("Hold"),
        tabs=TABS,
        tab="/holds",
        view=view,
        hold=view.hold,
        approval=next(iter(waiting), None),
        preview=preview,
        mistake=mistake,
    )
