"""Quarantine: why each recording waits and until when; release or refuse, one or many, with a preview."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.recordings.recording import RecordingFilter, State
from vault.errors import Invalid, NotFound, Unavailable, VaultError
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.recording_views import RecordingRow, days_left, recording_row
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.http.auth import TheVault
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.calls import VerdictIn

router = console_router()
#: What became of a recording; the page of the result translates it.
_RELEASED: Final = translatable("released")
_REFUSED: Final = translatable("refused, its keys are destroyed")
_REFUSED_BY_RULE: Final = translatable("refused by a rule that a release cannot lift")
_UNAVAILABLE: Final = translatable("The vault could not do it at the moment.")
Reading = Annotated[Console, Depends(console("recordings:read"))]
Guarding = Annotated[Console, Depends(console("privacy:write"))]
_PAGE_SIZE: Final = 50
#: Max recordings of one bulk act.
_MAX_CHOSEN: Final = 100
_MAX_ID: Final = 64
_WAITS = RecordingFilter(state=State.QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a bulk act is about: the recordings that wait, and those that do not any more."""

    waiting: Sequence[RecordingRow]
    left_out: Sequence[RecordingRow]
    #: Ids of which the account has no recording.
    missing: int


@router.get("/quarantine")
async def get_quarantine(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """Show a page of the recordings that wait, newest first."""
    return await _list(request, vault, allowed)


@router.post("/quarantine/preview")
async def post_preview(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Show what a release or a refusal of the ticked recordings would do; nothing changes."""
    form = await read_form(request)
    try:
        return await _preview(request, vault, allowed, form)
    except Invalid as error:
        allowed.require("recordings:read")
        return await _list(request, vault, allowed, mistake=Mistake.of(error))


@router.post("/quarantine/verdict")
async def post_verdict(request: Request, vault: TheVault, allowed: Guarding) -> Response:
    """Release or refuse recordings, each as REST does; those that do not wait any more are left out and named."""
    form = await read_form(request)

    async def run() -> str:
        checked(VerdictIn, {"reason": form.text("reason")})
        verdict = _verdict(form)
        if verdict == "refuse":
            require_name(form, allowed.account.ref)
        outcome = await _each(_ids(form), _act(vault, allowed, verdict, form.text("reason")))
        result_id = await vault.console_searches.keep(
            allowed.session.id, allowed.person.secret, {"outcome": json.dumps(outcome)}
        )
        return f"{allowed.path}/quarantine/results/{result_id}"

    async def again(mistake: Mistake) -> Response:
        return await _preview(request, vault, allowed, form, mistake=mistake)

    return await run_or_show(request, allowed, form, act=run, show=again, reads="privacy:write")


@router.get("/quarantine/results/{result}")
async def get_result(
    request: Request, vault: TheVault, allowed: Guarding, result: Annotated[str, Path(max_length=64)]
) -> Response:
    """Show what a bulk act did."""
    kept = await vault.console_searches.read(allowed.session.id, allowed.person.secret, result)
    if "outcome" not in kept:
        raise NotFound("There is no such page.")
    outcome: list[dict[str, str]] = json.loads(kept["outcome"])
    return console_page(
        request,
        allowed,
        "quarantine_result.html",
        section="Quarantine",
        outcome=outcome,
        carried_out=[one for one in outcome if one["done"]],
        left_out=[one for one in outcome if not one["done"]],
    )


async def _list(
    request: Request, vault: Vault, allowed: Console, *, mistake: Mistake | None = None
) -> Response:
    cursor = request.query_params.get("cursor")
    views = await vault.recordings.page(
        allowed.account.id, _WAITS, number=None, agent=None, before=read_cursor(cursor), limit=_PAGE_SIZE + 1
    )
    shown, following = views[:_PAGE_SIZE], None
    if len(views) > _PAGE_SIZE:
        last = shown[-1].recording
        following = write_cursor(last.received_at, last.id)
    return console_page(
        request,
        allowed,
        "quarantine.html",
        section="Quarantine",
        rows=[recording_row(view) for view in shown],
        following=following,
        days_left=days_left,
        mistake=mistake,
    )


async def _preview(
    request: Request, vault: Vault, allowed: Console, form: Form, *, mistake: Mistake | None = None
) -> Response:
    chosen = await _chosen(vault, allowed, _ids(form))
    return console_page(
        request,
        allowed,
        "quarantine_preview.html",
        section="Quarantine",
        chosen=chosen,
        verdict=_verdict(form),
        values=form.values(),
        mistake=mistake,
    )


async def _chosen(vault: Vault, allowed: Console, ids: Sequence[str]) -> Chosen:
    waiting: list[RecordingRow] = []
    left_out: list[RecordingRow] = []
    missing = 0
    for one in ids:
        try:
            row = recording_row(await vault.recordings.read(allowed.account.id, one))
        except NotFound:
            missing += 1
            continue
        (waiting if row.is_quarantined else left_out).append(row)
    return Chosen(waiting=waiting, left_out=left_out, missing=missing)


def _act(vault: Vault, allowed: Console, verdict: str, reason: str) -> Callable[[str], Awaitable[str]]:
    """Return the act for one recording, which returns in words what became of it."""

    async def release(one: str) -> str:
        decision = await vault.quarantine.release(allowed.account.id, one, reason=reason, actor=allowed.actor)
        return _RELEASED if decision.verdict == "allow" else _REFUSED_BY_RULE

    async def refuse(one: str) -> str:
        await vault.quarantine.refuse(allowed.account.id, one, reason=reason, actor=allowed.actor)
        return _REFUSED

    return release if verdict == "release" else refuse


async def _each(ids: Sequence[str], act: Callable[[str], Awaitable[str]]) -> list[dict[str, str | bool]]:
    """Act on each recording; return for each whether it was done, and what happened in words."""
    outcome: list[dict[str, str | bool]] = []
    for one in ids:
        try:
            outcome.append({"id": one, "done": True, "text": await act(one)})
        except Unavailable:
            outcome.append({"id": one, "done": False, "text": _UNAVAILABLE})
        except VaultError as error:
            outcome.append({"id": one, "done": False, "text": str(error)})
    return outcome


def _ids(form: Form) -> Sequence[str]:
    ids = list(dict.fromkeys(form.many("recording")))
    if not ids:
        raise WordedInvalid(gettext("Tick at least one recording."), field="recording")
    if len(ids) > _MAX_CHOSEN or any(len(one) > _MAX_ID for one in ids):
        raise WordedInvalid(
            gettext("Tick at most %(number)s recordings.", number=_MAX_CHOSEN), field="recording"
        )
    return ids


def _verdict(form: Form) -> str:
    verdict = form.text("verdict")
    if verdict not in {"release", "refuse"}:
        raise WordedInvalid(gettext("Choose release or refuse."), field="verdict")
    return verdict
