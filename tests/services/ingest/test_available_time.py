"""How long recordings take from their announcement until they are available, by how they arrived."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.fetcher import Media
from tests.fakes.provider import API
from tests.support.parties import kept_apart, set_policy
from tests.support.service_house import AUDIO, URL, House, blocks_of
from vault.domain.calls.provider_api import RestReply
from vault.domain.recordings.recording import State
from vault.metrics import REGISTRY
from vault.services.accounts.connections import ConnectionRequest

NAME = "callvault_recording_available_seconds"


def counted() -> dict[str, float]:
    """Return how many recordings took at most that many seconds, and how many there are, by arrival."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples if metric.name == NAME else ():
            if sample.name == f"{NAME}_bucket" and sample.labels["le"] in {"60.0", "300.0", "+Inf"}:
                found[f"{sample.labels['arrival']} {sample.labels['le']}"] = sample.value
    return found


async def by_webhook(house: House) -> str:
    """Announce a recording."""
    return (await house.announce()).recording_id or ""


async def by_upload(house: House) -> str:
    """Upload a recording."""
    stored, _ = await house.vault.ingest.uploads.store(
        house.account.id, "call-1", "rec-1", blocks_of(AUDIO), actor="key_test"
    )
    return stored.id


async def by_reconcile(house: House) -> str:
    """Let the provider's list have a recording that no webhook announced."""
    wish = ConnectionRequest(provider="fake", credentials={"secret": "whsec_" + "A" * 44})
    connection, _, _ = await house.vault.accounts.connections.set(
        house.account.id, "fake", wish, actor="key_test"
    )
    house.fetcher.serve(URL, Media(body=AUDIO))
    listed = json.dumps({"url": URL, "refs": ["one"]}).encode()
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=listed))
    while await house.vault.jobs.reconcile():
        pass
    row = await house.database.read(lambda tx: tx.recordings.by_ref(house.account.id, connection.id, "one"))
    assert row is not None
    return row.id


@pytest.mark.parametrize(
    ("arrival", "bring"), [("webhook", by_webhook), ("upload", by_upload), ("reconcile", by_reconcile)]
)
async def test_the_time_from_announcement_to_available_is_counted(
    house: House, arrival: str, bring: Callable[..., object]
):
    """One that was announced 100 seconds ago is one of its arrival above 60 and within 300 seconds, and no other."""
    before = counted()
    assert f"{arrival} +Inf" in before, "each series is there from the start"
    recording_id = await bring(house)  # type: ignore[misc]
    await house.set(recording_id, received_at=datetime.now(UTC) - timedelta(seconds=100))
    assert await house.settle(recording_id) is State.AVAILABLE
    after = counted()
    moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert moved == {f"{arrival} 300.0": 1, f"{arrival} +Inf": 1}


async def test_what_waits_for_a_person_is_not_counted(house: House):
    """A quarantine may last for weeks, and says nothing of the vault."""
    before = counted()
    await set_policy(house)
    recording_id = await kept_apart(house)
    await house.vault.recordings.quarantine.release(
        house.account.id, recording_id, actor="key_test", reason="on paper"
    )
    assert await house.state(recording_id) is State.AVAILABLE
    assert counted() == before
