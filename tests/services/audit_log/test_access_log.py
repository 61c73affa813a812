"""Checkpoints, proofs and exports of the access log, made by the verbs and checked without them."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.log_auditor import read_proof, root_by_proof
from tests.support.rfc6962 import mth
from tests.support.service_house import SIGNER, House, with_clock
from tests.support.statements import statements
from tests.support.whole_log import read_account_export
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Invalid, NotFound, Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from vault.tlog.log_file import Verified, read_head, verify_log
from vault.tlog.proof_file import verify_proof_file

KNOWN = [SIGNER.verifier]
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


async def add(house: House, count: int, account_id: str | None = None) -> None:
    """Append events of an account, of this house's unless another is named."""
    events = [
        AccessEvent(
            type="waveform.read", at=NOON, account_id=account_id or house.account.id, actor="key_test"
        )
        for _ in range(count)
    ]
    await house.database.write(lambda tx: [tx.events.append(one) for one in events])


async def leaves_of(house: House) -> list[bytes]:
    """Return every leaf of the log."""

    def read(tx):
        return [one.leaf for one in tx.tree.leaves(0, tx.tree.head().size)]

    return await house.database.read(read)


def damage(house: House, statement: str, **values: object) -> None:
    """Change rows behind everybody's back."""
    with sqlite3.connect(house.database.path) as connection:
        connection.execute(statement, values)
    connection.close()


async def test_the_head_is_signed_when_it_grew(house: House):
    """Signed once the last is two seconds old, not before, and not again while nothing was added."""
    now = NOON
    sign = with_clock(house.vault.jobs.log_publisher, lambda: now).sign
    assert await sign()
    first = await house.database.read(lambda tx: tx.checkpoints.last())
    now += timedelta(seconds=10)
    assert not await sign()
    await add(house, 3)
    assert await sign()
    await add(house, 1)
    now += timedelta(seconds=1.9)
    assert not await sign()
    now += timedelta(seconds=0.1)
    assert await sign()
    last = await house.database.read(lambda tx: tx.checkpoints.last())
    leaves = await leaves_of(house)
    assert (last.size, last.at) == (first.size + 4, now) == (len(leaves), now)
    found = open_checkpoint(last.note, KNOWN)
    assert (found.origin, found.size, found.root) == ("vault.example/access-log", len(leaves), mth(leaves))


async def test_two_nodes_sign_the_same_bytes(house: House):
    """A size has one checkpoint, no matter who signs it and when."""
    await house.vault.jobs.log_publisher.sign()
    first = await house.database.read(lambda tx: tx.checkpoints.last())
    damage(house, "DELETE FROM checkpoints")
    await with_clock(house.vault.jobs.log_publisher, lambda: NOON).sign()
    second = await house.database.read(lambda tx: tx.checkpoints.last())
    assert (second.note, second.at) == (first.note, NOON)


async def test_a_size_is_never_signed_over_two_roots(house: House):
    """Where a checkpoint that was shown says another root of the head's size, nothing is shown."""
    head = await house.database.read(lambda tx: tx.tree.head())
    other = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=head.size, root=bytes(32)), SIGNER)
    kept = StoredCheckpoint(size=head.size, note=other, at=NOON)
    await house.database.write(lambda tx: tx.checkpoints.keep(kept))
    for show in (house.vault.audit_log.proofs.checkpoint, house.vault.audit_log.proofs.export_head):
        with pytest.raises(Tampered, match="not the one that its last checkpoint signs"):
            await show()
    assert not [key for key in house.objects.objects if key.startswith("log/")]
    assert await house.database.read(lambda tx: tx.checkpoints.last()) == kept


async def test_the_checkpoint_of_the_world_is_young(house: House):
    """It is the last one while the worker signs, and a new one when that seems to have stopped."""
    now = NOON
    proofs = with_clock(house.vault.audit_log.proofs, lambda: now)
    sizes = []
    for step in (0, 4, 2, 4, 4):
        now += timedelta(seconds=step)
        sizes.append(open_checkpoint(await proofs.checkpoint(), KNOWN).size)
        await add(house, 1)
    assert [size - sizes[0] for size in sizes] == [0, 0, 2, 2, 4]
    assert proofs.verifier_key() == SIGNER.verifier.write()


async def test_a_proof_convinces_whoever_has_leaf_and_key(house: House):
    """By the vault's own verifier, and by a few lines that know RFC 6962 alone."""
    await add(house, 300)
    leaves = await leaves_of(house)
    for index in (0, 1, 255, 256, len(leaves) - 1):
        proof = await house.vault.audit_log.proofs.prove_event(house.account.id, index)
        found, checkpoint = verify_proof_file(proof, leaves[index], KNOWN)
        assert (found, checkpoint.root) == (index, mth(leaves[: checkpoint.size]))
        said, hashes, size, root = read_proof(proof)
        assert (said, size) == (index, checkpoint.size)
        assert root_by_proof(index, size, leaves[index], hashes) == root
        assert root_by_proof(index, size, leaves[index] + b" ", hashes) != root
        with pytest.raises(Tampered):
            verify_proof_file(proof, leaves[index - 1], KNOWN)


async def test_there_are_no_proofs_of_others_events(house: House):
    """An index of another account, or of none, is as unknown as one beyond the end."""
    await add(house, 1, "acct_other")
    size = len(await leaves_of(house))
    for index in (size - 1, size, 2**62):
        with pytest.raises(NotFound):
            await house.vault.audit_log.proofs.prove_event(house.account.id, index)
    assert verify_proof_file(
        await house.vault.audit_log.proofs.prove_event("acct_other", size - 1),
        (await leaves_of(house))[-1],
        KNOWN,
    )


async def exported(house: House, account_id: str | None) -> list[bytes]:
    """Return the lines of an export."""
    parts = [part async for part in await house.vault.audit_log.proofs.export(account_id)]
    return b"".join(parts).splitlines(keepends=True)


def verified(lines: list[bytes]) -> Verified:
    """Verify an export under the known key."""
    rest = iter(lines)
    head = read_head(rest)
    assert head.verifier == SIGNER.verifier
    return verify_log(rest, head.note, KNOWN, version=head.version)


async def test_an_export_shows_ones_own_leaves_and_hides_the_others(house: House):
    """It verifies, and of other accounts it has hashes alone; the operator's has everything."""
    for _ in range(200):
        await add(house, 3)
        await add(house, 2, "acct_other")
    leaves = await leaves_of(house)
    for account_id in (house.account.id, "acct_other", "acct_unknown", None):
        lines = await exported(house, account_id)
        found = verified(lines)
        mine = [leaf for leaf in leaves if account_id in {None, json.loads(leaf).get("account")}]
        assert (found.checkpoint.size, found.in_full) == (len(leaves), len(mine))
        assert found.checkpoint.root == mth(leaves)
        kinds = [line.split(b" ")[0] for line in lines[3:]]
        assert kinds.count(b"leaf") == len(mine)
        assert set(kinds) <= ({b"leaf", b"node"} if account_id is None else {b"leaf", b"tree"})
        if account_id is not None:
            read = read_account_export(b"".join(lines), SIGNER.verifier.write())
            assert [*read.values()] == [json.loads(leaf) for leaf in mine]
    assert not any(b"acct_other" in line for line in await exported(house, house.account.id))
    assert len(await exported(house, "acct_unknown")) == 3 + len(leaves).bit_count()


async def test_an_accounts_export_costs_what_the_account_has(house: House):
    """Events of others add statements and lines only by the depth of the tree."""
    costs = []
    for others in (40, 4000):
        await add(house, others, "acct_other")
        await add(house, 1, "acct_mine")
        await house.vault.audit_log.proofs.export_head(version=2)
        with statements(house.database) as counted:
            lines = await exported(house, "acct_mine")
        costs.append((len(counted), len(lines)))
        assert verified(lines).in_full == len(costs)
    (few, short), (many, long) = costs
    assert many < few + 40
    assert long < short + 2 * 13


async def test_an_export_fits_the_checkpoints_that_it_was_made_for(house: House):
    """A subtree that goes over the size of an earlier checkpoint has no root there."""
    await add(house, 20)
    kept = read_head(iter((await exported(house, "acct_x"))[:3])).note
    size = len(await leaves_of(house))
    await add(house, 50)
    for account_id in ("acct_x", house.account.id):
        parts = [
            part
            async for part in await house.vault.audit_log.proofs.export(account_id, earlier=[size, 10**9])
        ]
        lines = b"".join(parts).splitlines(keepends=True)
        note = read_head(iter(lines)).note
        assert (
            verify_log(iter(lines[3:]), note, KNOWN, version=2, earlier=[kept]).checkpoint.size == size + 50
        )
    lines = await exported(house, "acct_x")
    with pytest.raises(Invalid, match=f"[?]earlier={size}[.]"):
        verify_log(iter(lines[3:]), read_head(iter(lines)).note, KNOWN, version=2, earlier=[kept])


async def test_an_export_of_an_empty_log_is_verified(house: House):
    """Before the first event there is a checkpoint of nothing."""
    damage(house, "DELETE FROM access_events")
    damage(house, "UPDATE tree_head SET size = 0, root = :root, peaks = :none", root=mth([]), none=b"")
    house.database._writer._sequencer.forget_head()
    found = verified(await exported(house, None))
    assert (found.checkpoint.size, found.in_full) == (0, 0)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE access_events SET body = :other WHERE tree_index = 300", "Entry 300 was changed"),
        ("UPDATE access_events SET leaf_hash = :hash WHERE tree_index = 300", "Entry 300 was changed"),
        (
            "UPDATE access_events SET body = :other, leaf_hash = :hash WHERE tree_index = 300",
            "One of the entries 256 to 511 was changed",
        ),
        (
            "UPDATE tree_nodes SET hash = :hash WHERE position = 1",
            "not the one that its last checkpoint signs",
        ),
        ("DELETE FROM access_events WHERE tree_index = 300", "Entry 300 of the access log"),
        (
            "UPDATE access_events SET tree_index = 10000 WHERE tree_index = 300",
            "Entry 300 of the access log",
        ),
    ],
)
async def test_what_was_changed_in_the_database_is_named(house: House, statement: str, words: str):
    """An export of a database that somebody wrote in does not verify, or is not made at all."""
    await add(house, 600 - len(await leaves_of(house)))
    await house.vault.audit_log.proofs.export_head()
    other = b'{"forged":1}'
    values = {"other": other, "hash": bytes(32) if ":other" not in statement else mth([other])}
    damage(house, statement, **{name: one for name, one in values.items() if f":{name}" in statement})
    with pytest.raises(Tampered, match=words):
        verified(await exported(house, None))


async def test_an_export_of_a_rewritten_tail_does_not_fit_an_older_checkpoint(house: House):
    """A log that was set back and grew otherwise is found by anyone who kept a checkpoint."""
    await add(house, 20)
    _, head = await house.vault.audit_log.proofs.export_head()
    kept = read_head(iter(head.splitlines(keepends=True))).note
    size = len(await leaves_of(house))
    await add(house, 5)
    lines = await exported(house, None)
    note = read_head(iter(lines)).note
    assert verify_log(iter(lines[3:]), note, KNOWN, earlier=[kept]).checkpoint.size == size + 5
    other = [line for line in lines[3:] if not line.startswith(b"leaf 7 ")]
    with pytest.raises(Tampered, match="Entry 7 is missing"):
        verify_log(iter(other), note, KNOWN, earlier=[kept])
