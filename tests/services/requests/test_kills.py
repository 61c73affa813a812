"""kill -9 at edges of the calls of a sweep, an erasure by number, exports and an approval: a few, or every one.

The next process goes on where the killed one was: nothing is erased early, nothing happens twice, and receipts are
true.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples import verify_receipt as script
from tests.services.requests.closures import closing, work
from tests.services.requests.dying_jobs import MOST
from tests.services.requests.mortal_ground import (
    Ground,
    OpenGround,
    closed_request,
    events_of,
    gone_once,
    grounds,
    kill,
    leases_end,
    made,
    part_of,
)
from tests.services.requests.people import OTHER, ask, asks, decide, receipt, recorded
from tests.services.requests.proving import KEY
from tests.services.requests.stereo_calls import stereo, stereo_call
from tests.support.approvals import approve, rule
from tests.support.approvals import ask as ask_to_erase
from tests.support.retention import kept, place, set_retention, state_of_approval
from tests.support.rights_cases import PAIRS
from tests.support.service_house import SIGNER, House, with_account
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import State
from vault.domain.requests.package import PREFIX
from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.objects.s3 import PART_SIZE
from vault.services.requests import package_files
from vault.thread_pools import Threads
from vault.tlog.receipt_file import verify_receipt

#: Bytes of one party's channel, and the seconds of a call whose copy is more than one part of an upload to S3.
BYTES_PER_SECOND = 16_000
LONGER_THAN_A_PART = PART_SIZE / BYTES_PER_SECOND + 20

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.fixture(params=PAIRS[:2])
def open_ground(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> OpenGround:
    """Opens an empty vault on a pair of database and store that another process can open."""
    return grounds(request, request.param, tmp_path, threads)


async def test_a_killed_sweep_erases_what_is_due_once_and_nothing_else(open_ground: OpenGround):
    """Two are due each time; one is held and one young, which every sweep meets."""
    ended = datetime(2020, 1, 1, tzinfo=UTC)

    async def set_up(house: House) -> None:
        await set_retention(house, kept(period="P30D"))
        await house.vault.jobs.retention_sweep()

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        due = [await recorded(ground.house, f"due-{number}-{n}") for n in range(2)]
        young = await recorded(ground.house, f"young-{number}")
        held = await recorded(ground.house, f"held-{number}")
        await place(ground.house, calls=[f"held-{number}"])
        for recording_id in (*due, held):
            await ground.house.set(recording_id, call_started_at=ended, call_ended_at=ended)
        await ground.house.vault.jobs.apply_policies()

        async def check() -> None:
            await ground.house.vault.jobs.retention_sweep()
            for recording_id in due:
                await gone_once(ground, recording_id)
            for recording_id in (young, held):
                assert await ground.house.state(recording_id) is State.AVAILABLE
                assert "recording.erasing" not in await events_of(ground.house, recording_id)
                assert await ground.house.heard(recording_id)

        return check

    await kill(open_ground, "a retention sweep", "sweep", prepare, set_up=set_up)


async def test_a_killed_erasure_by_number_is_done_once_and_its_receipt_is_true(open_ground: OpenGround):
    """Two recordings and a request for each kill; the receipt's numbers are those of the store."""

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        caller = f"+3361200{number:04}"
        ground.marks = [caller[1:].encode()]
        mine = [await recorded(ground.house, f"call-{number}-{n}", caller=caller) for n in range(2)]
        view = await ask(ground.house, asks(reference=f"ticket {number}", numbers=((caller, None),)))
        await decide(ground.house, view.request.id)

        async def check() -> None:
            assert await closed_request(ground, view.request.id, mine) is RequestState.FULFILLED
            for recording_id in mine:
                await gone_once(ground, recording_id)
            file = await receipt(ground.house, view.request.id)
            shown = verify_receipt(file, verifier=SIGNER.verifier).statement
            assert script.verify(file, KEY) == shown
            assert sorted(one["id"] for one in shown["recordings"]) == sorted(mine)
            assert all(one["object_versions"]["left"] == 0 for one in shown["recordings"])
            assert all(one["object_versions"]["before"] >= 1 for one in shown["recordings"])
            assert await made(ground.house, "receipt.made", view.request.id) == 1

        return check

    await kill(open_ground, "an erasure by number", "requests", prepare)


@pytest.mark.parametrize("seconds", [1.0, LONGER_THAN_A_PART])
async def test_a_killed_package_is_made_once_and_whole(open_ground: OpenGround, seconds: float):
    """The half of a package that a kill leaves is deleted a day later; its receipt says what was provided."""

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        caller = f"+3361200{number:04}"
        ground.marks = [caller[1:].encode(), stereo()[44:108], b"consultations.json"]
        mine = [
            await stereo_call(ground.house, f"call-{number}", caller=caller, callee=OTHER, seconds=seconds)
        ]
        new = asks("access", reference=f"ticket {number}", numbers=((caller, None),))
        view = await ask(ground.house, new)
        await decide(ground.house, view.request.id, "provided")

        async def check() -> None:
            assert await closed_request(ground, view.request.id, mine) is RequestState.FULFILLED
            archive = await part_of(ground.house, view.request.id, 1)
            assert json.loads(archive.read("request.json"))
            assert sum(one.file_size for one in archive.infolist()) > seconds * BYTES_PER_SECOND
            assert await made(ground.house, "export.made", view.request.id) == 1
            assert await made(ground.house, "receipt.made", view.request.id) == 1
            verify_receipt(await receipt(ground.house, view.request.id), verifier=SIGNER.verifier)
            await ground.tidy(view.request.id)
            assert len(await ground.keys(PREFIX, view.request.id)) == 1
            assert await ground.house.state(mine[0]) is State.AVAILABLE

        return check

    few = 2 if seconds == LONGER_THAN_A_PART else 6
    await kill(open_ground, f"a package of {seconds:.0f} s", "requests", prepare, small=few)


async def test_a_killed_closure_exports_each_recording_once(
    open_ground: OpenGround, monkeypatch: pytest.MonkeyPatch
):
    """An account with three recordings for each kill, exported in two parts; then all of it is erased, and its keys."""
    monkeypatch.setattr(package_files, "MAX_PART_RECORDINGS", MOST)

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        caller, home = f"+3361300{number:04}", await with_account(ground.house, f"closing-{number}")
        ground.house = home
        ground.marks = [caller[1:].encode(), stereo()[44:108], b"recording.vcon.json"]
        mine = [await stereo_call(home, f"call-{n}", caller=caller, callee=OTHER) for n in range(3)]
        closure = await closing(home, export=True)

        async def check() -> None:
            house = ground.house
            await leases_end(ground, mine)
            assert await work(house) is RequestState.FULFILLED
            parts = [await part_of(house, closure, number) for number in (1, 2)]
            given = [
                name.split("/")[1] for one in parts for name in one.namelist() if name.endswith("vcon.json")
            ]
            assert given == mine
            assert [json.loads(one.read("request.json"))["is_last_part"] for one in parts] == [False, True]
            with pytest.raises(NotFound):
                await part_of(house, closure, 3)
            kinds = ("account.closed", "export.made", "receipt.made", "request.closed")
            assert [await made(house, kind, closure) for kind in kinds] == [1, 2, 1, 1]
            shown = verify_receipt(await receipt(house, closure), verifier=SIGNER.verifier).statement
            assert (shown["exported"], shown["recordings_left"], shown["outcome"]) == (True, 0, "fulfilled")
            await ground.tidy(closure)
            for recording_id in mine:
                await gone_once(ground, recording_id)
            assert await ground.in_clear() == []

        return check

    await kill(open_ground, "a closure with an export", "close account", prepare)


async def test_an_approved_erasure_is_done_once_wherever_its_process_dies(open_ground: OpenGround):
    """Before the approval it still waits; after it, it is carried out by the next process, and never twice."""

    async def set_up(house: House) -> None:
        await rule(house, "recording_erasure")

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        recording_id = await recorded(ground.house, f"call-{number}")
        asked = await ask_to_erase(ground.house, recording_id)

        async def check() -> None:
            house = ground.house
            await house.vault.jobs.settle_approvals()
            if await state_of_approval(house, asked.id) is ApprovalState.PENDING:
                assert await house.state(recording_id) is State.AVAILABLE
                await approve(house, asked)
            assert await state_of_approval(house, asked.id) is ApprovalState.EXECUTED
            await gone_once(ground, recording_id)
            for kind in ("approval.requested", "approval.approved", "approval.executed"):
                assert await made(house, kind, asked.id) == 1, kind

        return check

    await kill(open_ground, "an approval", "approve", prepare, set_up=set_up)
