"""Quarantine: why each recording waits and until when; release or refuse, one or many, with a preview."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Response

from vault.domain.recordings.recording import RecordingFilter, State
from vault.errors import Invalid, NotFound, Unavailable, VaultError
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.needs import counted
from vault.web.console.recordings.views import RecordingRow, days_left, recording_row
from vault.web.console.route import console_router
from vault.web.http.pagination import read_cursor, write_cursor
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.calls.calls import VerdictIn

router = console_router()
#: What became of a recording; the page of the result translates it.
_RELEASED: Final = translatable("released")
_REFUSED: Final = translatable("refused, its keys are destroyed")
_REFUSED_BY_RULE: Final = translatable("refused by a rule that a release cannot lift")
_UNAVAILABLE: Final = translatable("The vault could not do it at the moment.")
Reading = Annotated[Here, needs("recordings:read")]
Guarding = Annotated[Here, needs("privacy:write")]
SECTION: Final = "Quarantine"
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
async def get_quarantine(here: Reading) -> Response:
    """Show a page of the recordings that wait, newest first."""
    before = read_cursor(here.cursor)
    views = await here.vault.recordings.recordings.page(
        here.account_id, _WAITS, number=None, agent=None, before=before, limit=_PAGE_SIZE + 1
    )
    shown, following = views[:_PAGE_SIZE], None
    if len(views) > _PAGE_SIZE:
        last = shown[-1].recording
        following = write_cursor(last.received_at, last.id)
    rows = [recording_row(view, with_call=True) for view in shown]
    ticks_all = here.query("ticked", most=8) == "all"
    return here.page(
        "quarantine.html",
        section=SECTION,
        rows=rows,
        following=following,
        days_left=days_left,
        waiting=await here.vault.accounts.overview.in_quarantine(here.account_id),
        most=_MAX_CHOSEN,
        counted=counted,
        chosen={row.id for row in rows} if ticks_all else set(here.form.many("recording")),
        is_all=ticks_all or bool(here.form.text("all")),
        is_one_by_one=ticks_all or bool(here.form.text("one_by_one")),
    )


@router.post("/quarantine/preview")
@comes_back(get_quarantine)
async def post_preview(here: Guarding) -> Response:
    """Show what a release or a refusal of the ticked recordings would do; nothing changes."""
    here = await here.with_form()
    try:
        return await _preview(here)
    except Invalid as error:
        here.allowed.require("recordings:read")
        return await get_quarantine(here.wrong(error))


async def _preview(here: Guarding) -> Response:
    return here.page(
        "quarantine_preview.html",
        section=SECTION,
        chosen=await _chosen(here, await _newest(here) if here.form.text("all") else _ids(here.form)),
        unticked=len(_unticked(here.form)),
        verdict=_verdict(here.form),
        values=here.form.values(),
    )


@acts(router, "/quarantine/verdict", again=_preview)
async def post_verdict(here: Guarding) -> str:
    """Release or refuse recordings, each as REST does; those that do not wait any more are left out and named."""
    reason = here.form.text("reason")
    checked(VerdictIn, {"reason": reason})
    verdict = _verdict(here.form)
    if verdict == "refuse":
        here.confirm()
    outcome = await _each(_ids(here.form), _act(here, verdict, reason))
    result = await here.remember({"outcome": json.dumps(outcome)})
    return f"/quarantine/results/{result}"


@router.get("/quarantine/results/{result}")
async def get_result(here: Guarding, result: Annotated[str, Path(max_length=64)]) -> Response:
    """Show what a bulk act did."""
    kept = await here.remembered(result)
    if "outcome" not in kept:
        raise NotFound("There is no such page.")
    outcome: list[dict[str, str]] = json.loads(kept["outcome"])
    return here.page(
        "quarantine_result.html",
        section=SECTION,
        outcome=outcome,
        carried_out=[one for one in outcome if one["done"]],
        left_out=[one for one in outcome if not one["done"]],
        waiting=await here.vault.accounts.overview.in_quarantine(here.account_id),
        counted=counted,
    )


async def _newest(here: Here) -> Sequence[str]:
    """Return the ids of the newest recordings that wait, as many as one act takes, but those that were unticked.

    Raises Forbidden, Invalid.
    """
    here.allowed.require("recordings:read")
    ids = await here.vault.recordings.recordings.newest_ids(here.account_id, _WAITS, limit=_MAX_CHOSEN)
    if not ids:
        raise WordedInvalid(gettext("Nothing waits in quarantine."), field="recording")
    unticked = _unticked(here.form)
    if left := [one for one in ids if one not in unticked]:
        return left
    raise WordedInvalid(gettext("Tick at least one recording."), field="recording")


def _unticked(form: Form) -> frozenset[str]:
    """Return what of all was left out: of a page whose recordings were all ticked, those that are not any more."""
    if not (form.text("all") and form.text("one_by_one")):
        return frozenset()
    return frozenset(form.many("shown")) - frozenset(form.many("recording"))


async def _chosen(here: Here, ids: Sequence[str]) -> Chosen:
    waiting: list[RecordingRow] = []
    left_out: list[RecordingRow] = []
    missing = 0
    for one in ids:
        try:
            view = await here.vault.recordings.recordings.read(here.account_id, one)
        except NotFound:
            missing += 1
            continue
        row = recording_row(view, with_call=here.allows("recordings:read"))
        (waiting if row.is_quarantined else left_out).append(row)
    return Chosen(waiting=waiting, left_out=left_out, missing=missing)


def _act(here: Here, verdict: str, reason: str) -> Callable[[str], Awaitable[str]]:
    """Return the act for one recording, which returns in words what became of it."""

    async def release(one: str) -> str:
        decision = await here.vault.recordings.quarantine.release(
            here.account_id, one, reason=reason, actor=here.actor
        )
        return _RELEASED if decision.verdict == "allow" else _REFUSED_BY_RULE

    async def refuse(one: str) -> str:
        await here.vault.recordings.quarantine.refuse(here.account_id, one, reason=reason, actor=here.actor)
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
