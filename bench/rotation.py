"""How fast an account's key is rotated: ``python -m bench.rotation [--recordings N]``.

One recording comes in through the vault; the others are rows like it with keys of their own, and manifests. While
the old version is emptied by the vault's own steps, a listener downloads the real recording without pause, and
another one uploads. Says how many recordings a second were wrapped anew, and how many downloads failed: none may.
"""

import argparse
import asyncio
import secrets
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from vault import wiring
from vault.domain import encryption_context as bound
from vault.domain.consent import ConsentPolicy
from vault.domain.recording import State
from vault.errors import VaultError
from vault.ports.keys import AccountKey
from vault.sealing.wrapping import wrap
from vault.settings import read_settings
from vault.worker.loop import work
from vault.workflows.vault import Vault

_ACTOR = "key_bench"
_POLICY = ConsentPolicy(missing_evidence="accept", reason="a benchmark")


async def _blocks(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _tone() -> bytes:
    """Return a second of silence as G.711 in a WAV file."""
    size = 8000
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    shape = (7, 1, 8000, 8000, 1, 8)
    form = b"".join(n.to_bytes(w, "little") for n, w in zip(shape, (2, 2, 4, 4, 2, 2), strict=True))
    return head + form + b"data" + size.to_bytes(4, "little") + b"\xff" * size


def seed(path: Path, like: str, key: AccountKey, account_id: str, count: int) -> None:
    """Add ``count`` rows like an available one, each with a key of its own; their manifests are due."""
    database = sqlite3.connect(path, isolation_level=None, timeout=60)
    names = [row[1] for row in database.execute("PRAGMA table_info(recordings)")]
    row = dict(
        zip(names, database.execute("SELECT * FROM recordings WHERE id = ?", (like,)).fetchone(), strict=True)
    )
    insert = f"INSERT INTO recordings ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"  # noqa: S608 - the table's own names

    def rows() -> list[dict[str, object]]:
        made = []
        for number in range(count):
            recording_id = f"rec_{number:032x}"
            context = bound.of_recording_key(account_id, recording_id)
            wrapped = wrap(key.key, secrets.token_bytes(32), context)
            changed = {"id": recording_id, "recording_ref": f"seed-{number}", "wrapped_key": wrapped}
            made.append(row | changed | {"manifest_due": 1, "manifest_key_version": None})
        return made

    database.execute("BEGIN IMMEDIATE")
    database.executemany(insert, rows())
    database.execute("COMMIT")
    database.close()


async def _bring_in(vault: Vault, account_id: str, name: str) -> str:
    recording, _ = await vault.upload(account_id, name, name, _blocks(_tone()), actor=_ACTOR)
    while True:
        known = await vault.database.read(lambda tx: tx.recordings.by_id(recording.id))
        if known is not None and known.state is State.AVAILABLE:
            return recording.id
        await asyncio.sleep(0.05)


async def _listen(vault: Vault, account_id: str, recording_id: str, counts: dict[str, int]) -> None:
    """Download without pause, and count."""
    while True:
        try:
            sound = await vault.find_sound.for_download(account_id, recording_id, actor=_ACTOR)
            heard = b"".join([part async for part in await vault.stream(sound, 0, sound.size)])
            counts["played" if heard == _tone() else "failed"] += 1
        except VaultError:
            counts["failed"] += 1
        await asyncio.sleep(0.02)


async def _upload(vault: Vault, account_id: str, counts: dict[str, int]) -> None:
    while True:
        try:
            await _bring_in(vault, account_id, f"up-{counts['uploaded']}")
            counts["uploaded"] += 1
        except VaultError:
            counts["not uploaded"] += 1


async def _until(vault: Vault, *, idle: bool) -> None:
    """Wait for the manifests to be written, or for the rotation to end."""
    due = vault.write_manifests.any_due if idle else vault.rewrap.any_due
    while True:
        if not await due():
            return
        await asyncio.sleep(0.1)


async def measure(folder: Path, count: int) -> None:
    """Seed, rotate under load, and print."""
    settings = read_settings({"VAULT_DATA_DIR": str(folder)})
    async with wiring.assemble(settings) as vault:
        tasks = [asyncio.create_task(work(vault, workers=2))]
        account, _ = await vault.open_account("bench", name=None, locale=None, actor=_ACTOR)
        await vault.set_policy(account.id, _POLICY, if_version=None, actor=_ACTOR)
        real = await _bring_in(vault, account.id, "real")
        begun = time.monotonic()
        key = await vault.rewrap.ring.current(account.id)
        await asyncio.to_thread(seed, folder / "vault.db", real, key, account.id, count)
        await _until(vault, idle=True)
        print(f"seeded       {count} recordings and manifests in {time.monotonic() - begun:.0f} s")
        counts = dict.fromkeys(("played", "failed", "uploaded", "not uploaded"), 0)
        tasks += [
            asyncio.create_task(_listen(vault, account.id, real, counts)),
            asyncio.create_task(_upload(vault, account.id, counts)),
        ]
        begun = time.monotonic()
        await vault.rotate_account_key(account.id, actor=_ACTOR)
        await _until(vault, idle=False)
        seconds = time.monotonic() - begun - vault.rewrap.grace.total_seconds()
        (done,) = (await vault.read_rotations(account.id)).rotations
        print(f"rewrapped    {done.rewrapped} with their manifests, {done.rewrapped / seconds:.0f} a second")
        print("meanwhile    " + ", ".join(f"{number} {what}" for what, number in counts.items()))
        print((done.statement or b"").decode())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=2000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), asked.recordings))


if __name__ == "__main__":
    main()
