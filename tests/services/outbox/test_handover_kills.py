"""kill -9 in a hand-over, beside a CRM that lives on: one record for each recording, none after an erasure.

The process dies in front of a request, once the system has done it and not answered, before the answer is stored, and
after that. The next process goes on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import update

from tests.fakes.crm import HOST
from tests.fakes.kept_crm import CRM, KeptNotebook
from tests.services.requests.mortal_ground import Ground, OpenGround, events_of, grounds
from tests.support import handing
from tests.support.authorizing import activated, authorize
from tests.support.outbox import let_time_come
from tests.support.rights_cases import PAIRS
from tests.support.service_house import LONG_AGO
from vault.database.schema.handover import integrations
from vault.database.schema.outbox import outbox_messages
from vault.database.transaction import Transaction
from vault.domain.handover.handover import StoredHandover
from vault.thread_pools import Threads

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
#: Edges from a request on: in front of it, between its effect and its answer, in front of what is stored then, behind.
STEPS: Final = range(1, 5)


@dataclass
class Scene:
    """A vault, the process beside it that dies, and a CRM with one contact."""

    ground: Ground
    crm: KeptNotebook

    async def goes_on(self) -> None:
        """Let the next process work until nothing is left, as if every lease and each time to wait had run out."""
        house = self.ground.house
        for _ in range(4):
            await house.database.write(_leases_end)
            await handing.let_pass(house)
            await let_time_come(house)
            await handing.hand_over(house)

    async def handover(self, recording_id: str) -> StoredHandover:
        """Return the hand-over of a recording."""
        found = await handing.all_handovers(self.ground.house)
        (one,) = [it for it in found if it.recording_id == recording_id]
        return one

    async def texts(self, recording_id: str) -> list[str]:
        """Return what the CRM has of a recording."""
        handover = await self.handover(recording_id)
        return [one["text"] for one in self.crm.read().records.values() if one["id"] == handover.id]

    async def each_disclosure_is_logged(self, recording_id: str, since: int) -> None:
        """Assert that of each request that tells something the log has an entry; there may be more, never fewer."""
        logged, sent = await events_of(self.ground.house, recording_id), self.crm.read().requests[since:]
        assert sent.count("GET /contacts") <= logged.count("handover.looked_up")
        assert sent.count("POST /records") <= logged.count("handover.sent")


def _leases_end(tx: Transaction) -> None:
    leased = outbox_messages.c.lease_until.is_not(None)
    tx.connection.execute(update(outbox_messages).where(leased).values(lease_until=LONG_AGO))
    begun = integrations.c.refreshing_until.is_not(None)
    tx.connection.execute(update(integrations).where(begun).values(refreshing_until=LONG_AGO))


@pytest.fixture(params=PAIRS[:2])
def open_ground(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> OpenGround:
    """Opens an empty vault on a pair of database and store that another process can open."""
    return grounds(request, request.param, tmp_path, threads)


#: Makes what the process works on; returns the check of what the next one makes of it.
Prepare = Callable[[Scene, int], Awaitable[Callable[[], Awaitable[None]]]]


async def kill_at_each_step(
    open_ground: OpenGround, prepare: Prepare, *, requests: int, by_app: bool = False
) -> None:
    """Kill the process at each step of its first requests."""
    async with open_ground() as ground:
        house, crm = ground.house, KeptNotebook(ground.folder.parent / CRM)
        peer = crm.read()
        peer.contacts = [handing.ANN]
        house.outside.peers[HOST] = peer
        if by_app:
            peer.keys = set()
            view = await activated(house, peer)
            await authorize(house, peer, view)
        else:
            await handing.activate(house)
        crm.write(peer)
        house.outside.peers[HOST] = crm
        scene = Scene(ground, crm)
        for request in range(1, requests + 1):
            for step in STEPS:
                check = await prepare(scene, request * 10 + step)
                assert await ground.run("hand over", step, request=request) is None
                try:
                    await check()
                except AssertionError as error:
                    error.add_note(f"request {request}, step {step}")
                    raise


@pytest.mark.parametrize("erased", [False, True])
async def test_a_killed_creation_leaves_one_record_and_none_after_an_erasure(
    open_ground: OpenGround, erased: bool
):
    """The look-up and the creation."""

    async def prepare(scene: Scene, number: int) -> Callable[[], Awaitable[None]]:
        recording_id = await handing.call(scene.ground.house, f"rec-{number}")
        before = len(scene.crm.read().requests)

        async def check() -> None:
            if erased:
                await handing.erase(scene.ground.house, recording_id)
            await scene.goes_on()
            sent = scene.crm.read().requests[before:]
            assert sent.count("POST /records") <= 1
            texts, state = await scene.texts(recording_id), (await scene.handover(recording_id)).state
            assert (state, len(texts)) == (("absent", 0) if erased else ("present", 1))
            await scene.each_disclosure_is_logged(recording_id, before)

        return check

    await kill_at_each_step(open_ground, prepare, requests=2)


async def test_a_killed_removal_is_done(open_ground: OpenGround):
    """The emptying and the deletion; the log has one removal, after it was done."""

    async def prepare(scene: Scene, number: int) -> Callable[[], Awaitable[None]]:
        house = scene.ground.house
        recording_id = await handing.call(house, f"rec-{number}")
        await handing.hand_over(house)
        assert len(await scene.texts(recording_id)) == 1
        await handing.erase(house, recording_id)

        async def check() -> None:
            removed = (await events_of(scene.ground.house, recording_id)).count("handover.removed")
            assert removed == 0 or await scene.texts(recording_id) == []
            await scene.goes_on()
            assert (await scene.handover(recording_id)).state == "absent"
            assert await scene.texts(recording_id) == []
            logged = await events_of(scene.ground.house, recording_id)
            assert logged.count("handover.removed") == 1

        return check

    await kill_at_each_step(open_ground, prepare, requests=2)


async def test_a_killed_refresh_asks_a_person_at_most(open_ground: OpenGround):
    """The refresh token is valid once: it is never sent twice, and after a new authorization the call stands there."""

    async def prepare(scene: Scene, number: int) -> Callable[[], Awaitable[None]]:
        recording_id = await handing.call(scene.ground.house, f"rec-{number}")
        peer = scene.crm.read()
        peer.tokens.access.clear()
        before = len(peer.requests)
        scene.crm.write(peer)

        async def check() -> None:
            house = scene.ground.house
            await scene.goes_on()
            (view,) = await house.vault.handover.integrations.list(house.account.id)
            tokens = scene.crm.read().requests[before:].count("POST /token")
            assert tokens <= 1
            if view.integration.unauthorized_since is not None:
                assert (await scene.handover(recording_id)).state == "waiting"
                peer = scene.crm.read()
                house.outside.peers[HOST] = peer
                await authorize(house, peer, view)
                scene.crm.write(peer)
                house.outside.peers[HOST] = scene.crm
                await scene.goes_on()
            assert len(await scene.texts(recording_id)) == 1
            await scene.each_disclosure_is_logged(recording_id, before)

        return check

    await kill_at_each_step(open_ground, prepare, requests=2, by_app=True)
