"""Build the services of API keys and of people at the console."""

from typing import TypedDict

from vault.composition_parts import Adapters, Parts
from vault.services.accounts.api_keys import ApiKeys
from vault.services.accounts.console_searches import ConsoleSearches
from vault.services.accounts.console_sessions import ConsoleSessions
from vault.tracing import traced


class People(TypedDict):
    """The services by their names in ``Vault``."""

    api_keys: ApiKeys
    console_sessions: ConsoleSessions
    console_searches: ConsoleSearches


def build_people(adapters: Adapters, parts: Parts) -> People:
    """Build the services."""
    return {
        "api_keys": traced(ApiKeys)(database=parts.database, clock=adapters.clock),
        "console_sessions": traced(ConsoleSessions)(
            database=parts.database, data_keys=parts.data_keys, clock=adapters.clock
        ),
        "console_searches": traced(ConsoleSearches)(database=parts.database, clock=adapters.clock),
    }
