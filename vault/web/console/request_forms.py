"""What is done with a request of a person: identity, pauses, an extension, the decision, and its withdrawal."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Request, Response
from pydantic import ValidationError

from vault.domain.requests.request import Extension
from vault.services.requests.requests import RequestView
from vault.services.service import Vault
from vault.web.console.access import Console
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.gated import done_or_asked
from vault.web.console.layout import console_page
from vault.web.console.mistakes import MISTAKES, Mistake, run_or_show
from vault.web.console.register_words import missing_words
from vault.web.console.request_words import effects, provides
from vault.web.console.requests import SECTION, TABS, Guarding, period_of, request_page
from vault.web.console.route import console_router
from vault.web.console.worded import WordedInvalid
from vault.web.console.words import moment_text
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext
from vault.web.routes.requests import answer_lacks
from vault.web.schemas.requests import DecisionIn, ExtensionIn, PauseIn, VerificationIn

router = console_router("/console/accounts/{account}/requests/{request_id}")
RequestId = Annotated[str, Path(max_length=64)]
#: Fields of the decision on one recording or call begin with it.
_VERDICT: Final = "verdict."


@router.post("/verification")
async def record_identity(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Record that the account verified who asks."""
    form = await read_form(request)

    async def verify() -> RequestView:
        body = checked(VerificationIn, {"method": form.text("method"), "at": moment_text(form.text("at"))})
        account_id = allowed.account.id
        return await vault.requests.verify(account_id, request_id, body.method, body.at, actor=allowed.actor)

    return await _run(request, vault, allowed, request_id, form, verify)


@router.post("/pause")
async def pause_request(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Record that the account waits for the person."""
    form = await read_form(request)

    async def pause() -> RequestView:
        body = checked(PauseIn, {"reason": form.text("reason")})
        return await vault.requests.pause(allowed.account.id, request_id, body.reason, actor=allowed.actor)

    return await _run(request, vault, allowed, request_id, form, pause)


@router.post("/resume")
async def resume_request(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Record that the person has answered."""
    form = await read_form(request)

    async def resume() -> RequestView:
        return await vault.requests.resume(allowed.account.id, request_id, actor=allowed.actor)

    return await _run(request, vault, allowed, request_id, form, resume)


@router.post("/extension")
async def extend_request(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Extend the deadline, once."""
    form = await read_form(request)

    async def extend() -> RequestView:
        sent = {name: moment_text(form.text(name)) for name in ("until", "told_at")}
        body = checked(ExtensionIn, sent | {"reason": form.text("reason")})
        extension = Extension(until=body.until, reason=body.reason, told_at=body.told_at)
        return await vault.requests.extend(allowed.account.id, request_id, extension, actor=allowed.actor)

    return await _run(request, vault, allowed, request_id, form, extend)


@router.post("/withdrawal")
async def withdraw_request(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Record that the person withdrew the request, with the account's name typed."""
    form = await read_form(request)

    async def withdraw() -> RequestView:
        require_name(form, allowed.account.ref)
        return await vault.requests.withdraw(allowed.account.id, request_id, actor=allowed.actor)

    return await _run(request, vault, allowed, request_id, form, withdraw)


@router.post("/decision/check")
async def check_decision(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Show what the decision of the form does, in numbers. Nothing changes."""
    form = await read_form(request)
    try:
        if not form.text("code"):
            raise WordedInvalid(gettext("Choose what is done with everything that is found."), field="code")
        body = checked(DecisionIn, decision_body(form))
        view = await _found_by(vault, allowed, request_id, body)
        allowed.require("audit:read")
        return _check(request, allowed, view, body, await _lacks(vault, allowed, view))
    except MISTAKES as error:
        allowed.require("audit:read")
        values = form.values() | {"form": "decision"}
        mistake = Mistake.of(error)
        return await request_page(request, vault, allowed, request_id, values=values, mistake=mistake)


@router.post("/decision")
async def decide_request(
    request: Request, vault: TheVault, allowed: Guarding, request_id: RequestId
) -> Response:
    """Decide as it was checked, with the account's name typed."""
    form = await read_form(request)
    body = _checked_before(form)

    async def decide() -> str:
        await vault.requests.decide(allowed.account.id, request_id, body.ruling(), actor=allowed.actor)
        return f"{allowed.path}/requests/{request_id}?done=request_decided"

    async def ask() -> str:
        require_name(form, allowed.account.ref)
        decision = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        sent = {"request": request_id, "decision": decision}
        return await done_or_asked(vault, allowed, decide, subject=request_id, arguments=sent)

    async def again(mistake: Mistake) -> Response:
        view = await _found_by(vault, allowed, request_id, body)
        return _check(request, allowed, view, body, await _lacks(vault, allowed, view), mistake)

    return await run_or_show(request, allowed, form, act=ask, show=again, reads="audit:read")


def decision_body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. The statute and its end apply to each verdict that a law requires."""
    law: dict[str, Any] = {"statute": form.text("statute")} if form.text("statute") else {}
    law |= {"until": moment_text(form.text("until"))} if form.text("until") else {}
    verdicts = {
        name.removeprefix(_VERDICT): {"code": code} | (law if code == "kept_legal_obligation" else {})
        for name, code in form.values().items()
        if name.startswith(_VERDICT) and code
    }
    code = form.text("code")
    body: dict[str, Any] = {"code": code, "verdicts": verdicts, "whole_time": form.text("whole_time") == "on"}
    body |= law if code == "kept_legal_obligation" else {}
    body |= {"reason": form.text("reason")} if form.text("reason") else {}
    return body | period_of(form)


def _checked_before(form: Form) -> DecisionIn:
    try:
        return DecisionIn.model_validate_json(form.text("decision"))
    except ValidationError as error:
        raise WordedInvalid(gettext("The form has no decision. Check it again."), field="decision") from error


async def _found_by(vault: Vault, allowed: Console, request_id: str, body: DecisionIn) -> RequestView:
    """Return the request with what the decision is on: what is found in its period."""
    return await vault.requests.read(allowed.account.id, request_id, period=body.ruling().period)


async def _lacks(vault: Vault, allowed: Console, view: RequestView) -> Sequence[str]:
    """Return what a package would not say about the processing, in words."""
    lacks = await answer_lacks(vault, allowed.account, view) or ()
    return [missing_words(code, {}) for code in lacks]


def _check(  # noqa: PLR0917 - what the page of a decision needs
    request: Request,
    allowed: Console,
    view: RequestView,
    body: DecisionIn,
    lacks: Sequence[str],
    mistake: Mistake | None = None,
) -> Response:
    if view.too_many:
        raise WordedInvalid(gettext("Too much is found for one decision: give a shorter time."), field="from")
    if view.found is None:
        raise WordedInvalid(gettext("The request is closed already."), field="decision")
    ruling = body.ruling()
    shown = effects(view.request.kind, view.found, ruling.default, ruling.verdicts)
    return console_page(
        request,
        allowed,
        "request_decision.html",
        section=SECTION,
        heading=gettext("Check the decision"),
        tabs=TABS,
        tab="/requests",
        one=view.request,
        effects=shown,
        destroys=any(destroys for *_, destroys in shown),
        lacks=lacks if shown and provides(view.request.kind, ruling) else (),
        possible=len(view.found.possible_recordings) + len(view.found.possible_calls),
        body=body,
        text=json.dumps(body.model_dump(mode="json", by_alias=True, exclude_none=True)),
        mistake=mistake,
    )


async def _run(  # noqa: PLR0917 - what a form of a request needs
    request: Request,
    vault: Vault,
    allowed: Console,
    request_id: str,
    form: Form,
    act: Callable[[], Awaitable[RequestView]],
) -> Response:
    """Run a form once, and show the request again."""
    name = request.url.path.rpartition("/")[2]

    async def run() -> str:
        await act()
        return f"{allowed.path}/requests/{request_id}?done=request_changed"

    async def again(mistake: Mistake) -> Response:
        values = form.values() | {"form": name}
        return await request_page(request, vault, allowed, request_id, values=values, mistake=mistake)

    return await run_or_show(request, allowed, form, act=run, show=again, reads="audit:read")
