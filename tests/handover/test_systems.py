"""Every system with a static key, from the call to its removal, against its simulated counterpart."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from tests.handover.handing import (
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
from vault.domain.outbox.attempt import Answer
from vault.ports.crm import CrmSystem
from vault.services.handover.integrations import IntegrationChange
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import VaultRequest

KEYED = [one for one in SYSTEMS if one.key_field is not None]


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

    for host in system.hosts(peer.settings):
        house.outside.peers[host] = answer
    return peer


async def activated(house: House, system: CrmSystem, *loses_creation: bool) -> SimulatedCrm:
    """Activate a system whose contact has the customer's number, as a person wrote it."""
    await set_home(house)
    peer = reach(house, system, list(loses_creation))
    contact = peer.add_contact("06 12 34 56 78", CUSTOMER, "612345678")
    peer.open_parent(contact)
    wanted = IntegrationChange(key=peer.key, settings=peer.settings)
    await house.vault.handover.integrations.activate(
        house.account.id, system.name, wanted, vendor=VENDOR, **ME
    )
    return peer


@pytest.mark.parametrize("system", KEYED, ids=lambda one: one.name)
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


@pytest.mark.parametrize("system", KEYED, ids=lambda one: one.name)
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
