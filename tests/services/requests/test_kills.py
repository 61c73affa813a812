"""kill -9 at edges of the calls of a sweep, an erasure by number, a package and an approval: a few, or every one.

The next process goes on where the killed one was: nothing is erased early, nothing happens twice, and receipts are
true.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples import verify_receipt as script
from tests.servers.forked import run_forked
from tests.services.requests.dying_jobs import keep_root_key
from tests.services.requests.people import OTHER, ask, asks, carried_out, decide, receipt, recorded
from tests.services.requests.proving import KEY
from tests.services.requests.test_packages import package, stereo_call
from tests.support.approvals import approve, rule
from tests.support.approvals import ask as ask_to_erase
from tests.support.counts import count
from tests.support.retention import kept, place, set_retention, state_of_approval
from tests.support.service_house import LONG_AGO, SIGNER, House, new_house, reopened
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import State
from vault.domain.requests.package import PREFIX
from vault.domain.requests.request import RequestState
from vault.objects.directory import DirectoryStore
from vault.thread_pools import Threads
from vault.tlog.receipt_file import verify_receipt

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
#: Makes what a job works on, and returns the check of what it did.
Prepare = Callable[["_Ground", int], Awaitable[Callable[[], Awaitable[None]]]]


@dataclass
class _Ground:
    """A vault in a folder, and the process beside it that works on it and dies."""

    house: House
    folder: Path
    threads: Threads
    url: str | None

    async def run(self, job: str, at: int) -> int | None:
        """Let the process do the job and die at an edge; return how many edges there are, None if it died."""
        keep_root_key(self.house.root_key, self.folder)
        if self.url is None:
            self.house.database.close()
        named = [str(self.folder), job, str(at), *([] if self.url is None else [self.url])]
        command = [sys.executable, "-m", "tests.services.requests.dying_jobs", *named]
        done = await asyncio.to_thread(run_forked, command, {}, seconds=180)
        if self.url is None:
            self.house = reopened(self.house, self.folder, self.threads)
        if done.returncode == -signal.SIGKILL:
            return None
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1])

    def files(self, *named: str) -> list[str]:
        """Return the objects with these words in their names, without closing acts."""
        store = self.folder / "objects"
        found = [str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()]
        return [
            one
            for one in found
            if all(word in one for word in named) and not one.startswith(("closing/", "closed/"))
        ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def ground(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[_Ground]:
    """A vault on either database and a directory, which another process can open."""
    url = None if request.param == "sqlite" else request.getfixturevalue("migrated_url")
    database = None if url is None else PostgresqlDatabase(url)
    objects = DirectoryStore(tmp_path / "objects", threads)
    async with new_house(tmp_path, threads, database, objects=objects) as house:
        made = _Ground(house, tmp_path, threads, url)
        yield made
        made.house.database.close()


async def _kill(ground: _Ground, what: str, job: str, prepare: Prepare) -> None:
    """Kill the job at edges that are spread over all of it, and check each time what the next process makes of it."""
    check = await prepare(ground, 0)
    edges = await ground.run(job, 0)
    assert edges is not None
    await check()
    tried = count(f"kills at edges of {what}", small=min(6, edges), full=edges)
    died = 0
    for number in range(1, tried + 1):
        check, at = await prepare(ground, number), number * edges // tried
        died += await ground.run(job, at) is None
        try:
            await check()
        except AssertionError as error:
            error.add_note(f"edge {at} of {edges}")
            raise
    # The work differs by a poll or two from time to time, so the last edges may lie behind its end.
    assert died >= tried - max(1, tried // 10)
    print(f"{died} killed at {edges} edges of {what}")


async def _events(house: House, recording_id: str | None = None) -> list[str]:
    while await house.vault.jobs.log_publisher.sequence():
        pass
    return await house.events(recording_id)


async def _gone_once(ground: _Ground, recording_id: str) -> None:
    """Assert that a recording is erased, with its objects, and that its erasure was begun and ended once."""
    assert await ground.house.settle(recording_id) is State.ERASED
    told = await _events(ground.house, recording_id)
    assert (told.count("recording.erasing"), told.count("recording.erased")) == (1, 1)
    assert await ground.house.keys_gone(recording_id)
    assert ground.files(recording_id) == []


async def test_a_killed_sweep_erases_what_is_due_once_and_nothing_else(ground: _Ground):
    """Two are due each time; one is held and one young, which every sweep meets."""
    await set_retention(ground.house, kept(period="P30D"))
    young, held = await recorded(ground.house, "young"), await recorded(ground.house, "held")
    await place(ground.house, calls=["held"])
    await ground.house.vault.jobs.retention_sweep()
    ended = datetime(2020, 1, 1, tzinfo=UTC)

    async def prepare(_: _Ground, number: int) -> Callable[[], Awaitable[None]]:
        due = [await recorded(ground.house, f"due-{number}-{n}") for n in range(2)]
        for recording_id in (*due, held):
            await ground.house.set(recording_id, call_ended_at=ended)
        await ground.house.vault.jobs.apply_policies()

        async def check() -> None:
            await ground.house.vault.jobs.retention_sweep()
            for recording_id in due:
                await _gone_once(ground, recording_id)
            for recording_id in (young, held):
                assert await ground.house.state(recording_id) is State.AVAILABLE
                assert "recording.erasing" not in await _events(ground.house, recording_id)
                assert await ground.house.heard(recording_id)

        return check

    await _kill(ground, "a retention sweep", "sweep", prepare)


async def test_a_killed_erasure_by_number_is_done_once_and_its_receipt_is_true(ground: _Ground):
    """Two recordings and a request for each kill; the receipt's numbers are those of the store."""

    async def prepare(_: _Ground, number: int) -> Callable[[], Awaitable[None]]:
        caller = f"+3361200{number:04}"
        mine = [await recorded(ground.house, f"call-{number}-{n}", caller=caller) for n in range(2)]
        view = await ask(ground.house, asks(reference=f"ticket {number}", numbers=((caller, None),)))
        await decide(ground.house, view.request.id)

        async def check() -> None:
            assert await _closed(ground, view.request.id, mine) is RequestState.FULFILLED
            for recording_id in mine:
                await _gone_once(ground, recording_id)
            file = await receipt(ground.house, view.request.id)
            shown = verify_receipt(file, verifier=SIGNER.verifier).statement
            assert script.verify(file, KEY) == shown
            assert sorted(one["id"] for one in shown["recordings"]) == sorted(mine)
            assert all(one["object_versions"]["left"] == 0 for one in shown["recordings"])
            assert all(one["object_versions"]["before"] >= 1 for one in shown["recordings"])
            assert await _made(ground.house, "receipt.made", view.request.id) == 1

        return check

    await _kill(ground, "an erasure by number", "requests", prepare)


async def test_a_killed_package_is_made_once_and_whole(ground: _Ground):
    """The half of a package that a kill leaves is deleted a day later; its receipt says what was provided."""

    async def prepare(_: _Ground, number: int) -> Callable[[], Awaitable[None]]:
        caller = f"+3361200{number:04}"
        mine = [await stereo_call(ground.house, f"call-{number}", caller=caller, callee=OTHER)]
        new = asks("access", reference=f"ticket {number}", numbers=((caller, None),))
        view = await ask(ground.house, new)
        await decide(ground.house, view.request.id, "provided")

        async def check() -> None:
            assert await _closed(ground, view.request.id, mine) is RequestState.FULFILLED
            archive = await package(ground.house, view.request.id)
            assert archive.testzip() is None
            assert json.loads(archive.read("request.json"))
            assert await _made(ground.house, "export.made", view.request.id) == 1
            assert await _made(ground.house, "receipt.made", view.request.id) == 1
            verify_receipt(await receipt(ground.house, view.request.id), verifier=SIGNER.verifier)
            tomorrow = datetime.now(UTC) + timedelta(days=2)
            await replace(ground.house.vault.packages, clock=lambda: tomorrow).delete_expired()
            assert len(ground.files(PREFIX, view.request.id)) == 1
            assert await ground.house.state(mine[0]) is State.AVAILABLE

        return check

    await _kill(ground, "a package", "requests", prepare)


async def test_an_approved_erasure_is_done_once_wherever_its_process_dies(ground: _Ground):
    """Before the approval it still waits; after it, it is carried out by the next process, and never twice."""
    await rule(ground.house, "recording_erasure")

    async def prepare(_: _Ground, number: int) -> Callable[[], Awaitable[None]]:
        recording_id = await recorded(ground.house, f"call-{number}")
        asked = await ask_to_erase(ground.house, recording_id)

        async def check() -> None:
            house = ground.house
            await house.vault.jobs.settle_approvals()
            if await state_of_approval(house, asked.id) is ApprovalState.PENDING:
                assert await house.state(recording_id) is State.AVAILABLE
                await approve(house, asked)
            assert await state_of_approval(house, asked.id) is ApprovalState.EXECUTED
            await _gone_once(ground, recording_id)
            for kind in ("approval.requested", "approval.approved", "approval.executed"):
                assert await _made(house, kind, asked.id) == 1, kind

        return check

    await _kill(ground, "an approval", "approve", prepare)


async def _closed(ground: _Ground, request_id: str, recording_ids: list[str]) -> RequestState:
    """Let the next process go on until the request is closed, as if every lease had run out."""
    for _ in range(5):
        for recording_id in recording_ids:
            await ground.house.set(recording_id, lease_until=LONG_AGO, not_before=LONG_AGO)
        state = await carried_out(ground.house, request_id, rounds=4)
        view = await ground.house.vault.requests.read(ground.house.account.id, request_id)
        if view.request.closed_at is not None:
            break
    return state


async def _made(house: House, kind: str, request_id: str) -> int:
    """Count what the log says was made for a request."""
    await _events(house)
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=100_000)
    )
    return sum((one.event.type, one.event.result) == (kind, request_id) for one in page)
