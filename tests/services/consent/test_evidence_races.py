"""Two that are at one recording's evidence at the same time, on PostgreSQL, where both may be under way."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.gates import with_gate_database
from tests.support.parties import (
    CALLER,
    ME,
    Interrupted,
    announced,
    kept_apart,
    kinds,
    let_in,
    set_policy,
    tell,
)
from tests.support.service_house import LONG_AGO, House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of

pytestmark = [pytest.mark.faults, pytest.mark.postgresql]
#: Seconds in which the second of two gets as far as it can.
_AS_FAR_AS_IT_CAN = 0.3


@pytest.fixture
async def house(tmp_path: Path, threads, postgresql: PostgresqlDatabase) -> AsyncIterator[House]:
    """A vault on PostgreSQL."""
    async with new_house(tmp_path, threads, postgresql) as made:
        await set_policy(made)
        yield made


class Halting(Interrupted):
    """Does what it is asked, and halts before the commit, once, until it is told to go on."""

    def __init__(self, database: Any) -> None:
        """Wrap a database of which one verb writes."""
        super().__init__(database, self._nothing)
        self.halted, self.go_on = threading.Event(), threading.Event()

    async def write(self, function: Any, *, urgent: bool = False) -> Any:
        """Write, and halt before the commit."""

        def halting(tx: Any) -> Any:
            result = function(tx)
            self.halted.set()
            assert self.go_on.wait(4)
            return result

        return await super().write(halting, urgent=urgent)

    async def _nothing(self) -> None:
        """Let nothing happen before it."""


class HaltingAtTheGate(Halting):
    """Halts before the commit of the gate, and of nothing else."""

    async def write(self, function: Any, *, urgent: bool = False) -> Any:
        """Write."""
        if getattr(getattr(function, "func", None), "__name__", "") == "gate":
            return await super().write(function, urgent=urgent)
        return await self.database.write(function, urgent=urgent)


async def meet(halting: Halting, first: Any, second: Any) -> None:
    """Run the first to its commit, and the second as far as it can, which is not to its end; let both end."""
    one = asyncio.ensure_future(first)
    assert await asyncio.to_thread(halting.halted.wait, 5)
    other = asyncio.ensure_future(second)
    await asyncio.sleep(_AS_FAR_AS_IT_CAN)
    waits = not other.done()
    halting.go_on.set()
    await one
    await other
    assert waits


async def word(house: House, kind: str) -> None:
    """Let something be reported about the call that its recordings' evidence takes in."""
    if kind == "consent":
        await tell(house, "announced", party="agent")
    else:
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", agent="kim"))


@pytest.mark.parametrize("kind", ["consent", "facts"])
async def test_an_erasure_leaves_nothing_to_a_word_at_the_same_time(house: House, kind: str):
    """The word waits for the erasure, and finds nothing to add to."""
    recording_id = await let_in(house)
    halting = Halting(house.vault.database)
    erase = replace(house.vault.recordings.recordings, database=halting).erase
    await meet(halting, erase(house.account.id, recording_id, **ME), word(house, kind))
    assert await house.state(recording_id) is State.ERASING
    assert await house.database.read(lambda tx: tx.evidence.of_recording(recording_id)) == []


@pytest.mark.parametrize("kind", ["consent", "facts"])
async def test_a_quarantine_that_ends_leaves_nothing_to_a_word_at_the_same_time(house: House, kind: str):
    """The word waits for the expiry, and finds nothing to add to."""
    recording_id = await kept_apart(house)
    await house.set(recording_id, quarantined_until=LONG_AGO)
    halting = Halting(house.vault.database)
    expire = replace(house.vault.recordings.quarantine, database=halting).expire
    await meet(halting, expire(), word(house, kind))
    assert await house.state(recording_id) is State.REFUSED
    assert await house.database.read(lambda tx: tx.evidence.of_recording(recording_id)) == []


async def test_a_no_is_kept_though_its_recording_is_erased_at_the_same_time(house: House):
    """It finds the recording gone, which is no reason to forget the no."""
    await set_policy(house, withdrawal="erase")
    recording_id = await let_in(house)
    halting = Halting(house.vault.database)
    erase = replace(house.vault.recordings.recordings, database=halting).erase
    await meet(halting, erase(house.account.id, recording_id, **ME), tell(house, "withdrawn"))
    assert await house.state(recording_id) is State.ERASING
    assert (await tell(house, "accepted")).grounds[0].code == "withdrawn"


async def test_a_manifest_is_due_again_after_a_word_at_the_same_time(house: House):
    """The word was not committed when its rows were counted: it is in the next manifest."""
    recording_id = await let_in(house)
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    halting = Halting(house.vault.database)
    consent = house.vault.consent
    record = replace(consent.records.record_consent, database=halting)
    records = replace(consent.records, record_consent=record)
    told = replace(house.vault, consent=replace(consent, records=records))
    await meet(halting, word(replace(house, vault=told), "consent"), house.vault.jobs.write_manifests())
    await house.vault.jobs.write_manifests()
    place = location_of(house.account.id, recording_id)
    manifest = json.loads(bytes(house.objects.objects[place].body))
    assert len(manifest["evidence_chain"]) == len(await kinds(house, recording_id)) == 2


@pytest.mark.parametrize("policy", ["restrict", "erase"])
async def test_a_no_deals_with_what_the_gate_lets_in_at_the_same_time(house: House, policy: str):
    """It waits for the gate, and sees the recording as the gate left it."""
    await set_policy(house, withdrawal=policy)
    await tell(house, "announced")
    recording_id = await announced(house)
    halting = HaltingAtTheGate(house.database)
    ingest = with_gate_database(house.vault, halting).jobs.ingest
    await meet(halting, ingest(), tell(house, "declined"))
    row = await house.row(recording_id)
    expected = {"restrict": (State.AVAILABLE, True), "erase": (State.ERASING, False)}
    assert (row.state, row.restricted) == expected[policy]


async def test_an_objection_waits_for_the_gate(house: House):
    """What was let in at the same time was let in before it, by the database's own clock."""
    await tell(house, "announced")
    recording_id = await announced(house)
    halting = HaltingAtTheGate(house.database)
    ingest = with_gate_database(house.vault, halting).jobs.ingest
    enter = house.vault.consent.objections.enter(house.account.id, CALLER, reason=None, **ME)
    await meet(halting, ingest(), enter)
    row = await house.row(recording_id)
    (objected,) = await house.vault.consent.objections.list(house.account.id, after=None, limit=5)
    assert row.state is State.AVAILABLE
    assert row.available_at < objected.objection.since
