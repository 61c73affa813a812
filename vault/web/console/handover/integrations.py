"""Integrations: list them with their health, and activate a system after a preview of what it would get."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Response

from vault.domain.recordings.media import clock_length
from vault.services.handover.earlier_calls import PREVIEWED, Preview
from vault.services.handover.integrations import IntegrationView
from vault.web.console.accounts.connections import HANDOVER, SECTION, tabs_of
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import checked
from vault.web.console.handed_over import CAUSES, RESIDUES
from vault.web.console.handover.access import (
    CALLED,
    by_app,
    shown_client,
    shown_key,
    without_secret,
    wrong_access,
)
from vault.web.console.handover.forms import (
    activation_of,
    check_settings,
    connections_of,
    policy_choices,
    shown_fields,
)
from vault.web.console.handover.words import INTEGRATION_STATES, INTEGRATION_TONES
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES, WordedInvalid
from vault.web.console.registers.words import SAFEGUARDS
from vault.web.console.route import console_router
from vault.web.http.translations import gettext, translated_pairs
from vault.web.schemas.integrations import IntegrationIn

router = console_router()
Auditing = Annotated[Here, needs("audit:read")]
Setting = Annotated[Here, needs("settings:write")]
Reading = Annotated[Here, needs("recordings:read")]
TAB: Final = Tab(SECTION, tabs_of, HANDOVER)
_LONGEST: Final = 64
_DEFAULTS: Final = {"policy.matching": "hold", "policy.on_restriction": "redact"}


def _order(view: IntegrationView) -> bool:
    return view.integration.state == "ended"


@router.get(HANDOVER)
async def show_integrations(here: Auditing) -> Response:
    """List the integrations with how each goes; those that have ended come last."""
    views = await here.vault.handover.integrations.list(here.account_id)
    return TAB.page(
        here,
        "integrations.html",
        gettext("Hand-over to other systems"),
        views=sorted(views, key=_order),
        titles=titles_of(here),
        states=INTEGRATION_STATES,
        tones=INTEGRATION_TONES,
        held=sum(view.counts.get("held", 0) for view in views),
    )


@router.get(HANDOVER + "/new")
async def show_activation(here: Setting) -> Response:
    """Show the systems to choose from, or the form of one."""
    return await _form(here, here.form.text("system") or here.query("system", most=_LONGEST))


@router.post(HANDOVER + "/preview")
@comes_back(show_activation)
async def preview_system(here: Reading) -> Response:
    """Check a form, and show the last calls as the system would get them; nothing is activated or sent."""
    here = await here.with_form()
    service = here.vault.handover
    try:
        body = _body(here)
        policy = await service.integrations.check(
            here.account_id, body.system, body.wanted(), vendor=body.vendor()
        )
    except MISTAKES as error:
        here.allowed.require("settings:write")
        return await show_activation(here.wrong(error))
    found = await service.earlier_calls.preview_system(here.account_id, body.system, policy, actor=here.actor)
    return await _form(here, body.system, previews=found)


@acts(router, HANDOVER, again=show_activation)
async def activate_system(here: Setting) -> str:
    """Activate a system."""
    body = _body(here)
    made = await here.vault.handover.integrations.activate(
        here.account_id, body.system, body.wanted(), vendor=body.vendor(), actor=here.actor
    )
    return f"{HANDOVER}/{made.integration.id}?done=activated"


def titles_of(here: Here) -> dict[str, str]:
    """Return what people call each system."""
    return {name: system.title for name, system in here.vault.handover.integrations.systems.items()}


def _body(here: Here) -> IntegrationIn:
    """Return the body that REST takes. Raises Invalid that names each wrong field."""
    system = here.vault.handover.integrations.systems.get(here.form.text("system"))
    if system is None:
        raise WordedInvalid(gettext("Choose a system."), field="system")
    is_app = by_app(system, here.form.text("access"))
    check_settings(system, here.form, *wrong_access(system, here.form, is_app=is_app))
    return checked(IntegrationIn, activation_of(system, here.form, is_app=is_app), called=CALLED)


async def _form(here: Here, name: str, *, previews: Sequence[Preview] | None = None) -> Response:
    systems = here.vault.handover.integrations.systems
    system = systems.get(name)
    if system is None:
        return TAB.page(
            here,
            "integration_systems.html",
            gettext("Activate a system"),
            systems=sorted(systems.values(), key=lambda one: one.title),
            residues=RESIDUES,
        )
    is_app = by_app(system, here.form.text("access") or here.query("access", most=_LONGEST))
    return TAB.page(
        here,
        "integration_new.html",
        gettext("Activate %(system)s", system=system.title),
        system=system,
        key=None if is_app else shown_key(system),
        client=shown_client() if is_app else (),
        redirect_url=here.vault.handover.authorizations.redirect_url,
        fields=shown_fields(system),
        safeguards=translated_pairs(SAFEGUARDS.items()),
        connections=await connections_of(here),
        chosen=here.form.many("policy.connections"),
        previews=previews,
        previewed=PREVIEWED,
        causes=CAUSES,
        clock=clock_length,
        residues=RESIDUES,
        values=without_secret(here.values(_DEFAULTS)),
        **policy_choices(),
    )
