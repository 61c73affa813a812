"""Rotation beside everything else: other nodes, uploads, erasure, and the death of the process."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.notice_drafts import TEXT, wish
from tests.support.parties import CALLER, tell
from tests.support.rotation import (
    CONNECTION,
    LINK,
    ME,
    RECIPIENT,
    all_under,
    before_months,
    close_request,
    everything_opens,
    fill,
    finish,
    rotate,
    versions,
)
from tests.support.service_house import AUDIO, House, blocks_of
from vault.database.stores.key_rotation.sealed_columns import SEALED_KINDS
from vault.domain.calls.call import CallFacts
from vault.domain.notices.audio import PromptRequest
from vault.domain.recordings.recording import State
from vault.services.audit_log.access_log import EventFilter

pytestmark = pytest.mark.faults


def believe(house: House, version: int) -> None:
    """Let the key ring believe what another node believes that has not heard of the rotation."""
    ring: Any = house.vault.jobs.rewrap.ring
    ring._current[house.account.id] = (version, ring.now() + 300)


async def test_whatever_comes_lies_under_the_new_version_on_every_node(house: House):
    """A node that still seals under the old version is refused, and seals again: nobody hears of it."""
    vault, account_id = house.vault, house.account.id
    await vault.jobs.rewrap.ring.current(account_id)
    await rotate(house)
    await finish(house)
    facts = CallFacts(call_ref="call-1", direction="inbound", caller=CALLER, agent="Ada")
    draft = await vault.consent.notices.draft(account_id, wish(text=TEXT), **ME)

    async def recorded() -> str:
        believe(house, 1)
        recording, _ = await vault.ingest.uploads.store(account_id, "call-1", "up", blocks_of(AUDIO), **ME)
        await house.settle(recording.id)
        return recording.id

    recording_id = await recorded()
    for happens in (
        lambda: vault.recordings.calls.start(account_id, facts),
        lambda: tell(house, "announced"),
        lambda: house.announce("waits", url="https://media.example/other.wav"),
        lambda: vault.consent.objections.enter(account_id, "+33123456780", reason=None, **ME),
        lambda: vault.consent.notices.set_audio(
            account_id, draft.id, AUDIO, PromptRequest(beep="start"), **ME
        ),
        lambda: vault.playback.links.create(account_id, recording_id, LINK, **ME),
        lambda: vault.accounts.connections.set(account_id, "two", CONNECTION, **ME),
        lambda: close_request(house),
        lambda: vault.registers.recipients.enter(account_id, RECIPIENT, **ME),
    ):
        believe(house, 1)
        await happens()
    assert await versions(house) == all_under(2)
    assert await house.heard(recording_id) == AUDIO


class Failing:
    """A database whose n-th write fails, before it has its effect or after it."""

    def __init__(self, database: Any, at: int, when: str) -> None:
        """Wrap a database."""
        self.database, self.left, self.when = database, at, when

    async def read(self, function: Callable[[Any], Any]) -> Any:
        """Read."""
        return await self.database.read(function)

    async def write(self, function: Callable[[Any], Any]) -> Any:
        """Write, or die."""
        self.left -= 1
        if self.left:
            return await self.database.write(function)
        if self.when == "after":
            await self.database.write(function)
        raise KeyboardInterrupt

    async def scrub(self, *, moved: bool) -> bool:
        """Scrub."""
        return bool(await self.database.scrub(moved=moved))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_any_write_costs_nothing(house: House, when: str):
    """The process dies at each of its writes in turn; the process that continues reaches the same end."""
    recording_id = await fill(house)
    await before_months(house)
    await house.announce("of this month", url="https://media.example/third.wav")
    await rotate(house)
    died = 0
    while await house.vault.jobs.rewrap.any_due():
        database = Failing(house.vault.database, at=died % 3 + 1, when=when)
        try:
            await replace(house.vault.jobs.rewrap, database=database, grace=timedelta())()
        except KeyboardInterrupt:
            died += 1
        await house.vault.jobs.write_manifests()
        await house.vault.jobs.write_account_objects()
        assert died < 100
    assert died >= 5
    assert await versions(house) == all_under(2)
    await everything_opens(house, recording_id)
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    assert [one.event.type for one, _ in page.items].count("key.destroyed") == 1


async def test_twenty_uploads_outlive_the_rotation(house: House):
    """Uploads that begin before it and end after the old version is gone are stored, and all of them open."""
    vault, account_id = house.vault, house.account.id
    go_on = asyncio.Event()

    async def slow() -> Any:
        yield AUDIO[:1000]
        await go_on.wait()
        yield AUDIO[1000:]

    uploads = [
        asyncio.create_task(vault.ingest.uploads.store(account_id, f"call-{n}", f"up-{n}", slow(), **ME))
        for n in range(20)
    ]
    async with asyncio.timeout(10):
        while len(house.objects.uploads) < len(uploads):
            await asyncio.sleep(0.01)
    await rotate(house)
    await finish(house)
    go_on.set()
    stored = [recording for recording, _ in await asyncio.gather(*uploads)]
    for recording in stored:
        assert await house.settle(recording.id) is State.AVAILABLE
        assert await house.heard(recording.id) == AUDIO
    assert (await versions(house))["recording_key"] == {2}


async def test_what_changes_meanwhile_wins(house: House):
    """A recording is erased and credentials are changed between reading and replacing: neither comes back."""
    recording_id = await fill(house)
    await before_months(house)
    vault, account_id = house.vault, house.account.id
    rows = {
        kind: await house.database.read(lambda tx, k=kind: tx.rotations.under(k, account_id, 1, limit=9))
        for kind in SEALED_KINDS
    }
    await rotate(house)
    await vault.recordings.recordings.erase(account_id, recording_id, **ME)
    await vault.accounts.connections.set(account_id, "main", CONNECTION, **ME)
    (rotation,) = (await vault.key_rotation.rotations.status(account_id)).rotations
    for kind, count, changed in (("recording_key", 1, 0), ("credentials", 1, 0), ("call_fact", 2, 2)):
        sealed = [(row, b"sealed anew") for row in rows[kind]]
        assert len(sealed) == count
        assert changed == await house.database.write(
            lambda tx, k=kind, s=sealed: tx.rotations.replace(k, rotation, s, version=2, month_key="month")
        )
    assert await house.keys_gone(recording_id)
    opened = await vault.ingest.webhooks.connection_cache.get(house.connection_id)
    assert opened.credentials[0] == CONNECTION.credentials


async def test_an_upload_outlives_the_key_service(house: House):
    """Its key was there when it began: a key service that goes down meanwhile does not lose what was sent."""
    go_on = asyncio.Event()

    async def slow() -> Any:
        yield AUDIO[:1000]
        await go_on.wait()
        yield AUDIO[1000:]

    upload = asyncio.create_task(
        house.vault.ingest.uploads.store(house.account.id, "call-1", "up", slow(), **ME)
    )
    async with asyncio.timeout(10):
        while not house.objects.uploads:
            await asyncio.sleep(0.01)
    house.root_key.reachable = False
    house.vault.jobs.rewrap.ring.forget(house.account.id)
    go_on.set()
    recording, _ = await upload
    assert recording.state is State.STORED
    house.root_key.reachable = True
    assert await house.settle(recording.id) is State.AVAILABLE
