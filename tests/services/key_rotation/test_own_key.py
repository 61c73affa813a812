"""A key of the account's own: put above everything, taken away by its owner, and left again."""

from pathlib import Path

import pytest

from tests.fakes.own_keys import ARN, FakeOwnKeys
from tests.support.rotation import ME, all_under, everything_opens, fill, finish, rotate, step, versions
from tests.support.service_house import House, another_node
from vault.domain.stored.account_object_name import parse_location
from vault.errors import OwnKeyUnusable, Refused
from vault.keyservice.key_ring import AccountKeyRing
from vault.services.audit_log.access_log import EventFilter
from vault.thread_pools import Threads

MINE = f"{ARN}mine"


def ring(house: House) -> AccountKeyRing:
    found = house.vault.key_rotation.rotations.ring
    assert isinstance(found, AccountKeyRing)
    return found


def own(house: House) -> FakeOwnKeys:
    found = ring(house).own_keys
    assert isinstance(found, FakeOwnKeys)
    return found


async def lies_under(house: House) -> str | None:
    return (await house.vault.key_rotation.rotations.current_key(house.account.id)).own_key


async def test_everything_comes_to_lie_under_the_own_key(house: House) -> None:
    """It is a rotation, and every rotation after it stays under the key; leaving it is another."""
    recording_id, account_id = await fill(house), house.account.id
    set_key = house.vault.key_rotation.rotations.use_key
    progress, begun = await set_key(account_id, MINE, **ME)
    assert (progress.current, begun, await lies_under(house)) == (2, True, MINE)
    await finish(house)
    assert await versions(house) == all_under(2)
    await everything_opens(house, recording_id)
    assert (await set_key(account_id, MINE, **ME))[1] is False
    await rotate(house)
    await finish(house)
    assert await lies_under(house) == MINE
    assert own(house).keys[MINE].unwrapped
    await set_key(account_id, None, **ME)
    await finish(house)
    own(house).keys[MINE].reachable = False
    ring(house).forget(account_id)
    assert (await versions(house), await lies_under(house)) == (all_under(4), None)
    await everything_opens(house, recording_id)
    page = await house.vault.audit_log.access_log.list_events(account_id, EventFilter(), start=0, limit=1000)
    said = [one.event.result for one, _ in page.items if one.event.type == "key.rotated"]
    assert said == ["v2_own_key", "v3_own_key", "v4"]


async def test_without_the_own_key_nothing_of_the_account_opens(house: House) -> None:
    """Once it has left memory; what comes is turned away, and everything opens when the key is back."""
    recording_id, account_id = await fill(house), house.account.id
    await house.vault.key_rotation.rotations.use_key(account_id, MINE, **ME)
    await finish(house)
    own(house).keys[MINE].reachable = False
    ring(house).forget(account_id)
    with pytest.raises(OwnKeyUnusable):
        await house.heard(recording_id)
    with pytest.raises(OwnKeyUnusable):
        await house.announce("later")
    with pytest.raises(OwnKeyUnusable):
        await rotate(house)
    # What needs no key works: the switch, above all.
    assert not (await house.vault.accounts.switch.set(account_id, enabled=False, reason=None, **ME)).enabled
    own(house).keys[MINE].reachable = True
    await everything_opens(house, recording_id)


async def test_other_accounts_do_not_wait_for_a_key_that_was_taken_away(house: House) -> None:
    """Their rotations end and their objects are written, however many accounts have taken their keys away."""
    vault, stuck = house.vault, []
    for number in range(20):
        account, _ = await vault.accounts.accounts.open(f"stuck-{number}", name=None, locale=None, **ME)
        arn = f"{ARN}stuck-{number}"
        await vault.key_rotation.rotations.use_key(account.id, arn, **ME)
        own(house).keys[arn].reachable = False
        ring(house).forget(account.id)
        stuck.append(account.id)
    await fill(house)
    await rotate(house)
    for _ in range(10):
        await step(house)
    with pytest.raises(OwnKeyUnusable):
        await vault.jobs.rewrap(stuck[0])
    left = {one.account_id for one in await house.database.read(lambda tx: tx.rotations.unfinished(100))}
    assert left == set(stuck)
    written = {place.account_id for key in house.objects.objects if (place := parse_location(key))}
    assert house.account.id in written
    assert not await house.database.read(lambda tx: tx.rotations.object_behind(house.account.id))


async def test_a_key_that_cannot_be_used_is_not_taken(house: House) -> None:
    """Nothing changes, and the refusal says why."""
    own(house).keys[MINE].reachable = False
    with pytest.raises(Refused) as error:
        await house.vault.key_rotation.rotations.use_key(house.account.id, MINE, **ME)
    assert error.value.reasons == ("own_key_unusable",)
    assert (
        await lies_under(house),
        (await house.vault.key_rotation.rotations.status(house.account.id)).current,
    ) == (
        None,
        1,
    )
    await house.vault.key_rotation.rotations.use_key(house.account.id, f"{ARN}good", **ME)
    with pytest.raises(Refused) as error:
        await house.vault.key_rotation.rotations.use_key(house.account.id, None, **ME)
    assert error.value.reasons == ("rotation_under_way",)


async def test_another_node_knows_what_the_key_lies_under(
    house: House, tmp_path: Path, threads: Threads
) -> None:
    """Though it remembers the version before: nobody is told that the own key can go while all lies under it."""
    account_id = house.account.id
    other = another_node(house, tmp_path, threads)
    ring(other).own_keys = own(house)
    assert await lies_under(other) is None
    await house.vault.key_rotation.rotations.use_key(account_id, MINE, **ME)
    await finish(house)
    assert await lies_under(other) == MINE
    progress, begun = await other.vault.key_rotation.rotations.use_key(account_id, None, **ME)
    assert (progress.current, begun) == (3, True)
