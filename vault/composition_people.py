"""Build the services of API keys and of people at the console."""

from typing import TypedDict

from vault.composition_parts import Adapters, Parts
from vault.services.accounts.api_keys import ApiKeys
from vault.services.accounts.console_searches import ConsoleSearches
from vault.services.accounts.console_sessions import ConsoleSessions
from vault.services.accounts.overview import Overview
from vault.services.playback.former_notes import FormerNotes
from vault.services.sign_in.ask_provider import AskProvider
from vault.services.sign_in.members import Members
from vault.services.sign_in.provider_documents import FetchProviderDocuments
from vault.services.sign_in.sign_in import SignIn
from vault.settings import Settings
from vault.tracing import traced


class People(TypedDict):
    """The services by their names in ``Vault``."""

    api_keys: ApiKeys
    console_sessions: ConsoleSessions
    console_searches: ConsoleSearches
    overview: Overview
    sign_in: SignIn
    members: Members
    former_notes: FormerNotes


def build_people(settings: Settings, adapters: Adapters, parts: Parts) -> People:
    """Build the services."""
    keys, opened = parts.people_keys, parts.opened_connections
    documents = FetchProviderDocuments(rest=adapters.rest, clock=adapters.clock)
    return {
        "api_keys": traced(ApiKeys)(database=parts.database, clock=adapters.clock),
        "console_sessions": traced(ConsoleSessions)(
            database=parts.database, data_keys=keys, clock=adapters.clock
        ),
        "overview": traced(Overview)(database=parts.database, clock=adapters.clock),
        "console_searches": traced(ConsoleSearches)(database=parts.database, clock=adapters.clock),
        "sign_in": traced(SignIn)(
            database=parts.database,
            data_keys=keys,
            opened=opened,
            provider=AskProvider(documents=documents, clock=adapters.clock, public_url=settings.public_url),
            identify_people=parts.identify_people,
            clock=adapters.clock,
        ),
        "members": traced(Members)(
            database=parts.database, opened=opened, identify_people=parts.identify_people
        ),
        "former_notes": traced(FormerNotes)(
            database=parts.database, ring=adapters.ring, data_keys=keys, clock=adapters.clock
        ),
    }
