"""Pausing at the provider what may not be recorded, where nobody asked the vault at the start."""

import json
import secrets
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.fakes.provider import API
from tests.support.service_house import LONG_AGO, House
from tests.support.tenant import moment
from vault.database.schema.consent import pauses
from vault.domain.calls.provider_api import Delivery, RestReply
from vault.errors import FetchFailed
from vault.services.accounts.connections import ConnectionRequest
from vault.services.audit_log.access_log import EventFilter
from vault.telephony.signatures.standard_webhooks import sign

PAUSE = ("POST", f"{API}/call-9/pause")


async def started(house: House, *, pause_refused: bool = True) -> str:
    """Tell of a call that has just begun, by a connection that pauses or does not."""
    wish = ConnectionRequest(
        provider="fake", credentials={"secret": house.secret}, pause_refused=pause_refused
    )
    connection, _, _ = await house.vault.accounts.connections.set(
        house.account.id, "other", wish, actor="key_test"
    )
    now = datetime.now(UTC)
    data = {"call_ref": "call-9", "direction": "inbound", "from": "+12025550100", "started_at": moment(now)}
    body = json.dumps({"type": "call.started", "timestamp": moment(now), "data": data}).encode()
    signed = sign(house.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
    delivery = Delivery(method="POST", url="https://v.example/", headers=signed, body=body, received_at=now)
    receipt = await house.vault.ingest.webhooks.receive("fake", connection.id, delivery)
    return receipt.status


async def run(house: House) -> int:
    """Pause until there is nothing left to pause, whatever the time; return how often it was asked."""
    while True:
        await house.database.write(
            lambda tx: tx.connection.execute(update(pauses).values(not_before=LONG_AGO)) and None
        )
        if not await house.vault.jobs.provider_requests.pause_recording():
            return house.rest.asked.count(PAUSE)


async def results(house: House) -> list[str | None]:
    """Return how pauses ended, by the access log."""
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    return [one.event.result for one, _ in page.items if one.event.type == "recording.paused"]


@pytest.mark.parametrize("why", ["switch", "objection"])
async def test_a_call_that_may_not_be_recorded_is_paused(house: House, why: str) -> None:
    """One request is enough where the provider pauses; it is on record, and not repeated."""
    if why == "switch":
        await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    else:
        await house.vault.consent.objections.enter(
            house.account.id, "+12025550100", reason=None, actor="key_test"
        )
    house.rest.answer(*PAUSE, RestReply(status=204, body=b""))
    assert await started(house) == "noted"
    assert (await run(house), await results(house)) == (1, ["paused"])


async def test_what_may_be_recorded_is_not_paused(house: House) -> None:
    """Nor is anything where the connection does not ask for it."""
    assert await started(house) == "noted"
    assert (await run(house), await results(house)) == (0, [])
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    assert await started(house, pause_refused=False) == "noted"
    assert await run(house) == 0


@pytest.mark.parametrize(
    "reply", [RestReply(status=400, body=b""), FetchFailed("no answer")], ids=["400", "nobody"]
)
async def test_a_pause_that_fails_is_repeated_and_given_up(
    house: House, reply: RestReply | FetchFailed
) -> None:
    """Five times, and then the log says that it was not paused."""
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    house.rest.answer(*PAUSE, reply)
    await started(house)
    assert (await run(house), await results(house)) == (5, ["not_paused"])


async def test_a_late_success_counts(house: House) -> None:
    """A recording that begins a moment later is paused by the second request."""
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    house.rest.answer(*PAUSE, RestReply(status=405, body=b""), RestReply(status=204, body=b""))
    await started(house)
    assert (await run(house), await results(house)) == (2, ["paused"])
