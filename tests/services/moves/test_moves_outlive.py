"""What is known of a move outlives the database, a damaged object, and the root key."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.root_key import FakeRootKey
from tests.services.moves.conftest import HERE_URL, THERE_URL, TwoVaults
from tests.services.moves.test_old_addresses import available
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import AUDIO, House
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.moves.move import Move, Phase
from vault.domain.recordings.recording import State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.move_object import CAME, LEFT
from vault.errors import NotFound, Refused, Tampered, Unavailable
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.moves.move_account import MoveAccount
from vault.services.node.startup_checks import ProveRootKey
from vault.thread_pools import Threads


async def came(vaults: TwoVaults) -> Move | None:
    """Return what the other vault knows of the move."""
    return await vaults.there.database.read(lambda tx: tx.account_moves.of(vaults.here.account.id))


async def test_an_account_that_has_just_come_is_in_the_bucket(
    vaults: TwoVaults, tmp_path: Path, threads: Threads
):
    """The other vault loses its database after the command: the account is restored, and where it came from."""
    recording_id = await available(vaults.here)
    await vaults.move("leaver", actor="operator")
    known = await came(vaults)
    async with empty_house(vaults.there, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert await replace(new, account=vaults.here.account).heard(recording_id) == AUDIO
        assert await new.database.read(lambda tx: tx.account_moves.of(vaults.here.account.id)) == known
        peer = await new.vault.node.old_addresses.peers.of_account(vaults.here.account.id)
        assert peer is not None
        assert peer.url == HERE_URL
        assert peer.key.secret == vaults.here.vault.moves.here.as_peer.key.secret


async def test_an_object_of_an_account_that_never_arrived_brings_nothing(
    vaults: TwoVaults, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """It is written first: a restore in between knows no such account."""
    await available(vaults.here)
    await write_all(vaults.there)

    async def fails(*_: object) -> Move:
        raise Unavailable("It ends here.")

    with monkeypatch.context() as patch:
        patch.setattr(MoveAccount, "_put_in_place", fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator")
    assert f"{CAME}{vaults.here.account.id}" in vaults.there.objects.objects
    async with empty_house(vaults.there, tmp_path / "new", threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert await new.database.read(lambda tx: tx.account_moves.of(vaults.here.account.id)) is None


async def test_the_command_repairs_what_the_other_vault_lost(vaults: TwoVaults):
    """Its database and its bucket know no more where the account came from: run again, the command tells them."""
    await available(vaults.here)
    move = await vaults.move("leaver", actor="operator")
    account_id = vaults.here.account.id
    await vaults.there.database.write(lambda tx: tx.account_moves.forget(account_id))
    del vaults.there.objects.objects[f"{CAME}{account_id}"]
    assert (await vaults.move("leaver", actor="operator")).statement == move.statement
    known = await came(vaults)
    assert known is not None
    assert (known.phase, known.peer_url, known.statement) == (Phase.ARRIVED, HERE_URL, move.statement)
    assert f"{CAME}{account_id}" in vaults.there.objects.objects


@pytest.mark.parametrize("old", [True, False])
async def test_a_damaged_object_keeps_the_account_away(
    vaults: TwoVaults, tmp_path: Path, threads: Threads, old: bool
):
    """Everything else is restored. Once a copy of the object is back, a restore leads old addresses on again."""
    await available(vaults.here)
    await write_all(vaults.here)
    path = copied(vaults.here, tmp_path / "old") if old else tmp_path / "new.db"
    await vaults.move("leaver", actor="operator")
    objects, key = vaults.here.objects.objects, f"{LEFT}{vaults.here.account.id}"
    whole = bytes(objects[key].body)
    objects[key].body[30] ^= 1
    async with house_over(vaults.here, SqliteDatabase(path), threads) as house:
        await house.vault.node.recovery.check()
        report = await house.vault.backup.restore(actor="operator")
        assert [one.partition(":")[0] for one in report.findings] == [key]
        assert (await house.vault.accounts.accounts.find("acme")).ref == "acme"
        for _ in range(2):
            with pytest.raises(NotFound):
                await house.vault.accounts.accounts.find("leaver")
            assert await house.vault.node.old_addresses.of_account("leaver") is None
            with pytest.raises(Refused, match="nothing to restore"):
                await house.vault.backup.restore(actor="operator")
        objects[key].body[:] = whole
        await house.vault.backup.restore(actor="operator")
        move = await house.vault.node.old_addresses.of_account("leaver")
        assert move is not None
        assert move.peer_url == THERE_URL


async def test_a_damaged_object_of_one_that_came_is_named(
    vaults: TwoVaults, tmp_path: Path, threads: Threads
):
    """The account is restored all the same."""
    recording_id = await available(vaults.here)
    await vaults.move("leaver", actor="operator")
    key = f"{CAME}{vaults.here.account.id}"
    vaults.there.objects.objects[key].body[30] ^= 1
    async with empty_house(vaults.there, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert [one.partition(":")[0] for one in report.findings] == [key]
        assert await replace(new, account=vaults.here.account).heard(recording_id) == AUDIO


async def leave_root_key(house: House, new: FakeRootKey) -> None:
    """Replace the root key of a vault."""
    await ProveRootKey(database=house.database, root_key=house.root_key)()
    await ProveRootKey(database=house.database, root_key=new, previous=house.root_key)()
    verb = RewrapRootKey(
        database=house.database, objects=house.objects, signer=house.vault.moves.here.signer,
        move_objects=house.vault.moves.here.move_objects, current_root_key=new,
        previous_root_key=house.root_key,
    )  # fmt: skip
    await verb(actor="operator")


async def test_a_new_root_key_opens_what_came_with_the_account(vaults: TwoVaults):
    """The rows and the object have the key of the vault where the account was under the new root key alone."""
    await available(vaults.here)
    await vaults.move("leaver", actor="operator")
    new = FakeRootKey()
    await leave_root_key(vaults.there, new)
    known, stored = await came(vaults), await vaults.there.vault.moves.here.move_objects.stored()
    account_id, context = vaults.here.account.id, bound.of_peer_key(vaults.here.account.id)
    assert known is not None
    assert known.wrapped_peer_key is not None
    assert stored.came == {account_id: known}
    assert (
        await new.unwrap(known.wrapped_peer_key, context)
        == vaults.here.vault.moves.here.as_peer.wrapped_form()
    )
    with pytest.raises(Tampered):
        await vaults.there.root_key.unwrap(known.wrapped_peer_key, context)


async def test_a_root_key_does_not_go_while_an_account_is_on_its_way(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch
):
    """What waits at the other vault is under it."""
    recording_id = await available(vaults.here)

    async def fails(*_: object) -> Move:
        raise Unavailable("It ends here.")

    with monkeypatch.context() as patch:
        patch.setattr(MoveAccount, "_arrive", fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator")
    new = FakeRootKey()
    with pytest.raises(Refused, match="on its way"):
        await leave_root_key(vaults.here, new)
    await vaults.move("leaver", actor="operator")
    assert await vaults.arrived.state(recording_id) is State.AVAILABLE
    await leave_root_key(vaults.here, new)
