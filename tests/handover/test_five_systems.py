"""An erasure by number of a call that eight systems have: the receipt names each, verifiable without the vault."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.handover.erasing import handovers_in, receipt_of_erasure
from tests.handover.test_systems import activated
from tests.support.handing import CUSTOMER, ME, all_handovers, call, hand_over
from tests.support.service_house import House
from vault.cli.main import app
from vault.crm.registry import SYSTEMS
from vault.errors import Tampered
from vault.simulator.crm.crm import SimulatedCrm

#: With static keys and by OAuth; some delete a record, some keep a ticket or a history.
_REMOVED = ("hubspot", "zendesk", "slack", "freshdesk", "front")
#: Receivers of messages.
_TOLD = ("webhook", "zapier")
_BY_NAME = {one.name: one for one in SYSTEMS}


async def peers_of(house: House) -> dict[str, SimulatedCrm]:
    """Activate seven systems, and one that the account leaves to itself afterwards."""
    return {name: await activated(house, _BY_NAME[name]) for name in (*_REMOVED, *_TOLD, "pipedrive")}


async def leave(house: House, system: str) -> None:
    """End the integration of a system, and leave everything there."""
    verbs, account_id = house.vault.handover.integrations, house.account.id
    (mine,) = [one.integration for one in await verbs.list(account_id) if one.integration.system == system]
    await verbs.end(account_id, mine.id, removes=False, **ME)


async def test_a_receipt_names_every_system(either: House, tmp_path: Path):
    """What was removed and what each keeps, who was told, what was left by choice; nothing stands in the seven."""
    peers = await peers_of(either)
    recording_id = await call(either)
    await hand_over(either, rounds=3)
    assert {one.state for one in await all_handovers(either)} == {"present"}
    assert all(any("Bea" in one for one in peer.shown()) for peer in peers.values())
    await leave(either, "pipedrive")
    receipt = await receipt_of_erasure(either, "one")
    said: dict[str, dict[str, Any]] = {one["system"]: one for one in handovers_in(receipt)[recording_id]}
    assert {name: one["outcome"] for name, one in said.items()} == {
        **dict.fromkeys(_REMOVED, "removed"), **dict.fromkeys(_TOLD, "told"), "pipedrive": "left",
    }  # fmt: skip
    for name in (*_REMOVED, *_TOLD):
        assert {str(one) for one in _BY_NAME[name].keeps_after_removal} <= {*said[name]["keeps"]}, name
        shown = peers[name].shown()
        assert not any("Bea" in one or CUSTOMER in one for one in shown), name
    assert any("Bea" in one for one in peers["pipedrive"].shown())
    with pytest.raises(Tampered):
        handovers_in(receipt.replace(b'"left"', b'"removed"'))
    file = tmp_path / "receipt.json"
    file.write_bytes(receipt)
    shown = CliRunner().invoke(app, ["verify-receipt", str(file), "--number", CUSTOMER])
    assert shown.exit_code == 0, shown.output
    lines = [
        line.removeprefix("  in         ") for line in shown.output.splitlines() if line.startswith("  in ")
    ]
    assert sorted(lines) == sorted(
        f"{name}, {one['outcome']}" + (f", keeps {' '.join(one['keeps'])}" if one["keeps"] else "")
        for name, one in said.items()
    )
