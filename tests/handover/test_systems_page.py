"""Each section of the page of the systems is carried out, as it is written, at its simulated counterpart."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.handover.test_systems import client_of, reach
from tests.support.handing import CUSTOMER, ME, all_handovers, call, erase, hand_over, set_home, states
from tests.support.service_house import House, new_house
from vault.crm.registry import SYSTEMS
from vault.ports.crm import CrmSystem
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.systems.salesforce import SimulatedSalesforce
from vault.simulator.exchange import VaultRequest
from vault.thread_pools import Threads
from vault.web.schemas.integrations import IntegrationIn

PAGE = (Path(__file__).parents[2] / "docs" / "hand-over-systems.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
_BLOCK = re.compile(r"^```json activation\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What the page says in the place of a secret.
_SECRET = "…"
#: How a section says what the system keeps, by the code that the hand-over has of it.
_SAYS = {
    "edit_history": r"histor|former|said before",
    "recycle_bin": r"recycle bin|can be restored|deleted tickets",
    "empty_record": r"empty",
    "compliance_export": r"`compliance_export`",
    "told": r"`told`",
    "further_copies": r"`further_copies`",
}
each_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
_BY_NAME = {one.name: one for one in SYSTEMS}


def body_of(system: CrmSystem) -> dict[str, Any]:
    """Return the body of the activation, as the section has it."""
    (text,) = _BLOCK.findall(SECTIONS[system.title])
    body: dict[str, Any] = json.loads(text)
    return body


def section_of(system: CrmSystem) -> str:
    """Return the section, and that of the system which it refers to."""
    return SECTIONS[system.title] + (SECTIONS["Salesforce"] if system.name == "desk" else "")


async def as_written(
    house: House, system: CrmSystem, *loses_creation: bool, **settings: str | None
) -> SimulatedCrm:
    """Do what the section says, with other ``settings`` where they are given; None: without one.

    The key, the app and what is the customer's own are those of the simulated system.
    """
    body, peer = body_of(system), reach(house, system, list(loses_creation))
    peer.open_parent(peer.add_contact("06 12 34 56 78", CUSTOMER, "612345678"))
    entered = {**body.get("settings", {}), **settings}
    system.check({name: value for name, value in entered.items() if value is not None})
    body["settings"] = {
        name: peer.settings.get(name, value) for name, value in entered.items() if value is not None
    }
    hosts = system.hosts({**peer.settings, **body["settings"]})
    house.outside.peers |= dict.fromkeys(hosts, next(reversed(house.outside.peers.values())))
    if "key" in body:
        assert body["key"] == _SECRET
        body["key"] = peer.key
    else:
        assert body["client"] == {"id": _SECRET, "secret": _SECRET}
        client = client_of(peer)
        body["client"] = {"id": client.client_id, "secret": client.client_secret}
    wanted, verbs = IntegrationIn.model_validate(body), house.vault.handover
    await set_home(house)
    view = await verbs.integrations.activate(
        house.account.id, wanted.system, wanted.wanted(), vendor=wanted.vendor(), **ME
    )
    if wanted.client is not None:
        begun = await verbs.authorizations.begin(house.account.id, view.integration.id, **ME)
        said = {"state": query_of(begun.url)["state"], "code": peer.tokens.approve(query_of(begun.url))}
        await verbs.authorizations.finish(house.account.id, **said, error=None, **ME)
    return peer


def is_write(asked: VaultRequest) -> bool:
    """Return whether a request writes a record."""
    return asked.method != "GET" and asked.headers.get("content-type", "").startswith("application/json")


def shape_of(asked: VaultRequest) -> tuple[str, str, list[str]]:
    """Return what a request writes to, without ids, and the names of what it writes."""
    return asked.method, re.sub(r"[0-9]+", "0", asked.path), sorted(json.loads(asked.body))


def query_of(url: str) -> dict[str, str]:
    """Return the query of an address."""
    return dict(parse_qsl(urlsplit(url).query))


@each_system
async def test_the_section_is_carried_out(house: House, system: CrmSystem):
    """The call stands there; after its erasure it does not, and the section says all that the system keeps."""
    assert body_of(system)["system"] == system.name
    peer = await as_written(house, system)
    recording_id = await call(house)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    assert any("Bea" in one for one in peer.shown())
    await erase(house, recording_id)
    await hand_over(house, rounds=2)
    (handover,) = await all_handovers(house)
    assert handover.state == "absent"
    assert not any("Bea" in one or CUSTOMER in one for one in peer.shown())
    kept = {*handover.residue, *map(str, system.keeps_after_removal)}
    assert [code for code in sorted(kept) if not re.search(_SAYS[code], section_of(system))] == []


@each_system
async def test_what_the_table_says_of_a_removal(house: House, system: CrmSystem):
    """Where it says blank, nothing of the call is in what can be restored; where it says a message, none is deleted."""
    (row,) = re.findall(rf"^\| `{system.name}` \|(.*)\|$", PAGE, re.MULTILINE)
    says = row.split("|")[-1].strip()
    says = re.findall(r"^\| `salesforce` \|(.*)\|$", PAGE, re.MULTILINE)[0] if "salesforce" in says else says
    peer = await as_written(house, system)
    recording_id = await call(house)
    await hand_over(house, rounds=2)
    await erase(house, recording_id)
    await hand_over(house, rounds=2)
    removed = [json.dumps(one.fields) for one in peer.records.values() if one.removed]
    left = [one for one in peer.records.values() if not one.removed]
    if "blank " in says:
        assert len(removed) == 1
        assert "Bea" not in removed[0]
    elif "message" in says:
        assert json.loads(peer.asked[-1].body)["type"] == "call.removed"
    elif "cannot be deleted" in says:
        assert left
    else:
        assert re.search("redacts|deletes", says)


@pytest.mark.parametrize("name", ["zendesk", "salesforce", "freshdesk"])
async def test_what_a_call_is_attached_to(
    name: str, threads: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The values that the section names lead to different records, and the default is the one that it says."""
    monkeypatch.setattr(SimulatedSalesforce, "in_cases", True)
    system = _BY_NAME[name]
    (row,) = re.findall(r"^\| `attach` \|(.*)\|$", SECTIONS[system.title], re.MULTILINE)
    values = re.findall(r"`(\w+)`", row)
    (default,) = re.findall(r"`(\w+)` \(the default\)", row)
    assert len(values) == 2
    written = {}
    for value in (*values, None):
        folder = tmp_path / str(value)
        folder.mkdir()
        async with new_house(folder, threads) as house:
            peer = await as_written(house, system, attach=value)
            await call(house)
            await hand_over(house, rounds=2)
            assert await states(house) == ["present"]
            written[value] = [shape_of(one) for one in peer.asked if is_write(one)]
    assert written[values[0]] != written[values[1]]
    assert written[None] == written[default]


@pytest.mark.parametrize("is_entered", [False, True])
async def test_hubspot_finds_a_call_at_once_by_its_property(house: House, is_entered: bool):
    """After a lost answer; without the property the vault waits for the search."""
    value = "callvault_handover_id" if is_entered else None
    peer = await as_written(house, _BY_NAME["hubspot"], True, id_property=value)
    await call(house)
    await hand_over(house, rounds=3)
    assert await states(house) == ["present" if is_entered else "unknown"]
    assert len(peer.records) == 1
