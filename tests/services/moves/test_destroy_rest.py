"""Of an account that moved, keys and objects are destroyed where it was, and a signed receipt says so."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.objects import FakeLocks
from tests.services.audit_log.test_access_log import leaves_of
from tests.services.moves.conftest import TwoVaults
from tests.services.moves.test_old_addresses import available
from tests.services.moves.test_verify_move import KEYS, part_of
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import AUDIO, SIGNER, House
from vault.cli.move import verify_move
from vault.domain.moves.move import KEEP, Move, Phase
from vault.domain.progress import no_progress
from vault.domain.retention.object_lock import ObjectLock
from vault.domain.stored.move_object import LEFT, RECEIPTS
from vault.errors import NotFound, Tampered, Unavailable
from vault.services.moves.copy_objects import copy_objects
from vault.services.moves.move_account import MoveAccount
from vault.thread_pools import Threads
from vault.tlog.destruction_receipt import open_receipt, parse_receipt, write_receipt
from vault.tlog.note import sign_note

NOW = timedelta()


def rest(vaults: TwoVaults) -> set[str]:
    """Return what the store has of the account, but for what says that it left."""
    account_id = vaults.here.account.id
    return {
        key for key in vaults.here.objects.objects
        if account_id in key and key not in {f"{LEFT}{account_id}", f"{RECEIPTS}{account_id}"}
    }  # fmt: skip


async def moved(vaults: TwoVaults, keep: timedelta = NOW) -> str:
    """Move an account whose objects of every kind are in the store; return its recording."""
    recording_id = await available(vaults.here)
    await vaults.here.vault.accounts.switch.set(
        vaults.here.account.id, enabled=False, reason=None, actor="key_test"
    )
    await write_all(vaults.here)
    assert {key.partition("/")[0] for key in rest(vaults)} >= {"accounts", "manifests", "recordings"}
    await vaults.move("leaver", actor="operator", keep=keep)
    return recording_id


async def destroy(house: House) -> int:
    """Do what the worker does every hour."""
    return await house.vault.jobs.destroy_rest()


async def known(vaults: TwoVaults) -> Move:
    """Return what the vault where the account was knows of the move."""
    move = await vaults.here.database.read(lambda tx: tx.account_moves.of(vaults.here.account.id))
    assert move is not None
    return move


async def test_nothing_is_left_and_the_receipt_is_verified(
    vaults: TwoVaults, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """After the waiting time; the account lives on at the other vault, and nothing of it can be decrypted here."""
    recording_id = await moved(vaults)
    account_id, statement = vaults.here.account.id, (await known(vaults)).statement or b""
    with pytest.raises(NotFound, match="still here"):
        await vaults.here.vault.moves.receipt("leaver")
    assert await destroy(vaults.here) == 1
    assert rest(vaults) == set()
    assert (await known(vaults)).phase is Phase.DESTROYED
    assert await vaults.arrived.heard(recording_id) == AUDIO
    receipt = await vaults.here.vault.moves.receipt(account_id)
    assert open_receipt(receipt, log=SIGNER.verifier).locked == 0
    # Once: no run of the hours after that finds it again.
    assert await destroy(vaults.here) == 0
    assert sum(b'"account.keys_destroyed"' in leaf for leaf in await leaves_of(vaults.here)) == 1

    files = {"statement": statement, "receipt": receipt}
    files |= {"before": await part_of(vaults.here, "leaver"), "after": await part_of(vaults.there, "leaver")}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def verify() -> None:
        verify_move(
            tmp_path / "statement", before=str(tmp_path / "before"), after=str(tmp_path / "after"),
            destroyed=tmp_path / "receipt", **KEYS,
        )  # fmt: skip

    verify()
    assert "destroyed    2" in capsys.readouterr().out
    told = parse_receipt(receipt.decode().partition("\n\n")[0] + "\n")
    for changed, match in (
        ({"locked": 1}, "no entry account.keys_destroyed"),
        ({"account_id": "acct_other"}, "of another move"),
        ({"statement": "0" * 64}, "of another move"),
        ({"log": "other.example/access-log"}, "of the log other.example"),
    ):
        (tmp_path / "receipt").write_bytes(sign_note(write_receipt(replace(told, **changed)), [SIGNER]))
        with pytest.raises(Tampered, match=match):
            verify()


async def test_nothing_is_destroyed_before_its_time(vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch):
    """Neither within the days that the operator set, nor before a restore there brings the account back."""
    recording_id = await available(vaults.here)

    async def fails(*_: object) -> None:
        raise Unavailable("The other vault's store is down.")

    with monkeypatch.context() as patch:
        patch.setattr("vault.services.moves.move_end.MoveEnd.store", fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator", keep=NOW)
    assert await vaults.arrived.heard(recording_id) == AUDIO
    before = rest(vaults)
    assert before
    assert await destroy(vaults.here) == 0
    with pytest.raises(NotFound, match="run it again"):
        await vaults.here.vault.moves.receipt("leaver")
    move = await vaults.move("leaver", actor="operator")
    assert move.destroy_at is not None
    assert move.moved_at is not None
    assert timedelta() <= move.destroy_at - move.moved_at - KEEP < timedelta(minutes=5)
    assert await destroy(vaults.here) == 0
    assert rest(vaults) == before
    # A later run of the command neither shortens nor extends it.
    assert (await vaults.move("leaver", actor="operator", keep=NOW)).destroy_at == move.destroy_at


async def test_a_crash_in_the_middle_destroys_the_rest_later(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch
):
    """Keys go first; nothing says that it is done before it is."""
    await moved(vaults)
    delete, deleted = vaults.here.objects.delete, list[str]()

    async def dies(key: str) -> None:
        if key.startswith("recordings/"):
            raise Unavailable("It ends here.")
        deleted.append(key)
        await delete(key)

    with monkeypatch.context() as patch:
        patch.setattr(vaults.here.objects, "delete", dies)
        with pytest.raises(Unavailable):
            await destroy(vaults.here)
    assert deleted[0].startswith("accounts/")
    assert {key.partition("/")[0] for key in rest(vaults)} == {"recordings"}
    assert (await known(vaults)).phase is Phase.MOVED
    assert await destroy(vaults.here) == 1
    assert rest(vaults) == set()


async def test_what_a_lock_keeps_is_counted(vaults: TwoVaults):
    """The receipt says how many objects stay: their keys are gone. A key under a lock is no end."""
    await moved(vaults)
    audio = sorted(key for key in rest(vaults) if key.startswith("recordings/"))
    (account, *_) = sorted(key for key in rest(vaults) if key.startswith("accounts/"))
    vaults.here.objects.locks = FakeLocks(vaults.here.objects)
    vaults.here.objects.locks.kept |= dict.fromkeys([*audio, account], ObjectLock(hold=True))
    assert await destroy(vaults.here) == 0
    assert (await known(vaults)).phase is Phase.MOVED
    del vaults.here.objects.locks.kept[account]
    assert await destroy(vaults.here) == 1
    assert rest(vaults) == set(audio)
    receipt = open_receipt(await vaults.here.vault.moves.receipt("leaver"), log=SIGNER.verifier)
    assert receipt.locked == len(audio)


async def test_a_lock_at_the_other_vault_does_not_keep_a_move_that_is_given_up(vaults: TwoVaults):
    """What it keeps there is an orphan, which the sweep of that vault deletes later."""
    await available(vaults.here)
    move, there = await vaults.move.begin("leaver"), vaults.there.objects
    await copy_objects(vaults.here.objects, there, move.account_id, no_progress)
    (copy, *_) = [key for key in there.objects if move.account_id in key]
    there.locks = FakeLocks(there)
    there.locks.kept[copy] = ObjectLock(hold=True)
    await vaults.move.begin.give_up("leaver")
    assert [key for key in there.objects if move.account_id in key] == [copy]
    with pytest.raises(NotFound):
        await vaults.move.begin.give_up("leaver")


async def test_a_store_that_went_back_loses_the_keys_again(vaults: TwoVaults):
    """It has the account's keys again, and lacks what says that it left."""
    recording_id = await available(vaults.here)
    await write_all(vaults.here)
    before = dict(vaults.here.objects.objects)
    await vaults.move("leaver", actor="operator", keep=NOW)
    assert await destroy(vaults.here) == 1
    await write_all(vaults.here)
    vaults.here.objects.objects.clear()
    vaults.here.objects.objects.update(before)
    assert recording_id in "".join(rest(vaults))
    rewriting = vaults.here.vault.jobs.rewrite_store
    assert await rewriting.find_loss()
    while await rewriting.any_due():
        await rewriting()
        await write_all(vaults.here)
    assert f"{LEFT}{vaults.here.account.id}" in vaults.here.objects.objects
    assert await destroy(vaults.here) == 1
    assert rest(vaults) == set()


async def test_a_restore_afterwards_leaves_the_account_away(
    vaults: TwoVaults, tmp_path: Path, threads: Threads
):
    """What it knows of the move is that it is over."""
    await moved(vaults)
    await destroy(vaults.here)
    await write_all(vaults.here)
    async with empty_house(vaults.here, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        move = await new.database.read(lambda tx: tx.account_moves.of(vaults.here.account.id))
        assert move is not None
        assert move.phase is Phase.DESTROYED
        with pytest.raises(NotFound):
            await new.vault.accounts.accounts.find("leaver")


async def test_a_run_of_the_command_does_not_undo_it(vaults: TwoVaults):
    """The operator asks for the statement again after the end."""
    await moved(vaults)
    await destroy(vaults.here)
    assert isinstance(vaults.move, MoveAccount)
    assert (await vaults.move("leaver", actor="operator")).phase is Phase.DESTROYED
    assert (await known(vaults)).phase is Phase.DESTROYED
