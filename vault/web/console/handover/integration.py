"""One integration: how it goes, and what can be done with it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.recordings.media import clock_length
from vault.ports.crm import CrmSystem
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.earlier_calls import PREVIEWED
from vault.services.handover.integrations import IntegrationView
from vault.web.console.accounts.connections import HANDOVER
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import checked
from vault.web.console.handed_over import CAUSES, RESIDUES, STATES
from vault.web.console.handover.access import (
    CALLED,
    KEY_FIELD,
    client_of,
    shown_client,
    shown_key,
    without_secret,
    wrong_access,
)
from vault.web.console.handover.forms import (
    check_settings,
    connections_of,
    policy_choices,
    policy_of,
    settings_of,
    shown_fields,
    values_of,
)
from vault.web.console.handover.integrations import TAB, Auditing, Reading, Setting, titles_of
from vault.web.console.handover.words import INTEGRATION_STATES, INTEGRATION_TONES
from vault.web.console.here import Here
from vault.web.console.mistakes import MISTAKES, ManyInvalid
from vault.web.console.route import console_router
from vault.web.console.words import moment_text, whole_number
from vault.web.http.translations import gettext
from vault.web.schemas.handover import BackFillIn
from vault.web.schemas.integrations import IntegrationEndIn, IntegrationPatchIn

router = console_router()
IntegrationId = Annotated[str, Path(max_length=64)]
ONE: Final = HANDOVER + "/{integration}"


@router.get(ONE)
async def show_integration(here: Auditing, integration: IntegrationId) -> Response:
    """Show an integration."""
    return await _one(here, integration)


@acts(router, ONE, again=show_integration)
async def change_integration(here: Setting, integration: IntegrationId) -> str:
    """Change settings, policy and description. The key stays."""
    service = here.vault.handover.integrations
    view = await service.read(here.account_id, integration)
    system = service.systems[view.integration.system]
    check_settings(system, here.form)
    said = {
        "settings": settings_of(system, here.form),
        "policy": policy_of(here.form, view.integration.policy),
        "description": here.form.words("description"),
    }
    body = checked(IntegrationPatchIn, said)
    await service.change(here.account_id, integration, body.wanted(), actor=here.actor)
    return _path(integration, "integration_changed")


@acts(router, ONE + "/key", again=show_integration)
async def set_key(here: Setting, integration: IntegrationId) -> str:
    """Set a new key, with which what waited for it goes on."""
    service = here.vault.handover.integrations
    view = await service.read(here.account_id, integration)
    _check_access(service.systems[view.integration.system], here, is_app=False)
    body = checked(IntegrationPatchIn, {"key": here.form.text(KEY_FIELD)}, called=CALLED)
    wanted: IntegrationChange = body.wanted()
    await service.change(here.account_id, integration, wanted, actor=here.actor)
    return _path(integration, "integration_authorized")


@acts(router, ONE + "/client", again=show_integration)
async def set_client(here: Setting, integration: IntegrationId) -> str:
    """Set another app, which a person authorizes next."""
    service = here.vault.handover.integrations
    view = await service.read(here.account_id, integration)
    _check_access(service.systems[view.integration.system], here, is_app=True)
    body = checked(IntegrationPatchIn, {"client": client_of(here.form)})
    await service.change(here.account_id, integration, body.wanted(), actor=here.actor)
    return _path(integration, "integration_client_set")


@router.post(ONE + "/authorization")
@comes_back(show_integration)
async def begin_authorization(here: Setting, integration: IntegrationId) -> Response:
    """Show the link to the system's page. The policy of content lets no form lead to another site."""
    try:
        begun = await here.vault.handover.authorizations.begin(here.account_id, integration, actor=here.actor)
    except MISTAKES as error:
        here.allowed.require("audit:read")
        return await _one(here.wrong(error), integration)
    view = await here.vault.handover.integrations.read(here.account_id, integration)
    title = titles_of(here).get(view.integration.system, view.integration.system)
    return TAB.page(
        here,
        "integration_authorization.html",
        gettext("Authorize %(system)s", system=title),
        integration=integration,
        title=title,
        begun=begun,
    )


@acts(router, ONE + "/pause", again=show_integration)
async def pause_integration(here: Setting, integration: IntegrationId) -> str:
    """Hand nothing over until it is resumed."""
    await here.vault.handover.integrations.pause(here.account_id, integration, actor=here.actor)
    return _path(integration, "integration_paused")


@acts(router, ONE + "/resume", again=show_integration)
async def resume_integration(here: Setting, integration: IntegrationId) -> str:
    """Hand over again."""
    await here.vault.handover.integrations.resume(here.account_id, integration, actor=here.actor)
    return _path(integration, "integration_resumed")


@acts(router, ONE + "/end", again=show_integration)
async def end_integration(here: Setting, integration: IntegrationId) -> str:
    """End it for good, with the account's name typed."""
    body = here.confirmed(IntegrationEndIn, {"remove": here.form.text("remove") == "on"})
    await here.vault.handover.integrations.end(
        here.account_id, integration, removes=body.remove, actor=here.actor
    )
    return _path(integration, "integration_removing" if body.remove else "integration_ended")


@router.post(ONE + "/preview")
@comes_back(show_integration)
async def preview_integration(here: Reading, integration: IntegrationId) -> Response:
    """Show the last calls as they would be handed over. Nothing leaves."""
    found = await here.vault.handover.earlier_calls.preview(here.account_id, integration, actor=here.actor)
    return TAB.page(
        here,
        "integration_preview.html",
        gettext("Preview"),
        integration=integration,
        previews=found,
        previewed=PREVIEWED,
        causes=CAUSES,
        clock=clock_length,
    )


@router.post(ONE + "/back-fill/count")
@comes_back(show_integration)
async def count_back_fill(here: Setting, integration: IntegrationId) -> Response:
    """Count the recordings of a time that were not handed over."""
    here = await here.with_form()
    try:
        number = await _back_fill(here, integration, expected=None)
    except MISTAKES as error:
        here.allowed.require("audit:read")
        return await _one(here.wrong(error), integration)
    return TAB.page(
        here,
        "integration_back_fill.html",
        gettext("Hand over calls from before"),
        integration=integration,
        number=number,
        values=here.form.values(),
    )


@acts(router, ONE + "/back-fill", again=show_integration)
async def begin_back_fill(here: Setting, integration: IntegrationId) -> str:
    """Hand over the recordings that were counted."""
    # What is no number is none that was counted.
    expected = whole_number(here.form.text("expected"), digits=5)
    await _back_fill(here, integration, expected=-1 if expected is None else expected)
    return _path(integration, "back_filled")


async def _back_fill(here: Here, integration: str, *, expected: int | None) -> int:
    said: dict[str, Any] = {name: moment_text(here.form.text(name)) for name in ("from", "until")}
    body = checked(BackFillIn, said | ({} if expected is None else {"expected": expected}))
    since, until = body.period
    return await here.vault.handover.earlier_calls.back_fill(
        here.account_id, integration, since=since, until=until, expected=body.expected, actor=here.actor
    )


def _check_access(system: CrmSystem, here: Here, *, is_app: bool) -> None:
    """Raise Invalid that names each field of the key, or of the app, that is wrong."""
    if wrong := wrong_access(system, here.form, is_app=is_app):
        raise ManyInvalid(wrong)


def _path(integration: str, done: str) -> str:
    return f"{HANDOVER}/{integration}?done={done}"


async def _one(here: Here, integration_id: str) -> Response:
    service = here.vault.handover.integrations
    view = await service.read(here.account_id, integration_id)
    system = service.systems.get(view.integration.system)
    is_change = here.wrong_form == integration_id
    values: Mapping[str, str] = here.form.values() if is_change else values_of(view)
    policy = view.integration.policy
    return TAB.page(
        here,
        "integration.html",
        titles_of(here).get(view.integration.system, view.integration.system),
        view=view,
        system=system,
        key=None if system is None else shown_key(system),
        client=shown_client(),
        redirect_url=here.vault.handover.authorizations.redirect_url,
        fields=() if system is None else shown_fields(system),
        states=INTEGRATION_STATES,
        tones=INTEGRATION_TONES,
        of_handovers=STATES,
        residues=RESIDUES,
        connections=await connections_of(here),
        chosen=here.form.many("policy.connections") if is_change else policy.connections,
        values=values,
        sent=without_secret(here.form.values()),
        standing=_standing(view),
        **policy_choices(),
    )


def _standing(view: IntegrationView) -> int:
    """Return how many records stand in the system, or may."""
    names = ("present", "outdated", "restricted", "unknown", "removing")
    return sum(view.counts.get(name, 0) for name in names)
