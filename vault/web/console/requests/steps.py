"""What is done with a request of a person: identity, pauses, an extension, the decision, and its withdrawal."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response
from pydantic import ValidationError

from vault.domain.approvals.approval import Approval
from vault.domain.requests.decision import effect_of
from vault.domain.requests.request import Extension
from vault.services.requests.requests import RequestView
from vault.services.requests.ruling_request import gated_by
from vault.services.shared.approval_gate import Rehearsal, Rehearsed
from vault.web.console.acts import acts, comes_back
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here
from vault.web.console.mistakes import MISTAKES, Mistake, WordedInvalid, WordedRefused
from vault.web.console.registers.words import missing_words
from vault.web.console.requests.requests import TAB, Auditing, Guarding, period_of, show_request
from vault.web.console.requests.words import effects, provides
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.translations import gettext, ngettext
from vault.web.routes.requests.requests import answer_lacks
from vault.web.schemas.requests.requests import DecisionIn, ExtensionIn, PauseIn, VerdictOnIn, VerificationIn

router = console_router("/console/accounts/{account}/requests/{request_id}")
RequestId = Annotated[str, Path(max_length=64)]
#: Fields of the decision on one recording or call begin with it.
_VERDICT: Final = "verdict."


@acts(router, "/verification", again=show_request)
async def record_identity(here: Guarding, request_id: RequestId) -> str:
    """Record that the account verified who asks."""
    form = here.form
    body = checked(VerificationIn, {"method": form.text("method"), "at": moment_text(form.text("at"))})
    await here.vault.requests.requests.verify(
        here.account_id, request_id, body.method, body.at, actor=here.actor
    )
    return _changed(request_id)


@acts(router, "/pause", again=show_request)
async def pause_request(here: Guarding, request_id: RequestId) -> str:
    """Record that the account waits for the person."""
    body = checked(PauseIn, {"reason": here.form.text("reason")})
    await here.vault.requests.requests.pause(here.account_id, request_id, body.reason, actor=here.actor)
    return _changed(request_id)


@acts(router, "/resume", again=show_request)
async def resume_request(here: Guarding, request_id: RequestId) -> str:
    """Record that the person has answered."""
    await here.vault.requests.requests.resume(here.account_id, request_id, actor=here.actor)
    return _changed(request_id)


@acts(router, "/extension", again=show_request)
async def extend_request(here: Guarding, request_id: RequestId) -> str:
    """Extend the deadline, once."""
    sent = {name: moment_text(here.form.text(name)) for name in ("until", "told_at")}
    body = checked(ExtensionIn, sent | {"reason": here.form.text("reason")})
    extension = Extension(until=body.until, reason=body.reason, told_at=body.told_at)
    await here.vault.requests.requests.extend(here.account_id, request_id, extension, actor=here.actor)
    return _changed(request_id)


@acts(router, "/withdrawal", again=show_request)
async def withdraw_request(here: Guarding, request_id: RequestId) -> str:
    """Record that the person withdrew the request, with the account's name typed."""
    here.confirm()
    await here.vault.requests.requests.withdraw(here.account_id, request_id, actor=here.actor)
    return _changed(request_id)


@router.post("/decision/check")
@comes_back(show_request)
async def check_decision(here: Guarding, request_id: RequestId) -> Response:
    """Show what the decision of the form does, in numbers. Nothing changes."""
    here = await here.with_form()
    try:
        if not here.form.text("code"):
            raise WordedInvalid(gettext("Choose what is done with everything that is found."), field="code")
        body = checked(DecisionIn, decision_body(here.form))
        view = await _found_by(here, request_id, body)
        here.allowed.require("audit:read")
        body = await _with_uncut(here, view, body)
        page = await _check(here, view, body)
        await _rehearse(here, request_id, body)
    except MISTAKES as error:
        here.allowed.require("audit:read")
        told = Mistake.of(error).renamed(lambda field: field.removeprefix("period."))
        return await show_request(replace(here, mistake=told), request_id)
    return page


async def _with_uncut(here: Here, view: RequestView, body: DecisionIn) -> DecisionIn:
    """Return the decision with what the form says of recordings out of which the person's channel cannot be cut.

    Raises Refused ``review_needed`` where it says nothing of them.
    """
    ruling, code = body.ruling(), here.form.text("uncut")
    if view.found is None or view.request.personal is None:
        return body
    found = view.found.decided_by(ruling.verdicts).recordings
    provided = [one.id for one in found if ruling.verdicts.get(one.id, ruling.default).code == "provided"]
    uncut = await here.vault.requests.requests.speaker.uncut(here.account_id, provided, view.request.personal)
    if not uncut:
        return body
    if code in {"", "provided"}:
        text = ngettext(
            "The person's own channel cannot be cut out of %(num)s of the recordings. Choose what is done with it.",
            "The person's own channel cannot be cut out of %(num)s of the recordings. Choose what is done with them.",
            len(uncut),
        )
        raise WordedRefused(text, reasons=("review_needed",), field="uncut")
    verdict = checked(VerdictOnIn, {"code": code} | _law_of(here.form, code), called={"code": "uncut"})
    return body.model_copy(update={"verdicts": body.verdicts | dict.fromkeys(uncut, verdict)})


async def _rehearse(here: Here, request_id: str, body: DecisionIn) -> None:
    """Do everything that the decision does but write. Raises what would forbid it."""
    now = here.now
    asked = Approval(
        id="", account_id=here.account_id, kind="request_erasure", subject=request_id, asked_by=here.actor,
        asked_at=now, approve_by=now,
    )  # fmt: skip
    with suppress(Rehearsed):
        await here.vault.requests.requests.decide(
            here.account_id, request_id, body.ruling(), actor=here.actor, approved=Rehearsal(approval=asked)
        )


async def _check_again(here: Auditing, request_id: str) -> Response:
    """Show what is so now: what the person has may have changed since the check."""
    body = _checked_before(here.form)
    return await _check(here, await _found_by(here, request_id, body), body)


@acts(router, "/decision", again=_check_again)
async def decide_request(here: Guarding, request_id: RequestId) -> str:
    """Decide as it was checked, with the account's name typed."""
    body = _checked_before(here.form)
    here.confirm()
    await here.require_verified()
    decision = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    sent = {"request": request_id, "decision": decision}
    decide = here.vault.requests.requests.decide(here.account_id, request_id, body.ruling(), actor=here.actor)
    done = f"/requests/{request_id}?done=request_decided"
    return await here.done_or_asked(decide, done, subject=request_id, arguments=sent)


def _changed(request_id: str) -> str:
    return f"/requests/{request_id}?done=request_changed"


def decision_body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. The statute and its end apply to each verdict that a law requires."""
    verdicts = {
        name.removeprefix(_VERDICT): {"code": code} | _law_of(form, code)
        for name, code in form.values().items()
        if name.startswith(_VERDICT) and code
    }
    code = form.text("code")
    body: dict[str, Any] = {"code": code, "verdicts": verdicts, "whole_time": form.text("whole_time") == "on"}
    body |= _law_of(form, code)
    body |= {"reason": form.text("reason")} if form.text("reason") else {}
    return body | period_of(form)


def _law_of(form: Form, code: str) -> dict[str, Any]:
    """Return the fields of a verdict that a law requires."""
    if code != "kept_legal_obligation":
        return {}
    law: dict[str, Any] = {"statute": form.text("statute")} if form.text("statute") else {}
    return law | ({"until": moment_text(form.text("until"))} if form.text("until") else {})


def _checked_before(form: Form) -> DecisionIn:
    try:
        return DecisionIn.model_validate_json(form.text("decision"))
    except ValidationError as error:
        raise WordedInvalid(gettext("The form has no decision. Check it again."), field="decision") from error


async def _found_by(here: Here, request_id: str, body: DecisionIn) -> RequestView:
    """Return the request with what the decision is on: what is found in its period."""
    return await here.vault.requests.requests.read(here.account_id, request_id, period=body.ruling().period)


async def _lacks(here: Here, view: RequestView) -> Sequence[str]:
    """Return what a package would not say about the processing, in words."""
    lacks = await answer_lacks(here.vault, here.account, view) or ()
    return [missing_words(code, {}) for code in lacks]


async def _check(here: Here, view: RequestView, body: DecisionIn) -> Response:
    if view.too_many:
        raise WordedInvalid(gettext("Too much is found for one decision: give a shorter time."), field="from")
    if view.found is None:
        raise WordedInvalid(gettext("The request is closed already."), field="decision")
    ruling = body.ruling()
    kind, verdicts = view.request.kind, (ruling.default, *ruling.verdicts.values())
    shown, kept = effects(kind, view.found, ruling.default, ruling.verdicts)
    verbs = gated_by(kind, verdicts).values()
    return TAB.page(
        here,
        "request_decision.html",
        gettext("Check the decision"),
        one=view.request,
        effects=shown,
        destroys=any(destroys for *_, destroys in shown),
        held=len(kept.recordings),
        held_calls=len(kept.calls),
        is_all_held=bool(kept.recordings or kept.calls) and len(shown) == 1,
        holds=await here.vault.retention.holds.covering(here.account_id, kept.recordings, kept.calls),
        stops=kind == "objection" and effect_of(kind, ruling.default) != "nothing",
        approvers=next(filter(None, [await who_approves(here, verb) for verb in verbs]), None),
        lacks=await _lacks(here, view) if shown and provides(view.request.kind, ruling) else (),
        possible=len(view.found.possible_recordings) + len(view.found.possible_calls),
        body=body,
        text=json.dumps(body.model_dump(mode="json", by_alias=True, exclude_none=True)),
    )
