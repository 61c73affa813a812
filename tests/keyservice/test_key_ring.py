"""The key ring: how long it keeps keys, how many, and that it asks once."""

import asyncio

import pytest

from tests.fakes.key_rows import Ring
from vault.errors import NotFound, Tampered, Unavailable
from vault.keyservice.key_ring import wrapping_context


async def test_a_new_key_is_wrapped_for_its_account_and_version() -> None:
    """Create wraps 32 random bytes, bound to account, version and purpose, and names the key."""
    ring = Ring()
    made, wrapped = await ring.ring.create("acc_1")
    secret, context = ring.root.wrapped[wrapped]
    assert context == {"account_id": "acc_1", "key_version": "1", "purpose": "account-key"}
    assert (made.version, made.key.name, made.key.secret) == (1, "account/acc_1/v1", secret)
    assert len(secret) == 32
    assert made.key.secret != (await ring.ring.create("acc_1"))[0].key.secret
    assert "NamedKey(...)" in repr(made)
    ring.rows.keys["acc_1", 1], ring.rows.versions["acc_1"] = wrapped, 1
    current = await ring.ring.current("acc_1")
    assert (current.version, current.key) == (1, made.key)


async def test_what_is_known_is_not_asked_for_again_before_it_expires() -> None:
    """For 300 seconds neither database nor key service is asked, though neither could answer."""
    ring = Ring()
    await ring.account("acc_1")
    first = await ring.ring.current("acc_1")
    ring.root.reachable = False
    ring.time = 299.9
    assert await ring.ring.current("acc_1") is first
    assert await ring.ring.version("acc_1", 1) is first
    assert ring.rows.asked == ["current acc_1", "acc_1 v1"]
    ring.time = 300
    with pytest.raises(Unavailable):
        await ring.ring.version("acc_1", 1)
    ring.root.reachable = True
    assert (await ring.ring.current("acc_1")).key == first.key
    assert ring.rows.asked[-1] == "acc_1 v1"


async def test_using_a_key_does_not_make_it_live_longer() -> None:
    """The time runs from the unwrapping, not from the last use: a disabled key stops in time."""
    ring = Ring()
    await ring.account("acc_1")
    for moment in (0, 200, 299, 301):
        ring.time = moment
        await ring.ring.current("acc_1")
    assert ring.root.unwrapped == 2
    assert ring.rows.asked == ["current acc_1", "acc_1 v1"] * 2


async def test_the_least_recently_used_key_leaves_first() -> None:
    """With three places a fourth key drives out the one not used for longest."""
    ring = Ring()
    for name in ("a", "b", "c", "d"):
        await ring.account(name)
    for name in ("a", "b", "c", "a", "d"):
        await ring.ring.version(name, 1)
    assert ring.root.unwrapped == 4
    for name in ("a", "c", "d"):
        await ring.ring.version(name, 1)
    assert ring.root.unwrapped == 4
    await ring.ring.version("b", 1)
    assert ring.root.unwrapped == 5


async def test_many_that_miss_at_once_unwrap_once() -> None:
    """Concurrent requests for one version share one unwrapping, also when one of them is cancelled."""
    ring = Ring()
    await ring.account("acc_1")
    ring.rows.gate.clear()
    waiting = [asyncio.create_task(ring.ring.version("acc_1", 1)) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    ring.rows.gate.set()
    keys = await asyncio.gather(*waiting[1:])
    assert waiting[0].cancelled()
    assert len({id(key) for key in keys}) == 1
    assert (ring.root.unwrapped, ring.rows.asked) == (1, ["acc_1 v1"])


async def test_a_failed_unwrapping_is_tried_again_by_the_next() -> None:
    """An error goes to all who waited for it, and is not kept."""
    ring = Ring()
    await ring.account("acc_1")
    ring.root.reachable = False
    waiting = [asyncio.create_task(ring.ring.version("acc_1", 1)) for _ in range(3)]
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in ended] == [Unavailable] * 3
    ring.root.reachable = True
    assert (await ring.ring.version("acc_1", 1)).version == 1


async def test_forgetting_drops_every_version_of_one_account() -> None:
    """After forget the destroyed key is gone immediately, and other accounts keep theirs."""
    ring = Ring()
    for name in ("acc_1", "acc_2"):
        await ring.account(name)
        await ring.ring.current(name)
    await ring.rotate("acc_1")
    assert (await ring.ring.current("acc_1")).version == 1
    ring.ring.forget("acc_1")
    assert (await ring.ring.current("acc_1")).version == 2
    del ring.rows.keys["acc_1", 1]
    with pytest.raises(NotFound):
        await ring.ring.version("acc_1", 1)
    asked = len(ring.rows.asked)
    await ring.ring.current("acc_2")
    assert len(ring.rows.asked) == asked


async def test_a_key_that_forget_overtakes_is_not_kept() -> None:
    """A key that was being unwrapped when its account was forgotten is not put into the ring."""
    ring = Ring()
    await ring.account("acc_1")
    ring.rows.gate.clear()
    version = asyncio.create_task(ring.ring.version("acc_1", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del ring.rows.keys["acc_1", 1]
    ring.ring.forget("acc_1")
    ring.rows.gate.set()
    assert (await version).version == 1
    with pytest.raises(NotFound):
        await ring.ring.version("acc_1", 1)


async def test_a_current_version_that_forget_overtakes_is_not_kept() -> None:
    """A version that was read before a rotation, but arrives after forget, is not taken for current."""
    ring = Ring()
    await ring.account("acc_1")
    ring.rows.gate.clear()
    current = asyncio.create_task(ring.ring.current("acc_1"))
    await asyncio.sleep(0)
    await ring.rotate("acc_1")
    ring.ring.forget("acc_1")
    ring.rows.gate.set()
    assert (await current).version == 1
    assert (await ring.ring.current("acc_1")).version == 2


async def test_a_key_of_another_row_is_tampered() -> None:
    """A wrapped key that was put into another account's row, or has the wrong length, does not open."""
    ring = Ring()
    await ring.account("acc_1")
    await ring.account("acc_2")
    ring.rows.keys["acc_2", 1] = ring.rows.keys["acc_1", 1]
    with pytest.raises(Tampered):
        await ring.ring.current("acc_2")
    ring.rows.keys["acc_3", 1] = await ring.root.wrap(b"short", wrapping_context("acc_3", 1))
    with pytest.raises(Tampered):
        await ring.ring.version("acc_3", 1)


async def test_an_unknown_account_is_not_found() -> None:
    """Neither an account nor a version that is not there is ever made up."""
    ring = Ring()
    with pytest.raises(NotFound):
        await ring.ring.current("acc_1")
    with pytest.raises(NotFound):
        await ring.ring.version("acc_1", 1)
