"""What tests of OAuth do: activate a system for a person, let him agree at it, and set what rows say."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import update

from tests.fakes.crm import NotebookPeer
from tests.support.handing import (
    ME,
    VENDOR,
    set_home,
)
from tests.support.service_house import House
from vault.database.schema.handover import integrations
from vault.domain.crm.exchange import OAuthClient
from vault.domain.handover.integration import HandoverPolicy
from vault.errors import FetchFailed
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.integrations import IntegrationView


def unsent() -> FetchFailed:
    """Return a request of which nothing was sent."""
    made = FetchFailed("The host was not reached.", host_down=True)
    made.unsent = True
    return made


async def activated(house: House, peer: NotebookPeer, system: str = "ledger") -> IntegrationView:
    """Activate the CRM for its people to authorize."""
    await set_home(house)
    client = OAuthClient(client_id=peer.tokens.client_id, client_secret=peer.tokens.client_secret)
    wanted = IntegrationChange(client=client, settings={}, policy=HandoverPolicy())
    return await house.vault.handover.integrations.activate(
        house.account.id, system, wanted, vendor=VENDOR, **ME
    )


async def agreed(house: House, peer: NotebookPeer, integration_id: str) -> dict[str, Any]:
    """Begin an authorization, and let the person agree; return the answer of the system."""
    begun = await house.vault.handover.authorizations.begin(house.account.id, integration_id, **ME)
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    return {"state": query["state"], "code": peer.tokens.approve(query), "error": None}


async def authorize(house: House, peer: NotebookPeer, view: IntegrationView) -> None:
    """Authorize an integration."""
    answer = await agreed(house, peer, view.integration.id)
    await house.vault.handover.authorizations.finish(house.account.id, **answer, **ME)


async def set_integrations(house: House, **values: object) -> None:
    """Write columns of all integrations."""
    query = update(integrations).values(values)
    await house.database.write(lambda tx: tx.connection.execute(query) and None)
