"""Vaults on which a process beside them works and dies, at edges that are spread over all of its work."""

import asyncio
import io
import os
import shutil
import signal
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.forked import run_forked
from tests.servers.moto import moto_server
from tests.services.requests.dying_jobs import NODE, REQUEST, keep_root_key, read_root_key
from tests.services.requests.people import ACTOR, carried_out
from tests.support.counts import count
from tests.support.pairs import keys_in, store_of, url_of
from tests.support.postgresql_tables import tables_of
from tests.support.s3_store import each_version, s3_store
from tests.support.service_house import LONG_AGO, House, new_house, reopened
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.requests import person_packages
from vault.domain.recordings.recording import State
from vault.domain.requests.package import PREFIX
from vault.domain.requests.request import RequestState
from vault.objects.s3 import S3Store
from vault.ports.objects import ObjectStore
from vault.thread_pools import Threads

#: Makes what a job works on, and returns the check of what it did.
Prepare = Callable[["Ground", int], Awaitable[Callable[[], Awaitable[None]]]]
#: Opens an empty vault.
OpenGround = Callable[[], AbstractAsyncContextManager["Ground"]]
#: Sets an empty vault up.
SetUp = Callable[[House], Awaitable[None]]
#: Kills on one vault: each check reads all that the vault has.
_KILLS = 20
#: The number of what a process works on that lived: those of the others are below.
_AGAIN = 1000


@dataclass
class Ground:
    """A vault in a folder and its store, and the process beside it that works on both and dies."""

    house: House
    folder: Path
    threads: Threads
    objects_url: str
    database_url: str | None
    #: What must not lie in clear in database and store, of the person about whom the present job is.
    marks: list[bytes] = field(default_factory=list)

    async def run(self, job: str, at: int, *, node: int = 0, request: int = 0) -> int | None:
        """Let the process do the job and die at an edge; return how many edges there are, None if it died.

        They are counted from the beginning, or from a request to a CRM, by its number. Several processes may run on
        PostgreSQL, each with its own number.
        """
        keep_root_key(self.house.root_key, self.folder)
        if self.database_url is None:
            self.house.database.close()
        named = [str(self.folder), job, str(at), self.objects_url, *filter(None, [self.database_url])]
        command = [sys.executable, "-m", "tests.services.requests.dying_jobs", *named]
        done = await asyncio.to_thread(
            run_forked, command, {**os.environ, NODE: str(node), REQUEST: str(request)}, seconds=180
        )
        read_root_key(self.house.root_key, self.folder)
        if self.database_url is None:
            self.house = reopened(self.house, self.folder, self.threads)
        if done.returncode == -signal.SIGKILL:
            return None
        assert done.returncode == 0, f"{done.returncode} {done.stderr}"
        return int(done.stdout.split()[-1])

    async def keys(self, *words: str) -> list[str]:
        """Return the keys of objects with these words in them, without closing acts."""
        return [key for key in await keys_in(self.house.objects) if all(word in key for word in words)]

    async def in_clear(self) -> list[bytes]:
        """Return the marks that are in clear in the files, the tables and the object store."""

        def stored() -> Iterator[bytes]:
            # One at a time: with every edge there is one more package.
            yield from (path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
            if self.database_url is not None:
                yield from tables_of(self.database_url).values()
            if isinstance(self.house.objects, S3Store):
                store = self.house.objects
                yield from (body for _, body in each_version(store.client, store.bucket))

        def search() -> set[bytes]:
            return {mark for one in stored() for mark in self.marks if mark in one}

        return sorted(await asyncio.to_thread(search))

    async def tidy(self, request_id: str) -> None:
        """Let a day pass, and assert that of a package its parts are left, and of no upload anything."""
        await replace(self.house.vault.requests.packages, grace=timedelta()).delete_expired()
        await replace(self.house.vault.jobs.sweep, grace=timedelta())(everything=True)
        query = person_packages.select().where(person_packages.c.part_of == request_id)
        rows = await self.house.database.read(lambda tx: tx.connection.execute(query).all())
        assert sorted(await self.keys(PREFIX, request_id)) == sorted(row.location for row in rows)
        assert await asyncio.to_thread(self._uploads) == []

    def _uploads(self) -> list[str]:
        store = self.house.objects
        if isinstance(store, S3Store):
            found = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
            return [one["Key"] for one in found]
        return [path.name for path in (self.folder / "objects" / ".incoming").iterdir()]


def grounds(request: pytest.FixtureRequest, pair: str, folder: Path, threads: Threads) -> OpenGround:
    """Return what opens vaults on a pair of database and store that another process can open."""
    here = folder / "ground"
    databases = None if pair.startswith("sqlite") else request.getfixturevalue("migrated_databases")

    @asynccontextmanager
    async def open_ground() -> AsyncIterator[Ground]:
        with ExitStack() as stack:
            here.mkdir()
            stack.callback(shutil.rmtree, here)
            url = None if databases is None else stack.enter_context(databases())
            objects = stack.enter_context(_store(request, pair, here, threads))
            database = None if url is None else PostgresqlDatabase(url)
            async with new_house(here, threads, database, objects=objects) as house:
                ground = Ground(house, here, threads, url_of(objects), url)
                yield ground
                ground.house.database.close()

    return open_ground


@contextmanager
def _store(request: pytest.FixtureRequest, pair: str, here: Path, threads: Threads) -> Iterator[ObjectStore]:
    """Open the store of a pair. Each vault has a moto of its own, which keeps the bytes of deleted objects."""
    if not pair.endswith("moto"):
        with store_of(request, pair, here, threads) as objects:
            yield objects
        return
    request.getfixturevalue("aws_credentials")
    folder = here.parent / "moto"
    folder.mkdir(exist_ok=True)
    with moto_server(folder) as url:
        store = s3_store(url, threads, versioned=True)
        yield store
        store.close()


async def _set_nothing(_: House) -> None: ...


async def kill(
    open_ground: OpenGround,
    what: str,
    job: str,
    prepare: Prepare,
    *,
    set_up: SetUp = _set_nothing,
    small: int = 6,
) -> None:
    """Kill the job at edges that are spread over all of it, and check each time what the next process makes of it."""
    async with open_ground() as ground:
        await set_up(ground.house)
        # The first work of a vault takes more calls than later work.
        edges = [await _live(ground, job, prepare, number) for number in range(2)][-1]
        tried = count(f"kills at edges of {what}", small=min(small, edges), full=edges)
        places = [number * edges // tried for number in range(1, tried + 1)]
        died = await _killed(ground, job, prepare, places[:_KILLS], edges)
    for first in range(_KILLS, tried, _KILLS):
        async with open_ground() as ground:
            await set_up(ground.house)
            await _live(ground, job, prepare, 0)
            died += await _killed(ground, job, prepare, places[first : first + _KILLS], edges)
    # The work differs by a poll or two from time to time, so the last edges may lie behind its end.
    assert died >= tried - max(1, tried // 10), f"{died} of {tried} were killed"
    print(f"{died} killed at {edges} edges of {what}")


async def _live(ground: Ground, job: str, prepare: Prepare, number: int) -> int:
    """Let the process do the job, check what it did, and return its number of edges."""
    check = await prepare(ground, number)
    edges = await ground.run(job, 0)
    assert edges is not None
    await check()
    return edges


async def _killed(ground: Ground, job: str, prepare: Prepare, places: Sequence[int], edges: int) -> int:
    """Kill the process at edges, check each time what the next one makes of it, and return how often it died."""
    died = 0
    for number, at in enumerate(places, start=2):
        lived = await _kill(ground, job, prepare, number, at)
        if lived is not None:
            # A busy machine had counted more edges, such as of turns with fewer messages: at the same part of these.
            lived = await _kill(ground, job, prepare, number + _AGAIN, max(1, at * lived // edges))
        died += lived is None
    return died


async def _kill(ground: Ground, job: str, prepare: Prepare, number: int, at: int) -> int | None:
    check = await prepare(ground, number)
    lived = await ground.run(job, at)
    try:
        assert await ground.in_clear() == []
        await check()
    except AssertionError as error:
        error.add_note(f"edge {at}")
        raise
    return lived


async def events_of(house: House, recording_id: str | None = None) -> list[str]:
    """Return the kinds of the account's events, when all of them are in the log."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    return await house.events(recording_id)


async def gone_once(ground: Ground, recording_id: str) -> None:
    """Assert that a recording is erased, with its objects, and that its erasure was begun and ended once."""
    assert await ground.house.settle(recording_id) is State.ERASED
    told = await events_of(ground.house, recording_id)
    assert (told.count("recording.erasing"), told.count("recording.erased")) == (1, 1)
    assert await ground.house.keys_gone(recording_id)
    assert await ground.keys(recording_id) == []


async def closed_request(ground: Ground, request_id: str, recording_ids: list[str]) -> RequestState:
    """Let the next process go on until the request is closed, as if every lease had run out."""
    for _ in range(5):
        await leases_end(ground, recording_ids)
        state = await carried_out(ground.house, request_id, rounds=4)
        view = await ground.house.vault.requests.requests.read(ground.house.account.id, request_id)
        if view.request.closed_at is not None:
            break
    return state


async def leases_end(ground: Ground, recording_ids: list[str]) -> None:
    """Let the leases that a killed process held on recordings run out."""
    for recording_id in recording_ids:
        await ground.house.set(recording_id, lease_until=LONG_AGO, not_before=LONG_AGO)


async def made(house: House, kind: str, request_id: str) -> int:
    """Count what the log says was made for a request."""
    await events_of(house)
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=100_000)
    )
    return sum((one.event.type, one.event.result) == (kind, request_id) for one in page)


async def part_of(house: House, request_id: str, part: int) -> zipfile.ZipFile:
    """Download a part of a package, and read all of it."""
    size, blocks = await house.vault.requests.packages.download(
        house.account.id, request_id, part=part, actor=ACTOR
    )
    data = b"".join([block async for block in blocks])
    assert len(data) == size
    files = zipfile.ZipFile(io.BytesIO(data))
    assert files.testzip() is None
    return files
