"""Any system by a program of the customer: signed messages to his address, as in Standard Webhooks 1.0.0.

Source: standard-webhooks/standard-webhooks, ``spec/standard-webhooks.md``: 2xx is a success, 410 ends the deliveries,
secrets have 24 to 64 bytes, and while one is replaced a message has a signature by each.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from vault.crm.messages import MessageSystem
from vault.crm.requests import API_BASE, base_of, host_of, request
from vault.domain.crm.exchange import CrmAccess, CrmRequest
from vault.errors import Invalid
from vault.ports.crm import FormField, Settings

#: 24 to 64 bytes in base64.
_BYTES: Final = (
    "(?:(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    "|(?:[A-Za-z0-9+/]{4}){21}(?:[A-Za-z0-9+/]{2}==)?)"
)
#: Two, the newer one first, while it is replaced.
_SECRETS: Final = re.compile(f"whsec_{_BYTES}(?: whsec_{_BYTES})?")
_URL: Final = re.compile(
    r"https://(?:[a-z0-9_-]{1,63}\.){1,8}[a-z][a-z0-9-]{1,62}(?:/[A-Za-z0-9._~%/-]{0,1000})?"
)
_RULE: Final = "an https address without port, user and query, such as https://calls.example.com/vault"


@dataclass(frozen=True, slots=True)
class Webhook(MessageSystem):
    """The system ``webhook``. It has no state."""

    name: str = "webhook"
    title: str = "Webhook"

    @property
    def key_field(self) -> FormField:
        """Return the field of the secret."""
        return FormField(
            name="signing_secret",
            pattern=_SECRETS,
            rule="whsec_ and base64 of 24 to 64 random bytes; to replace it, the new and the former one with a blank",
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the address of the receiver."""
        return (FormField(name="url", pattern=_URL, rule=_RULE), API_BASE)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the host of the receiver."""
        return (host_of(_address(settings)),)

    def message(self, kind: str, data: Mapping[str, object], access: CrmAccess) -> CrmRequest:
        """Return a message, which is signed when it is sent."""
        body = {"type": f"call.{kind}", "data": data}
        made = request("POST", _address(access.settings), {}, body)
        # The signature has a content type of its own.
        return CrmRequest(
            method="POST",
            url=made.url,
            headers={"accept": "application/json"},
            body=made.body,
            hosts=made.hosts,
            secrets=tuple(access.token.split(" ")),
            kind=kind,
        )


def _address(settings: Settings) -> str:
    url = settings.get("url", "")
    if _URL.fullmatch(url) is None:
        raise Invalid(f"url must be {_RULE}.", field="url")
    parts = urlsplit(url)
    return base_of(settings, f"https://{parts.hostname}") + parts.path
