"""How fast an account's key is rotated: ``python -m bench.rotation [--recordings N] [--audible N]``.

Some recordings come in through the vault; the others are rows like them with keys of their own, and manifests.
While the old version is emptied by the vault's own steps, a listener downloads one after another without pause,
and another client uploads. Says how many recordings a second were wrapped anew, and how many downloads failed:
none may. Afterwards every recording with audio is heard once more, and every manifest is looked at.
"""

import argparse
import asyncio
import itertools
import json
import secrets
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from vault import composition
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import State
from vault.domain.stored import encryption_context as bound
from vault.errors import VaultError
from vault.ports.keys import AccountKey
from vault.sealing.wrapping import wrap
from vault.services.service import Vault
from vault.settings import read_settings
from vault.worker.tasks import work

_ACTOR = "key_bench"
#: Uploads under way at once while recordings are brought in.
_AT_ONCE = 4
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
    recording, _ = await vault.uploads.store(account_id, name, name, _blocks(_tone()), actor=_ACTOR)
    while True:
        known = await vault.database.read(lambda tx: tx.recordings.by_id(recording.id))
        if known is not None and known.state is State.AVAILABLE:
            return recording.id
        await asyncio.sleep(0.05)


async def _bring_in_many(vault: Vault, account_id: str, count: int) -> list[str]:
    """Upload so many, some at once; return their ids."""
    names, found = iter([f"real-{number}" for number in range(count)]), []

    async def bring_in() -> None:
        found.extend([await _bring_in(vault, account_id, name) for name in names])

    await asyncio.gather(*[bring_in() for _ in range(_AT_ONCE)])
    return found


async def _heard(vault: Vault, account_id: str, recording_id: str) -> bool:
    """Download a recording, and say whether it is what was sent in."""
    try:
        sound = await vault.audio.for_download(account_id, recording_id, actor=_ACTOR)
        blocks = [part async for part in await vault.audio.stream(sound, 0, sound.size)]
    except VaultError:
        return False
    return b"".join(blocks) == _tone()


async def _listen(vault: Vault, account_id: str, audible: list[str], counts: dict[str, int]) -> None:
    """Download one after another without pause, and count."""
    for recording_id in itertools.cycle(audible):
        counts["played" if await _heard(vault, account_id, recording_id) else "failed"] += 1
        await asyncio.sleep(0.02)


async def _versions_in_store(vault: Vault, account_id: str) -> Counter[int]:
    """Return how many manifests name each version of the account's key."""
    objects, found = vault.jobs.sweep.objects, Counter[int]()
    async for stored in objects.list(f"manifests/{account_id}/"):
        found[json.loads(await objects.get(stored.key))["key_version"]] += 1
    return found


async def _upload(vault: Vault, account_id: str, counts: dict[str, int]) -> None:
    while True:
        try:
            await _bring_in(vault, account_id, f"up-{counts['uploaded']}")
            counts["uploaded"] += 1
        except VaultError:
            counts["not uploaded"] += 1


async def _until(vault: Vault, *, idle: bool) -> None:
    """Wait for the manifests to be written, or for the rotation to end."""
    due = vault.jobs.write_manifests.any_due if idle else vault.jobs.rewrap.any_due
    while True:
        if not await due():
            return
        await asyncio.sleep(0.1)


async def _fill(vault: Vault, folder: Path, account_id: str, count: int, audible: int) -> list[str]:
    """Bring in recordings with audio, add rows like them, and return the ids of the former."""
    begun = time.monotonic()
    real = await _bring_in_many(vault, account_id, audible)
    _say("brought in", f"{len(real)} recordings with audio in {time.monotonic() - begun:.0f} s")
    begun = time.monotonic()
    key = await vault.jobs.rewrap.ring.current(account_id)
    await asyncio.to_thread(seed, folder / "vault.db", real[0], key, account_id, count - audible)
    await _until(vault, idle=True)
    _say("seeded", f"{count - audible} rows with manifests in {time.monotonic() - begun:.0f} s")
    return real


async def _rotate(vault: Vault, account_id: str) -> None:
    """Rotate, wait until the old version is destroyed, and print the statement."""
    begun = time.monotonic()
    await vault.key_rotation.begin(account_id, actor=_ACTOR)
    await _until(vault, idle=False)
    seconds = time.monotonic() - begun - vault.jobs.rewrap.grace.total_seconds()
    (done,) = (await vault.key_rotation.status(account_id)).rotations
    _say("rewrapped", f"{done.rewrapped} with their manifests, {done.rewrapped / seconds:.0f} a second")
    _say("statement", (done.statement or b"").decode())


async def measure(folder: Path, count: int, audible: int) -> None:
    """Seed, rotate under load, and print."""
    settings = read_settings({"VAULT_DATA_DIR": str(folder)})
    async with composition.assemble(settings) as vault:
        tasks = [asyncio.create_task(work(vault, workers=2))]
        account, _ = await vault.accounts.open("bench", name=None, locale=None, actor=_ACTOR)
        await vault.consent_policy.set(account.id, _POLICY, if_version=None, actor=_ACTOR)
        real = await _fill(vault, folder, account.id, count, audible)
        counts = dict.fromkeys(("played", "failed", "uploaded", "not uploaded"), 0)
        tasks += [
            asyncio.create_task(_listen(vault, account.id, real, counts)),
            asyncio.create_task(_upload(vault, account.id, counts)),
        ]
        await _rotate(vault, account.id)
        _say("meanwhile", ", ".join(f"{number} {what}" for what, number in counts.items()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        again = [await _heard(vault, account.id, one) for one in real]
        _say("heard again", f"{sum(again)} of {len(again)}")
        versions = sorted((await _versions_in_store(vault, account.id)).items())
        _say("manifests", ", ".join(f"{number} under version {version}" for version, number in versions))


def _say(what: str, words: str) -> None:
    print(f"{what:<12} {words}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=2000, help="how many in all (2000)")
    parser.add_argument("--audible", type=int, default=20, help="how many of them with audio (20)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), asked.recordings, asked.audible))


if __name__ == "__main__":
    main()
