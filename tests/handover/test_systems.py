"""Every system, by a key or as a person authorizes it: a whole way against its simulated counterpart."""

from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest

from tests.support.handing import (
    CUSTOMER,
    ME,
    VENDOR,
    all_handovers,
    call,
    erase,
    hand_over,
    restrict,
    set_home,
    states,
)
from tests.support.service_house import House
from vault.crm.registry import SYSTEMS
from vault.domain.crm.exchange import OAuthClient
from vault.domain.outbox.attempt import Answer
from vault.ports.crm import CrmSystem
from vault.services.handover.credentials import IntegrationChange
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import VaultRequest

#: Settings that a grant brings.
_LEARNT = {"instance_url", "company"}


def reach(house: House, system: CrmSystem, loses_creation: list[bool]) -> SimulatedCrm:
    """Return the simulated counterpart of a system, which the house's client reaches.

    While ``loses_creation`` is not empty, the answer to the next creation is lost.
    """
    peer = SIMULATED_CRM[system.name]()

    async def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        asked = VaultRequest(
            method=method,
            path=unquote(parts.path),
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
        )
        reply = peer.answer(asked)
        if loses_creation and await states(house) == ["unknown"]:
            loses_creation.clear()
            return Answer(status=502)
        return Answer(
            status=reply.status,
            headers={name.lower(): value for name, value in reply.headers.items()},
            body=reply.body,
        )

    hosts = [*system.hosts(peer.settings)]
    if system.oauth is not None:
        hosts += system.oauth.refresh_request(peer.settings, client_of(peer), "-").hosts
    house.outside.peers |= dict.fromkeys(hosts, answer)
    return peer


async def activated(
    house: House, system: CrmSystem, *loses_creation: bool, by_app: bool = False
) -> SimulatedCrm:
    """Activate a system whose contact has the customer's number, as a person wrote it; with OAuth where it must be."""
    by_app |= system.key_field is None
    await set_home(house)
    peer = reach(house, system, list(loses_creation))
    contact = peer.add_contact("06 12 34 56 78", CUSTOMER, "612345678")
    peer.open_parent(contact)
    wanted = IntegrationChange(key=peer.key, settings=peer.settings)
    if by_app:
        entered = {name: value for name, value in peer.settings.items() if name not in _LEARNT}
        wanted = IntegrationChange(client=client_of(peer), settings=entered)
    verbs = house.vault.handover
    view = await verbs.integrations.activate(house.account.id, system.name, wanted, vendor=VENDOR, **ME)
    if by_app:
        begun = await verbs.authorizations.begin(house.account.id, view.integration.id, **ME)
        query = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
        said = {"state": query["state"], "code": peer.tokens.approve(query), "error": None}
        await verbs.authorizations.finish(house.account.id, **said, **ME)
    return peer


def client_of(peer: SimulatedCrm) -> OAuthClient:
    """Return the registration of the account at a simulated system."""
    return OAuthClient(client_id=peer.tokens.client_id, client_secret=peer.tokens.client_secret)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
async def test_a_call_from_its_end_to_its_erasure(house: House, system: CrmSystem):
    """It stands there once, says restricted while it is, and is removed with its recording."""
    peer = await activated(house, system)
    recording_id = await call(house)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    (handover,) = await all_handovers(house)
    assert sum(handover.id in one for one in peer.shown()) == 1
    await restrict(house, recording_id, restricted=True)
    await hand_over(house, rounds=2)
    assert await states(house) == ["restricted"]
    assert not any("Bea" in one for one in peer.shown())
    await restrict(house, recording_id, restricted=False)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    assert any("Bea" in one for one in peer.shown())
    await erase(house, recording_id)
    await hand_over(house, rounds=2)
    (handover,) = await all_handovers(house)
    assert handover.state == "absent"
    assert {str(one) for one in system.keeps_after_removal} <= {*handover.residue}
    assert not any("Bea" in one or CUSTOMER in one for one in peer.shown())


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
async def test_a_lost_answer_makes_no_second_record(house: House, system: CrmSystem):
    """Case 2, with a search that finds it late where the system's does (case 3)."""
    peer = await activated(house, system, True)
    await call(house)
    await hand_over(house)
    assert await states(house) == ["unknown"]
    await hand_over(house, rounds=2)
    peer.index()
    await hand_over(house, rounds=3)
    assert await states(house) == ["present"]
    (handover,) = await all_handovers(house)
    assert sum(handover.id in one for one in peer.shown()) == 1


@pytest.mark.parametrize(
    "system", [one for one in SYSTEMS if one.oauth and not one.key_field], ids=lambda one: one.name
)
async def test_an_ended_access_token_is_refreshed(house: House, system: CrmSystem):
    """Before its time: the call stands there all the same, after one refresh."""
    peer = await activated(house, system)
    peer.tokens.access.clear()
    await call(house)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    assert sum(one.path == peer.tokens.path for one in peer.asked) == 2
