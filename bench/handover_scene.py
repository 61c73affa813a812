"""A vault in this process with two accounts: one hands calls over to a HubSpot at its rate, one to a fast system."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from tests.fakes.crm import HOST, NotebookPeer
from tests.fakes.limited import Limited
from tests.support.handing import ANN, CUSTOMER, ME, VENDOR, activate, call, follow, set_home
from tests.support.outbox import send_due
from tests.support.service_house import House, new_house, with_account
from tests.support.statement_counts import counted
from vault.crm.systems.hubspot import HubSpot
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.handover import handovers
from vault.services.handover.credentials import IntegrationChange
from vault.simulator.crm.systems.hubspot import SimulatedHubSpot
from vault.thread_pools import Threads

#: Requests of one window, and its seconds.
LIMIT: Final = 110
SECONDS: Final = 10.0
#: Seconds between two looks of what sends in place of a worker, and for the record of a call.
_POLL, _LOOK = 0.02, 0.002
#: Seconds between two turns where the pace of a system ends one, and in which all of a round must be handed over.
_TURN, _LONGEST = 1.0, 120.0
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Went:
    """What went in a time."""

    records: int
    requests: int
    refused: int
    seconds: float


@dataclass(eq=False, slots=True, kw_only=True)
class Scene:
    """Both accounts, and their systems."""

    house: House
    other: House
    hubspot: Limited
    number: int = 0

    async def cost(self, number: int) -> tuple[float, float]:
        """Return the CPU milliseconds and the statements of each of so many hand-overs, beyond their calls."""
        await self._calls(self.house, number)
        own, before = self.hubspot.cpu, await self._records(self.house)
        with counted(self.house.database) as counts:
            begun = time.process_time()
            await follow(self.house)
            looks = await self._send_all(before + number)
            cpu = time.process_time() - begun - (self.hubspot.cpu - own)
        self.hubspot.peer.index()
        return cpu * 1000 / number, (counts.statements - looks) / number

    async def add_waiting(self, number: int) -> None:
        """Let so many calls wait for HubSpot, which has its rate from now on."""
        for start in range(0, number, _BATCH):
            await self._calls(self.house, min(_BATCH, number - start))
            await follow(self.house)
        self.hubspot.is_limited = True

    async def timed(self, number: int) -> list[float]:
        """Return the milliseconds from the reading of the log to the record of calls of the other account."""
        stopping = asyncio.Event()
        sending = asyncio.create_task(self._send_until(stopping))
        taken = []
        try:
            for _ in range(number):
                await self._calls(self.other, 1)
                begun, before = time.perf_counter(), await self._records(self.other)
                await follow(self.other)
                while await self._records(self.other) == before:  # noqa: ASYNC110 - as a user of the system looks
                    await asyncio.sleep(_LOOK)
                taken.append((time.perf_counter() - begun) * 1000)
        finally:
            stopping.set()
            await sending
        return taken

    async def at_rate(self, seconds: float) -> Went:
        """Hand over what waits for so long."""
        system, before, begun = self.hubspot, await self._records(self.house), time.monotonic()
        requests, refused = system.requests, system.refused
        stopping = asyncio.Event()
        sending = asyncio.create_task(self._send_until(stopping))
        await asyncio.sleep(seconds)
        stopping.set()
        await sending
        return Went(
            records=await self._records(self.house) - before,
            requests=system.requests - requests,
            refused=system.refused - refused,
            seconds=time.monotonic() - begun,
        )

    async def _calls(self, house: House, number: int) -> None:
        for _ in range(number):
            self.number += 1
            await call(house, f"rec-{self.number}")

    async def _records(self, house: House) -> int:
        mine = (handovers.c.account_id == house.account.id) & (handovers.c.state == "present")
        query = select(func.count()).select_from(handovers).where(mine)
        return int(await house.database.read(lambda tx: tx.connection.execute(query).scalar_one()))

    async def _send_all(self, records: int) -> int:
        """Send until there are so many records, at the pace of the system's searches. Raises TimeoutError.

        Return how often it looked, which is a statement of the benchmark's own each.
        """
        looks = 1
        async with asyncio.timeout(_LONGEST):
            await send_due(self.house)
            while await self._records(self.house) < records:
                looks += 1
                await asyncio.sleep(_TURN)
                await send_due(self.house)
        return looks

    async def _send_until(self, stopping: asyncio.Event) -> None:
        send = self.house.vault.jobs.send_outbox
        while not stopping.is_set():
            if not await send():
                await asyncio.sleep(_POLL)
        await send.idle()


@asynccontextmanager
async def scene(folder: Path, threads: Threads, url: str | None) -> AsyncIterator[Scene]:
    """Open a vault on SQLite, or on PostgreSQL."""
    database = None if url is None else PostgresqlDatabase(url)
    async with new_house(folder, threads, database) as house:
        other = await with_account(house, "other")
        hubspot = Limited(SimulatedHubSpot(), limit=LIMIT, seconds=SECONDS, is_limited=False)
        peer = hubspot.peer
        peer.add_contact("06 12 34 56 78", CUSTOMER, "612345678")
        house.outside.peers[HOST] = NotebookPeer(contacts=[ANN])
        house.outside.peers |= dict.fromkeys(HubSpot().hosts(peer.settings), hubspot)
        await set_home(house)
        wanted = IntegrationChange(key=peer.key, settings=peer.settings)
        await house.vault.handover.integrations.activate(
            house.account.id, "hubspot", wanted, vendor=VENDOR, **ME
        )
        await activate(other)
        yield Scene(house=house, other=other, hubspot=hubspot)
