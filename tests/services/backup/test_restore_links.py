"""Links of an old database that served for some seconds: what a restore restricts is not heard by them, ever again.

They were made while the database did not know the restriction, so the log of the true one does not name them.

What a key that signs links may sign, after a restore over an older database.

Month keys of the true database: no event names them, and every recording of their month needs them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.parties import CALLER, ME, set_policy, tell
from tests.support.restoring import available, backed_up, house_over, settle_journal, write_all
from tests.support.service_house import House
from vault.database.account_parts.link_keys import LINK_KEYS
from vault.database.account_parts.part import Target
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.playback.link_key import LinkKey
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads

WISH = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=9)
Deed = Callable[[House, str], Awaitable[object]]


async def _restrict(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, **ME
    )


async def _decline(house: House, _recording_id: str) -> None:
    await tell(house, "declined", call="call-1")


async def _object(house: House, _recording_id: str) -> None:
    await house.vault.consent.objections.enter(house.account.id, CALLER, reason=None, **ME)


async def _off(house: House, _recording_id: str) -> None:
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)


#: What happened after the backup, and whether the recording that it restricts is in the backup.
DEEDS: Mapping[str, tuple[Deed, bool]] = {
    "restricted": (_restrict, True),
    "declined": (_decline, True),
    "switched off before it entered": (_off, False),
    "objected before it entered": (_object, False),
}


@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("settled", [True, False], ids=["log", "journal"])
async def test_a_link_of_the_old_database_is_dead_after_the_restriction_is_lifted(  # noqa: PLR0917 - the case
    either: House,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    threads: Threads,
    name: str,
    settled: bool,
):
    """It is revoked by the restore, with an event, so a lift does not bring it back."""
    deed, is_known = DEEDS[name]
    account_id = either.account.id
    known = await available(either, "known", call_ref="call-1")
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await deed(later, known)
        await (write_all if settled else settle_journal)(later)
        async with house_over(later, old, threads) as late:
            recording_id = known
            if not is_known:
                recording_id = await available(late, "entered", call_ref="call-2", **{"from": CALLER})
            link, _ = await late.vault.playback.links.create(account_id, recording_id, WISH, **ME)
            await late.vault.backup.restore(actor="operator")
            assert (await late.row(recording_id)).restricted
            listed = {
                one.id: one.revoked_at
                for one, _ in await late.vault.playback.links.list(account_id, recording_id)
            }
            assert listed[link.id] is not None
            assert "link.revoked" in await late.events(recording_id)


def test_whatever_restricts_ends_what_is_heard():
    """One function does both, so that no way to restrict a recording is without the other half."""
    services = Path(__file__).parents[3] / "vault" / "services"
    calls = re.compile(r"\.recordings\.restrict\([^)]*restricted=True")
    found = [path.name for path in services.rglob("*.py") if calls.search(path.read_text())]
    assert found == ["end_listening.py"]


async def stored(house: House, minter: Minter) -> LinkKey:
    """Return the key that the database has."""
    key = await house.database.read(lambda tx: tx.link_keys.by_id(minter.key_id))
    assert key is not None
    return key


def target(tx: Transaction, house: House) -> Target:
    """Return the rows of the account."""
    return Target(db=tx.connection, account_id=house.account.id, keys={}, prompts={})


@pytest.mark.parametrize("bring_in", [LINK_KEYS.replace, LINK_KEYS.add_lost], ids=["own", "lost"])
async def test_what_a_key_was_narrowed_to_counts(either: House, bring_in: Any):
    """The account's object may be of later than the database, or of a lost history, which nobody widens."""
    minter = await registered(either, Minter(), "app")
    wide = await stored(either, minter)
    narrow = replace(
        wide, max_life=60, max_sessions=1, kinds=("player",), networks=("10.0.0.0/8",), download=False
    )
    assert narrow != wide
    await either.database.write(lambda tx: bring_in((narrow,), target(tx, either)))
    assert await stored(either, minter) == narrow
    await either.database.write(lambda tx: LINK_KEYS.add_lost((wide,), target(tx, either)))
    assert await stored(either, minter) == narrow


async def test_a_key_that_was_deleted_stays_so(either: House):
    """Whatever the object says of it."""
    minter = await registered(either, Minter(), "app")
    before = await stored(either, minter)
    await either.vault.playback.link_keys.delete(either.account.id, "app", actor="key_test")
    await either.database.write(lambda tx: LINK_KEYS.replace((before,), target(tx, either)))
    assert (await stored(either, minter)).deleted_at is not None


async def _nothing(_late: House) -> None:
    """Serve nobody."""


async def _call(late: House) -> None:
    """Make another key of the month: a change without an event."""
    await late.vault.recordings.calls.start(late.account.id, CallFacts(call_ref="call-2"))


async def _write(late: House) -> None:
    while await late.vault.jobs.write_account_objects():
        pass


async def _call_and_write(late: House) -> None:
    """Have the object written too: its name is that of the lost one, with the same log and as many changes."""
    await _call(late)
    await _write(late)


async def _write_after_an_event(late: House) -> None:
    """Have an object of as many changes written under a larger log, and another one after it."""
    await _call(late)
    await available(late, "rec-2", call_ref="call-2")
    while await late.vault.jobs.log_publisher.sequence():
        pass
    await _write(late)
    await set_policy(late, withdrawal="restrict")
    await _write(late)


@pytest.mark.parametrize("serve", [_nothing, _call, _call_and_write, _write_after_an_event])
async def test_what_they_seal_is_read_after_an_old_backup_has_served(
    either: House,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    threads: Threads,
    serve: Callable[[House], Awaitable[None]],
):
    """Also where the backup served a while, and made as many changes without an event as it had lost."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await later.vault.recordings.calls.start(later.account.id, CallFacts(call_ref="call-1"))
        # Before any event: the name of the object has the log of the backup.
        assert await later.vault.jobs.write_account_objects()
        recording_id = await available(later, "rec-1", call_ref="call-1")
        await write_all(later)
        async with house_over(later, old, threads) as late:
            await serve(late)
            await late.vault.backup.restore(actor="operator")
            await write_all(late)
            assert await late.heard(recording_id)
