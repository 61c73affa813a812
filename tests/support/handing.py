"""What tests of hand-over do: activate, let calls arrive, let time pass, and look."""

import base64
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from tests.fakes.crm import KEY
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import LONG_AGO, WITHOUT_EVIDENCE, House
from vault.database.schema.handover import handovers
from vault.database.stores.handover.handovers import HandoverFilter
from vault.domain.handover.handover import StoredHandover
from vault.domain.handover.integration import HandoverPolicy
from vault.domain.recordings.recording import State
from vault.services.accounts.connections import ConnectionRequest
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.integrations import IntegrationView
from vault.services.handover.recipient import Vendor

ME: Any = {"actor": "key_test"}
CUSTOMER = "+33612345678"
VENDOR = Vendor(name="Notebook Inc.", country="US", safeguard="adequacy")
OWN = "+33123456789"
ANN = {"id": "c1", "number": "06 12 34 56 78", "name": "Annabelle"}


async def activate(house: House, **policy: Any) -> IntegrationView:
    """Activate the CRM, in an account whose national numbers are French."""
    await set_home(house)
    wanted = IntegrationChange(key=KEY, settings={}, policy=HandoverPolicy(**policy))
    return await house.vault.handover.integrations.activate(
        house.account.id, "notebook", wanted, vendor=VENDOR, **ME
    )


async def set_home(house: House) -> None:
    """Let the account's national numbers be French."""
    home = replace(WITHOUT_EVIDENCE, home_place="FR")
    await house.vault.consent.policy.set(house.account.id, home, if_version=None, **ME)


async def with_connection(house: House, name: str) -> House:
    """Return the house with another connection of its account."""
    secret = "whsec_" + base64.b64encode(name.encode() * 8).decode()
    wish = ConnectionRequest(provider="platform", credentials={"secret": secret})
    made, _, _ = await house.vault.accounts.connections.set(house.account.id, name, wish, **ME)
    return replace(house, connection_id=made.id, secret=secret)


async def call(house: House, ref: str = "rec-1", **data: Any) -> str:
    """Let a call arrive whose recording can be played; return the recording."""
    said = {"direction": "inbound", "from": CUSTOMER, "to": OWN, "agent": "Beatrice"} | data
    recording_id = (await house.announce(ref, call_ref=f"call of {ref}", **said)).recording_id or ""
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def follow(house: House) -> None:
    """Let the log be read to its end, and what waits in rows be put into the outbox."""
    await house.database.write(lambda tx: tx.tree.settle())
    await house.vault.jobs.follow_log.look()
    await house.vault.jobs.follow_log.queue()


async def hand_over(house: House, *, rounds: int = 1) -> None:
    """Follow the log and send; then let the time of each retry come, as often as it says."""
    await follow(house)
    await send_due(house)
    for _ in range(rounds - 1):
        await let_time_come(house)
        await send_due(house)


async def let_pass(house: House) -> None:
    """Let as much time pass since the last write as any system needs to show it."""
    query = update(handovers).values(sent_at=LONG_AGO, busy_until=None, busy_by=None)
    await house.database.write(lambda tx: tx.connection.execute(query) and None)


async def all_handovers(house: House) -> list[StoredHandover]:
    """Return the hand-overs of the account."""
    wanted = HandoverFilter()
    found = await house.database.read(
        lambda tx: tx.handovers.page(house.account.id, wanted, before=None, limit=100)
    )
    return list(found)


async def states(house: House) -> list[str]:
    """Return the states of the hand-overs, with the cause behind."""
    return [f"{one.state} {one.cause}" if one.cause else one.state for one in await all_handovers(house)]


async def erase(house: House, recording_id: str) -> None:
    """Begin the erasure of a recording."""
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


async def restrict(house: House, recording_id: str, *, restricted: bool) -> None:
    """Restrict a recording, or lift that."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=restricted, reason=None, **ME
    )


async def logged(house: House) -> list[str]:
    """Return the types of the log's entries about hand-over, in their order."""
    await house.database.write(lambda tx: tx.tree.settle())
    return [one for one in await house.events() if one.startswith(("handover.", "integration."))]
