"""What somebody with the database may do to the log: `callvault verify-log` finds each, and names the entry."""

import base64
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.objects import FakeObjects
from tests.services.audit_log.test_access_log import add, leaves_of
from tests.support.anchoring import anchor_of
from tests.support.service_house import SIGNER, House
from tests.support.whole_log import read_export
from vault.cli.log import verify
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import Tampered
from vault.services.audit_log.proofs import LogProofs
from vault.tlog.note import Signer

pytestmark = pytest.mark.faults

Lines = list[bytes]
KEY = SIGNER.verifier.write()
#: An export's lines before its first entry: version, key, checkpoint.
HEAD = 3
#: Entries, of which the first 256 have a node behind them.
SIZE = 300


async def export(log: LogProofs) -> bytes:
    """Take the whole log out."""
    return b"".join([part async for part in await log.export(None)])


@pytest.fixture
async def whole(house: House) -> bytes:
    """An export in which nothing was changed, as an independent auditor finds too."""
    await add(house, SIZE - len(await leaves_of(house)))
    exported = await export(house.vault.audit_log.proofs)
    log = read_export(exported, KEY)
    assert (log.size, len(log.events)) == (SIZE, SIZE)
    return exported


def verdict(folder: Path, exported: bytes, *earlier: bytes, key: str | None = KEY) -> str:
    """Verify an export by the command, against checkpoints from before; returns its sentence if it fails."""
    file = folder / "log"
    file.write_bytes(exported)
    kept = [folder / f"checkpoint-{number}" for number in range(len(earlier))]
    for path, note in zip(kept, earlier, strict=True):
        path.write_bytes(note)
    try:
        verify(str(file), checkpoint=kept, key=key, api_key=None)
    except Tampered as error:
        return str(error)
    return "verified"


def checkpoint_of(exported: bytes) -> bytes:
    """Return the signed note of an export."""
    return base64.b64decode(exported.splitlines()[2].removeprefix(b"checkpoint "))


def flip(line: bytes, part: int) -> bytes:
    """Flip one bit of the base64 value that is a part of a line."""
    parts = line.rstrip(b"\n").split(b" ")
    value = bytearray(base64.b64decode(parts[part]))
    value[len(value) // 2] ^= 1
    parts[part] = base64.b64encode(bytes(value))
    return b" ".join(parts) + b"\n"


def with_line(number: int, line: Callable[[bytes], bytes]) -> Callable[[Lines], Lines]:
    """Return what changes one line."""
    return lambda lines: [*lines[:number], line(lines[number]), *lines[number + 1 :]]


def exchanged(lines: Lines, one: int, other: int, *, with_index: bool) -> Lines:
    """Return the lines with two entries in each other's place, each with its own index or with the other's."""
    lines = list(lines)
    first, second = (lines[HEAD + index].split(b" ", 2) for index in (one, other))
    if not with_index:
        first[2], second[2] = second[2], first[2]
        lines[HEAD + one], lines[HEAD + other] = b" ".join(first), b" ".join(second)
    else:
        lines[HEAD + one], lines[HEAD + other] = b" ".join(second), b" ".join(first)
    return lines


#: The node of level 8 stands behind entry 255.
NODE = HEAD + 256
ATTACKS: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "a bit of a leaf": (with_line(HEAD + 4, lambda line: flip(line, 3)), "Entry 4 was changed"),
    "a bit of a hash": (with_line(HEAD + 4, lambda line: flip(line, 2)), "Entry 4 was changed"),
    "a bit of the last leaf": (with_line(HEAD + SIZE, lambda line: flip(line, 3)), f"Entry {SIZE - 1} was changed"),
    "a bit of a node": (with_line(NODE, lambda line: flip(line, 3)), "One of the entries 0 to 255 was changed"),
    "two entries in each other's place": (
        lambda lines: exchanged(lines, 2, 5, with_index=True),
        "Entry 2 is missing: entry 5 is in its place.",
    ),
    "two entries with each other's index": (
        lambda lines: exchanged(lines, 2, 5, with_index=False),
        "One of the entries 0 to 255 was changed, and its hash too.",
    ),
    "two entries behind the last node": (
        lambda lines: exchanged(lines, 260, 270, with_index=False),
        f"One of the entries 0 to {SIZE - 1} is not what it was when the signed checkpoint",
    ),
    "an entry left out": (lambda lines: [*lines[: HEAD + 7], *lines[HEAD + 8 :]], "Entry 7 is missing: entry 8"),
    "the last entry cut off": (
        lambda lines: lines[:-1],
        f"Entry {SIZE - 1} is missing: the checkpoint covers {SIZE}.",
    ),
    "everything cut off": (lambda lines: lines[:HEAD], f"Entry 0 is missing: the checkpoint covers {SIZE}."),
    "an entry twice": (lambda lines: [*lines, lines[-1]], f"Entry {SIZE - 1} is repeated"),
    "an entry more": (
        lambda lines: [*lines, lines[-1].replace(b"leaf %d " % (SIZE - 1), b"leaf %d " % SIZE)],
        f"Entry {SIZE} was added: the checkpoint covers {SIZE}.",
    ),
    "another hash where a leaf was": (
        with_line(HEAD + 3, lambda _: b"hash 3 " + base64.b64encode(bytes(32)) + b"\n"),
        "One of the entries 0 to 255 was changed",
    ),
    "a bit of the signature": (
        with_line(2, lambda line: line[:-8] + bytes([line[-8] ^ 1]) + line[-7:]),
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_export_is_found_out(whole: bytes, tmp_path: Path, attack: str):
    """By the command, which says what is wrong first, and by an auditor who knows only the specifications."""
    assert verdict(tmp_path, whole) == "verified"
    change, words = ATTACKS[attack]
    changed = b"".join(change(whole.splitlines(keepends=True)))
    assert changed != whole
    said = verdict(tmp_path, changed)
    assert said != "verified"
    assert words in said
    if attack != "a bit of a node":  # Nodes only help to name the entry; this auditor does without.
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the other implementation says
            read_export(changed, KEY)


async def test_a_log_that_another_key_signed_is_found_out(house: House, whole: bytes, tmp_path: Path):
    """It is right in itself, and only who knows the key sees that it is not the one."""
    forger = Signer(name=SIGNER.name, secret=bytes(32))
    await house.database.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM checkpoints") and None)
    anchor = anchor_of(house.database, FakeObjects(), signer=forger)
    exported = await export(replace(house.vault.audit_log.proofs, signer=forger, anchor=anchor))
    assert verdict(tmp_path, exported, key=None) == "verified"
    assert "no signature of a known key" in verdict(tmp_path, exported)
    assert verdict(tmp_path, exported, checkpoint_of(whole), key=None) != "verified"


@asynccontextmanager
async def copy_of(house: House, path: Path) -> AsyncIterator[House]:
    """Open a copy of the database as it is now, a backup, without the object store that would give it away."""
    source, target = sqlite3.connect(house.database.path), sqlite3.connect(path)
    source.backup(target)
    source.close()
    target.close()
    database = SqliteDatabase(path)
    try:
        anchor = anchor_of(database, FakeObjects())
        log = house.vault.audit_log
        log = replace(log, proofs=replace(log.proofs, database=database, anchor=anchor))
        yield replace(house, database=database, vault=replace(house.vault, audit_log=log))
    finally:
        database.close()


async def test_a_database_that_was_set_back_is_found_out(house: House, whole: bytes, tmp_path: Path):
    """By anyone who kept a checkpoint: while it is shorter, and after it has grown again and otherwise."""
    async with copy_of(house, tmp_path / "backup.db") as back:
        await add(house, 2)
        ahead = checkpoint_of(await export(house.vault.audit_log.proofs))
        exported = await export(back.vault.audit_log.proofs)
        assert verdict(tmp_path, exported) == "verified"
        assert verdict(tmp_path, exported, ahead) == (
            f"Entry {SIZE} is missing: an earlier checkpoint covers {SIZE + 2}, and this log only {SIZE}."
        )
        await add(back, 3)
        exported = await export(back.vault.audit_log.proofs)
        rewritten = f"is not what it was when the earlier checkpoint of {SIZE + 2} entries was made"
        assert f"One of the entries 0 to {SIZE + 1} {rewritten}" in verdict(tmp_path, exported, ahead)
        # One from before the fork narrows it down.
        said = verdict(tmp_path, exported, ahead, checkpoint_of(whole))
        assert f"One of the entries {SIZE} to {SIZE + 1} {rewritten}" in said
        log = read_export(exported, KEY)
        log.continues(checkpoint_of(whole), KEY)
        with pytest.raises(AssertionError, match="are not what they were"):
            log.continues(ahead, KEY)


@pytest.mark.parametrize("index", [0, 255, 256, SIZE - 1])
async def test_a_leaf_that_was_changed_in_the_database_is_named(
    house: House, whole: bytes, tmp_path: Path, index: int
):
    """Anyone who can write there cannot have it exported unseen."""
    forge = "UPDATE access_events SET body = CAST('{}' AS BLOB) WHERE tree_index = ?"
    await house.database.write(lambda tx: tx.connection.exec_driver_sql(forge, (index,)) and None)
    said = verdict(tmp_path, await export(house.vault.audit_log.proofs))
    assert said == f"Entry {index} was changed: its leaf does not match its hash."
