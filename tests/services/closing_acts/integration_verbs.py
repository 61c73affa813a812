"""The ends of integrations, as closing verbs."""

from typing import Any, Final

from tests.fakes.crm import KEY
from tests.services.closing_acts.verb import Verb
from tests.support.parties import ME
from tests.support.service_house import House
from vault.errors import NotFound
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.recipient import Vendor


async def _integration(house: House, _name: str) -> str:
    made = await house.vault.handover.integrations.activate(
        house.account.id,
        "notebook",
        IntegrationChange(key=KEY, settings={}),
        vendor=Vendor(name="Notebook Inc.", country="US"),
        **ME,
    )
    return made.integration.id


async def _end(house: House, integration_id: str) -> None:
    await house.vault.handover.integrations.end(house.account.id, integration_id, removes=False, **ME)


async def _remove(house: House, integration_id: str) -> None:
    await house.vault.handover.integrations.end(house.account.id, integration_id, removes=True, **ME)


async def _is_ended(house: House, integration_id: Any) -> bool:
    try:
        view = await house.vault.handover.integrations.read(house.account.id, integration_id)
    except NotFound:
        return True
    return view.integration.state in {"removing", "ended"}


INTEGRATION_VERBS: Final = {
    "integration": Verb(kind="integration.ended", prepare=_integration, close=_end, closed=_is_ended),
    "integration with removal": Verb(
        kind="integration.removing", prepare=_integration, close=_remove, closed=_is_ended
    ),
}
