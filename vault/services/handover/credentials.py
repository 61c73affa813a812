"""The credentials of an integration: a static key, or a registration at the system by which people authorize it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from vault.domain.crm.exchange import OAuthClient
from vault.domain.handover.integration import HandoverPolicy, IntegrationSecrets
from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField, check_field
from vault.sentence import Sentence
from vault.services.handover.stored_integration import KEY

_CLIENT_TEXT: Final = re.compile(r"[!-~]{1,500}")
#: What is entered of an app that people authorize.
CLIENT_FIELDS: Final[Sequence[FormField]] = (
    FormField(name="client_id", pattern=_CLIENT_TEXT, rule="the id of your app, as the system shows it"),
    FormField(
        name="client_secret", pattern=_CLIENT_TEXT, rule="the secret of your app, as the system shows it"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationChange:
    """What to set of an integration; None: as it was."""

    #: The system's static key.
    key: str | None = field(default=None, repr=False)
    #: The account's registration at the system, in the place of a key: then a person authorizes the integration.
    client: OAuthClient | None = field(default=None, repr=False)
    #: The other fields of the system.
    settings: Mapping[str, str] | None = None
    policy: HandoverPolicy | None = None
    description: str | None = None


def changed_secrets(
    systems: Mapping[str, CrmSystem], name: str, before: IntegrationSecrets, wanted: IntegrationChange
) -> IntegrationSecrets:
    """Return what is sealed after a change. Raises Invalid, naming the field.

    A grant stays only where its tokens go to the same hosts for the same client: else a person authorizes again.
    """
    system = systems.get(name)
    if system is None:
        known = ", ".join(sorted(systems))
        raise Invalid(Sentence("system must be one of %(names)s.", names=known), field="system")
    said = {one: value for one, value in before.credentials.items() if one != KEY}
    settings = said if wanted.settings is None else dict(wanted.settings)
    system.check(settings)
    key, client = _credentials(system, before, wanted)
    credentials = settings if key is None else {**settings, KEY: key}
    description = before.description if wanted.description is None else wanted.description
    changed = IntegrationSecrets(credentials=credentials, description=description, client=client)
    if client is None:
        system.hosts(settings)
        return changed
    is_same = before.grant is not None and _reach(system, changed) == _reach(system, before)
    return replace(changed, grant=before.grant if is_same else None)


def _credentials(
    system: CrmSystem, before: IntegrationSecrets, wanted: IntegrationChange
) -> tuple[str | None, OAuthClient | None]:
    """Return the key or the client, one of them."""
    if wanted.key is not None and wanted.client is not None:
        raise Invalid("Enter a key or a client, not both.", field="client")
    key = before.credentials.get(KEY) if wanted.key is None else wanted.key
    client = before.client if wanted.client is None else wanted.client
    if wanted.client is not None or (client is not None and wanted.key is None):
        if system.oauth is None:
            text = Sentence("%(name)s has no OAuth: enter a key.", name=system.title)
            raise Invalid(text, field="client")
        for one in CLIENT_FIELDS:
            check_field(one, None if client is None else getattr(client, one.name))
        return None, client
    if system.key_field is None:
        text = Sentence("%(name)s has no static key: enter the client of your app.", name=system.title)
        raise Invalid(text, field="client")
    check_field(replace(system.key_field, name=KEY), key)
    return key, None


def _reach(system: CrmSystem, secrets: IntegrationSecrets) -> object:
    """Return what decides where tokens go, and whose they are."""
    settings = {one: value for one, value in secrets.credentials.items() if one != KEY}
    if system.oauth is None or secrets.client is None:
        return None
    asked = system.oauth.refresh_request(settings, secrets.client, "-")
    names = {one.name for one in system.settings_fields if one.name.endswith(("_base", "_url", "_host"))}
    return asked.url, secrets.client, {one: value for one, value in settings.items() if one in names}
