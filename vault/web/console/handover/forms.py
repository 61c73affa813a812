"""The form of an integration: the fields of its system, as a page shows them and as REST takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.domain.handover.integration import HandoverPolicy
from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField
from vault.services.handover.integrations import IntegrationView
from vault.web.console.forms import Form, country_code
from vault.web.console.handover.access import KEY_FIELD, client_of, wrong_value
from vault.web.console.handover.words import MATCHINGS, ON_RESTRICTIONS, words_of
from vault.web.console.here import Here
from vault.web.console.mistakes import ManyInvalid
from vault.web.http.translations import translated, translated_pairs
from vault.web.schemas.integrations import HandoverPolicyBody

#: Only a vault that tests against a simulated system has it.
SIMULATED: Final = "api_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """A field of a system in the language of the page."""

    name: str
    label: str
    hint: str
    is_required: bool
    options: Sequence[tuple[str, str]]


def shown_fields(system: CrmSystem) -> Sequence[ShownField]:
    """Return the fields of a system that are no secrets, the required ones first."""
    shown = [_shown(system, field) for field in system.settings_fields]
    return sorted(shown, key=lambda one: (one.name == SIMULATED, not one.is_required))


def _shown(system: CrmSystem, field: FormField) -> ShownField:
    words = words_of(system.name, field.name)
    return ShownField(
        name=field.name,
        label=translated(words.label),
        hint=translated(words.hint),
        is_required=field.is_required,
        options=translated_pairs((words.options or {}).items()),
    )


def policy_choices() -> dict[str, Any]:
    """Return the choices of a policy."""
    return {
        "matchings": translated_pairs(MATCHINGS.items()),
        "on_restrictions": translated_pairs(ON_RESTRICTIONS.items()),
    }


async def connections_of(here: Here) -> Sequence[tuple[str, str]]:
    """Return id and name of each connection."""
    views = await here.vault.accounts.connections.list(here.account_id)
    return [(view.connection.id, view.connection.name) for view in views]


def check_settings(system: CrmSystem, form: Form, *others: Invalid) -> None:
    """Raise Invalid that names each setting of the system that is wrong, after the ``others``."""
    found = (wrong_value(field.name, field, form) for field in system.settings_fields)
    if wrong := [*others, *(one for one in found if one is not None)]:
        raise ManyInvalid(wrong)


def settings_of(system: CrmSystem, form: Form) -> dict[str, str]:
    """Return the settings as REST takes them; an empty field is none."""
    names = [field.name for field in system.settings_fields]
    return {name: form.text(name) for name in names if form.text(name)}


def policy_of(form: Form, before: HandoverPolicy) -> dict[str, Any]:
    """Return the policy as REST takes it; what the form does not have is as before."""
    body = HandoverPolicyBody.of(before).model_dump(mode="json")
    return body | {
        "matching": form.text("policy.matching"),
        "on_restriction": form.text("policy.on_restriction"),
        "create_contacts": form.text("policy.create_contacts") == "on",
        "mask_numbers": form.text("policy.mask_numbers") == "on",
        "connections": form.many("policy.connections"),
    }


def activation_of(system: CrmSystem, form: Form, *, is_app: bool) -> dict[str, Any]:
    """Return the body with which REST activates a system."""
    access = {"client": client_of(form)} if is_app else {"key": form.text(KEY_FIELD) or None}
    return {
        "system": system.name,
        **access,
        "settings": settings_of(system, form),
        "policy": policy_of(form, HandoverPolicy()),
        "description": form.words("description"),
        "recipient": form.text("recipient"),
        "country": country_code(form.text("country")),
        "safeguard": form.text("safeguard") or None,
    }


def values_of(view: IntegrationView) -> Mapping[str, str]:
    """Return the fields of the form, as an integration fills them."""
    policy = view.integration.policy
    values = {"description": view.secrets.description, **view.settings}
    values |= {"policy.matching": policy.matching, "policy.on_restriction": policy.on_restriction}
    ticked = {"mask_numbers": policy.mask_numbers, "create_contacts": policy.creates_contacts}
    return values | {f"policy.{name}": "on" for name, is_on in ticked.items() if is_on}
