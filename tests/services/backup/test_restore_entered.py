"""What an old database let in while it served: a restore closes it, and names it, on both databases.

Between the backup and its return recording was switched off, a number objected, a party declined, a recording was
erased and one refused. Wrong: to leave what passed the gate of the old database, which knew none of that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.parties import CALLEE, CALLER, ME, tell
from tests.support.restoring import available, backed_up, house_over, write_all
from tests.support.service_house import AUDIO, House, blocks_of
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE, State
from vault.services.accounts.connections import ConnectionRequest
from vault.thread_pools import Threads

_PARTIES = {"from": CALLER, "to": CALLEE}
Deed = Callable[[House], Awaitable[object]]


async def _off(house: House) -> None:
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")


async def _off_and_on(house: House) -> None:
    await _off(house)
    await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, actor="key_test")


async def _objection(house: House) -> None:
    await house.vault.consent.objections.enter(house.account.id, CALLER, reason=None, **ME)


async def _decline(house: House) -> None:
    await house.announce("told", call_ref="call-1", **_PARTIES)
    await tell(house, "declined", call="call-1")


async def _nothing(_house: House) -> None:
    """Close nothing; the database is old nevertheless."""


_CLOSINGS: Mapping[str, tuple[Deed, str]] = {
    "switch": (_off, "recording was switched off"),
    "objection": (_objection, "must not be recorded"),
    "decline": (_decline, "had said no"),
}


@pytest.mark.parametrize("closing", _CLOSINGS)
async def test_what_became_available_meanwhile_is_closed_and_named(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, closing: str
):
    """Not what was available before: the gate of the true database let it in."""
    deed, words = _CLOSINGS[closing]
    before = await available(either, "before", call_ref="call-0")
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await deed(later)
        await write_all(later)
        async with house_over(later, old, threads) as late:
            entered = await available(late, "entered", call_ref="call-1", **_PARTIES)
            report = await late.vault.backup.restore(actor="operator")
            assert [line for line in report.findings if entered in line and words in line]
            assert not [line for line in report.findings if before in line]
            row = await late.row(entered)
            assert row.restricted or row.state is State.REFUSED
            assert not (await late.row(before)).restricted
            assert "recording.restricted" in await late.events(entered)
            assert not await late.vault.node.recovery.check()


async def test_what_no_closing_act_covers_stays(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
):
    """Recording was off for a moment, and on again before the recording came: nothing is named."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await _off_and_on(later)
        await write_all(later)
        async with house_over(later, old, threads) as late:
            entered = await available(late, "entered", call_ref="call-1", **_PARTIES)
            report = await late.vault.backup.restore(actor="operator")
            assert report.findings == []
            assert not (await late.row(entered)).restricted


async def _erase(house: House) -> None:
    recording_id = await available(house, "twice", call_ref="call-1")
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    assert await house.settle(recording_id) is State.ERASED


async def _refuse(house: House) -> None:
    await house.announce("twice", call_ref="call-1")
    await _off_and_on(house)


@pytest.mark.parametrize("passed", [True, False], ids=["available", "in flight"])
@pytest.mark.parametrize("ends", [_erase, _refuse])
@pytest.mark.parametrize("settled", [True, False], ids=["tombstone", "journal"])
async def test_what_was_ended_and_came_again_is_ended(  # noqa: PLR0917 - three parameters of the case
    either: House,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    threads: Threads,
    ends: Deed,
    passed: bool,
    settled: bool,
):
    """The backup does not know the recording at all, so its repeated webhook made another row of the same name."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await ends(later)
        if settled:
            await write_all(later)
        async with house_over(later, old, threads) as late:
            again = (await late.announce("twice", call_ref="call-1")).recording_id
            assert again is not None
            if passed:
                assert await late.settle(again) is State.AVAILABLE
            report = await late.vault.backup.restore(actor="operator")
            row = await late.row(again)
            assert row.state in {*GONE, State.REFUSED} or row.restricted
            if ends is _erase:
                assert row.state in GONE
            if settled:
                assert [line for line in report.findings if again in line]

            def sent_again(tx: Transaction) -> int:
                return tx.connection.exec_driver_sql(
                    "SELECT count(*) FROM recordings WHERE recording_ref = 'twice'"
                ).scalar_one()

            await late.announce("twice", call_ref="call-1")
            assert await late.settle(again) is not State.AVAILABLE or row.restricted
            assert await late.database.read(sent_again) == 1


@pytest.mark.parametrize("ends", [_erase, _refuse])
@pytest.mark.parametrize("settled", [True, False], ids=["tombstone", "journal"])
async def test_what_came_again_at_another_door_is_ended(  # noqa: PLR0917 - two parameters of the case
    either: House,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    threads: Threads,
    ends: Deed,
    settled: bool,
):
    """An upload of the same name of the same call; what another connection had before the end is its own, and stays."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        wish = ConnectionRequest(provider="platform", credentials={"secret": later.secret})
        other, _, _ = await later.vault.accounts.connections.set(later.account.id, "other", wish, **ME)
        own = replace(later, connection_id=other.id)
        beside = await available(own, "twice", call_ref="call-1")
        await write_all(later)
        await ends(later)
        if settled:
            await write_all(later)
        async with house_over(later, old, threads) as late:
            again, _ = await late.vault.ingest.uploads.store(
                late.account.id, "call-1", "twice", blocks_of(AUDIO), **ME
            )
            assert await late.settle(again.id) is State.AVAILABLE
            await late.vault.backup.restore(actor="operator")
            row = await late.row(again.id)
            assert row.state in GONE if ends is _erase else row.restricted
            assert await late.state(beside) is State.AVAILABLE
            assert not (await late.row(beside)).restricted
