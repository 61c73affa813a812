"""Objects of accounts and tombstones: written when they are due, never one too few, and none that is stale."""

from collections.abc import AsyncIterator

import pytest

from tests.services.backup.test_restore import off
from tests.services.consent.test_notices import BEEP, ME, SPEECH, drafted
from tests.support.restoring import available, write_all
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.stored.account_envelope import decode_envelope
from vault.domain.stored.account_object_name import PREFIX, parse_location
from vault.domain.stored.tombstone import decode_tombstones
from vault.errors import Unavailable
from vault.ports.objects import StoredObject


def account_objects(house: House) -> list[int]:
    """Return the revisions of the account that lie in the store."""
    names = [parse_location(key) for key in house.objects.objects if key.startswith(PREFIX)]
    return [name.revision for name in names if name is not None]


async def test_the_newest_object_is_the_only_one(house: House):
    """Each change is a new object, and the one before it goes only once the new one is there."""
    await write_all(house)
    [first] = account_objects(house)
    assert not await house.vault.jobs.write_account_objects()
    await off(house)
    assert await house.vault.jobs.write_account_objects.any_due()
    put, seen = house.objects.put, list[list[int]]()

    async def watched(key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        done = await put(key, body, if_absent=if_absent, locked=locked)
        seen.append(account_objects(house))
        return done

    house.objects.put = watched
    assert await house.vault.jobs.write_account_objects()
    assert seen[-1] == [first, first + 1]
    assert account_objects(house) == [first + 1]
    [kept] = [one for key, one in house.objects.objects.items() if key.startswith(PREFIX)]
    assert b"for good" not in bytes(kept.body)
    assert decode_envelope(bytes(kept.body)).account_id == house.account.id


async def test_a_change_while_it_is_written_is_written_too(house: House):
    """The mark stays: what was read before the change is not the newest any more."""
    await write_all(house)
    await house.vault.accounts.accounts.open("acme", name="Other", locale=None, actor="key_test")
    put = house.objects.put

    async def racing(key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        house.objects.put = put
        await off(house)
        return await put(key, body, if_absent=if_absent, locked=locked)

    house.objects.put = racing
    assert await house.vault.jobs.write_account_objects()
    before = max(account_objects(house))
    assert await house.vault.jobs.write_account_objects()
    assert account_objects(house) == [before + 1]


async def test_who_lost_the_turn_deletes_nothing_that_came_after(house: House):
    """A node that read before another one wrote takes what that one wrote for nobody's, and must leave it."""
    notice = (await drafted(house)).id
    await write_all(house)
    await off(house)
    listing = house.objects.list

    def late(prefix: str) -> AsyncIterator[StoredObject]:
        async def listed() -> AsyncIterator[StoredObject]:
            if prefix.startswith("prompts/"):
                house.objects.list = listing
                await house.vault.consent.notices.set_audio(house.account.id, notice, SPEECH, BEEP, **ME)
                await write_all(house)
            async for one in listing(prefix):
                yield one

        return listed()

    house.objects.list = late
    await house.vault.jobs.write_account_objects()
    assert [key for key in house.objects.objects if key.startswith("prompts/")]
    # What it wrote late is an old one, and does not stay beside the newest.
    await write_all(house)
    revisions = await house.database.read(lambda tx: tx.account_objects.revisions(house.account.id))
    assert account_objects(house) == [revisions.now]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_leaves_it_due(house: House, when):
    """At each of its calls; in the end exactly one object lies there, the newest."""
    await write_all(house)
    await off(house)
    at = 1
    while True:
        house.objects.fail(at=at, when=when)
        try:
            assert await house.vault.jobs.write_account_objects()
        except Unavailable:
            house.objects._failing.clear()
            assert len(account_objects(house)) >= 1
            await house.vault.accounts.switch.set(
                house.account.id, enabled=at % 2 == 1, reason=None, actor="key_test"
            )
            at += 1
            continue
        break
    house.objects._failing.clear()
    assert at > 2
    revisions = await house.database.read(lambda tx: tx.account_objects.revisions(house.account.id))
    assert account_objects(house) == [revisions.now]


async def test_audio_of_notices_lies_beside_it_while_a_notice_has_it(house: House):
    """Written once, under the hash of its sealed bytes, and removed with the draft."""
    notice = (await drafted(house)).id
    await house.vault.consent.notices.set_audio(house.account.id, notice, SPEECH, BEEP, **ME)
    await write_all(house)
    [prompt] = [key for key in house.objects.objects if key.startswith("prompts/")]
    await off(house)
    house.objects.calls.clear()
    await write_all(house)
    assert [key for key in house.objects.objects if key.startswith("prompts/")] == [prompt]
    await house.vault.consent.notices.delete(house.account.id, notice, **ME)
    await write_all(house)
    assert [key for key in house.objects.objects if key.startswith("prompts/")] == []


async def test_tombstones_are_written_together_and_once(house: House):
    """Several of one account in one object; an erasure after that in another, and no key in either."""
    ids = [(await house.announce(f"rec-{n}")).recording_id for n in range(3)]
    await off(house)
    assert await house.vault.jobs.write_tombstones()
    assert not await house.vault.jobs.write_tombstones()
    [key] = [key for key in house.objects.objects if key.startswith("tombstones/")]
    written = decode_tombstones(bytes(house.objects.objects[key].body))
    assert {one.id: one.state for one in written} == dict.fromkeys(ids, State.REFUSED)
    await house.vault.recordings.recordings.erase(house.account.id, ids[0], actor="key_test")
    assert await house.settle(ids[0]) is State.ERASED
    assert await house.vault.jobs.write_tombstones()
    assert len([key for key in house.objects.objects if key.startswith("tombstones/")]) == 2


async def test_what_is_available_has_no_tombstone(house: House):
    """Only an end is written there."""
    await available(house, "rec-1")
    assert not await house.vault.jobs.write_tombstones()
