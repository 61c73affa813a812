"""Zapier: messages to the address of a Catch Hook, which is a secret and the only one: it verifies no signature.

Sources: help.zapier.com, "Trigger Zaps from webhooks" (a Catch Hook takes JSON by POST, and answers that it has taken
it, whether a Zap is there or not); docs.zapier.com, "Operating constraints" (30 in a second, then 429; 10 MB).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from vault.crm.messages import MessageSystem
from vault.crm.requests import API_BASE, base_of, host_of, request
from vault.domain.crm.exchange import CrmAccess, CrmRequest
from vault.domain.crm.verdict import Residue
from vault.ports.crm import FormField, Pace, Settings

API: Final = "https://hooks.zapier.com"
_HOOK: Final = re.compile(r"https://hooks\.zapier\.com/hooks/catch/[0-9]{1,12}/[a-z0-9]{4,32}/?(?:silent/?)?")


@dataclass(frozen=True, slots=True)
class Zapier(MessageSystem):
    """The system ``zapier``. It has no state."""

    name: str = "zapier"
    title: str = "Zapier"
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.TOLD, Residue.FURTHER_COPIES})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.TOLD, Residue.FURTHER_COPIES})

    @property
    def key_field(self) -> FormField:
        """Return the field of the hook's address: who has it can start the Zap, so it is sealed like a key."""
        return FormField(
            name="hook",
            pattern=_HOOK,
            rule="the address of a Catch Hook, such as https://hooks.zapier.com/hooks/catch/123456/abcdef/",
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return that it has none."""
        return (API_BASE,)

    @property
    def paces(self) -> Sequence[Pace]:
        """Return that a hook takes thirty messages in a second."""
        return (Pace(path="", limit=30, per=timedelta(seconds=1), removals=0.3),)

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return its one host."""
        return (host_of(base_of(settings, API)),)

    def message(self, kind: str, data: Mapping[str, object], access: CrmAccess) -> CrmRequest:
        """Return a message."""
        address = base_of(access.settings, API) + urlsplit(access.token).path
        return request("POST", address, {}, {"type": f"call.{kind}", "data": data})
