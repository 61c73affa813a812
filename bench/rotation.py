"""How fast an account's key is rotated: ``python -m bench.rotation [--recordings N] [--before] [--postgresql]``.

Some recordings come in through the vault; the others are rows like them with keys of their own, and facts of their
calls. While the old version is emptied by the vault's own steps, a listener downloads one after another without pause,
and another client uploads. Prints how long it took, and how many downloads failed: none may. Afterwards every recording
with audio is heard once more, and every manifest is looked at; the rows that were only added have none, except with
``--before``, where the rotation writes them.
"""

import argparse
import asyncio
import itertools
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, text

from bench.postgresql import postgresql
from vault import composition
from vault.database.interface import Database
from vault.database.schema.calls import call_facts
from vault.database.schema.core import recordings
from vault.database.sql.dialect import insert_new
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.manifest import decode_manifest
from vault.domain.stored.sealed_records import encode_facts
from vault.errors import Unavailable, VaultError
from vault.ports.keys import SealingKey
from vault.sealing.message import seal
from vault.sealing.wrapping import wrap
from vault.services.service import Vault
from vault.settings import read_settings
from vault.worker.tasks import work

_ACTOR = "key_bench"
#: Uploads under way concurrently while recordings are brought in.
_AT_ONCE = 4
#: Rows added in one transaction.
_ROWS = 50
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


async def seed(
    database: Database, like: str, key: SealingKey, account_id: str, count: int, *, due: bool
) -> None:
    """Add ``count`` rows like an available one, each with a key of its own under ``key``, and facts of its call.

    ``due``: whether their manifests are to be written.
    """
    for first in range(0, count, _ROWS):
        numbers = range(first, min(first + _ROWS, count))
        while True:
            with suppress(Unavailable):
                await database.write(lambda tx, some=numbers: _add(tx, like, key, account_id, some, due=due))  # type: ignore[misc]
                break


def _add(tx: Transaction, like: str, key: SealingKey, account_id: str, numbers: range, *, due: bool) -> None:
    row = tx.connection.execute(select(recordings).where(recordings.c.id == like)).mappings().one()
    under = {"key_version": key.version, "month_key": key.month_key}
    same = {**row, **under, "manifest_due": due, "announcement_month_key": None}
    # Without a month key, the manifest counts as written under the account key.
    same["manifest_key_version"] = key.version if key.month_key is None else None
    rows, facts = [], []
    for number in numbers:
        recording_id, fact_id, ref = f"rec_{number:032x}", f"fact_seed-{number}", f"seed-{number}"
        wrapped = wrap(key.key, secrets.token_bytes(32), bound.of_recording_key(account_id, recording_id))
        rows.append(
            same | {"id": recording_id, "recording_ref": ref, "call_ref": ref, "wrapped_key": wrapped}
        )
        text = encode_facts(CallFacts(call_ref=ref, direction="inbound", caller="+14155550123"))
        sealed = seal(key.key, bound.of_call_fact(account_id, fact_id), text)
        fact = {
            "id": fact_id,
            "account_id": account_id,
            "call_ref": ref,
            "delivery": ref,
            "at": row["received_at"],
        }
        facts.append(fact | {"sealed_facts": sealed} | under)
    insert_new(tx.connection, recordings, *rows)
    insert_new(tx.connection, call_facts, *facts)


async def _bring_in(vault: Vault, account_id: str, name: str) -> str:
    recording, _ = await vault.ingest.uploads.store(account_id, name, name, _blocks(_tone()), actor=_ACTOR)
    while True:
        known = await vault.database.read(lambda tx: tx.recordings.by_id(recording.id))
        if known is not None and known.state is State.AVAILABLE:
            return recording.id
        await asyncio.sleep(0.05)


async def _bring_in_many(vault: Vault, account_id: str, count: int) -> list[str]:
    """Upload so many, some concurrently; return their ids."""
    names, found = iter([f"real-{number}" for number in range(count)]), []

    async def bring_in() -> None:
        found.extend([await _bring_in(vault, account_id, name) for name in names])

    await asyncio.gather(*[bring_in() for _ in range(_AT_ONCE)])
    return found


async def _heard(vault: Vault, account_id: str, recording_id: str) -> bool:
    """Download a recording, and say whether it is what was sent in."""
    try:
        sound = await vault.playback.audio.for_download(account_id, recording_id, actor=_ACTOR)
        blocks = [part async for part in await vault.playback.audio.stream(sound, 0, sound.size)]
    except VaultError:
        return False
    return b"".join(blocks) == _tone()


async def _listen(vault: Vault, account_id: str, audible: list[str], counts: dict[str, int]) -> None:
    """Download one after another without pause, and count."""
    for recording_id in itertools.cycle(audible):
        counts["played" if await _heard(vault, account_id, recording_id) else "failed"] += 1
        await asyncio.sleep(0.02)


async def _keys_in_store(vault: Vault, account_id: str) -> Counter[str]:
    """Return how many manifests name a month key, or a version of the account's key."""
    objects, found = vault.jobs.sweep.objects, Counter[str]()
    async for stored in objects.list(f"manifests/{account_id}/"):
        keys = decode_manifest(await objects.get(stored.key)).keys
        found[f"version {keys.key_version}" if keys.month_key is None else "month keys"] += 1
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


async def _fill(vault: Vault, account_id: str, asked: argparse.Namespace) -> list[str]:
    """Bring in recordings with audio, add rows like them, and return the ids of the former."""
    begun = time.monotonic()
    real = await _bring_in_many(vault, account_id, asked.audible)
    _say("brought in", f"{len(real)} recordings with audio in {time.monotonic() - begun:.0f} s")
    begun, ring = time.monotonic(), vault.jobs.rewrap.ring
    key: SealingKey = await ring.current(account_id)
    if not asked.before:
        key = await ring.month_key_of(account_id, key.version, datetime.now(UTC))
    count = asked.recordings - asked.audible
    await seed(vault.database, real[0], key, account_id, count, due=False)
    with suppress(Unavailable):  # Where it takes too long, autovacuum does it.
        await vault.database.write(lambda tx: tx.connection.execute(text("ANALYZE recordings")) and None)
    await _until(vault, idle=True)
    _say("seeded", f"{count} rows with facts of their calls in {time.monotonic() - begun:.0f} s")
    return real


async def _rotate(vault: Vault, account_id: str) -> None:
    """Rotate, wait until the old version is destroyed, and print the statement."""
    begun, cpu = time.monotonic(), time.process_time()
    await vault.key_rotation.rotations.begin(account_id, actor=_ACTOR)
    await _until(vault, idle=False)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    (done,) = (await vault.key_rotation.rotations.status(account_id)).rotations
    pause = vault.jobs.rewrap.grace.total_seconds()
    _say("rotated", f"in {seconds:.1f} s, {pause:.0f} s of it a pause; {cpu:.1f} s of CPU, clients included")
    _say("rewrapped", f"{done.rewrapped} keys")
    _say("statement", (done.statement or b"").decode())


async def measure(folder: Path, database_url: str, asked: argparse.Namespace) -> None:
    """Seed, rotate under load, and print."""
    settings = read_settings({"VAULT_DATA_DIR": str(folder), "VAULT_DATABASE_URL": database_url})
    async with composition.assemble(settings) as vault:
        tasks = [asyncio.create_task(work(vault, workers=2))]
        account, _ = await vault.accounts.accounts.open("bench", name=None, locale=None, actor=_ACTOR)
        await vault.consent.policy.set(account.id, _POLICY, if_version=None, actor=_ACTOR)
        real = await _fill(vault, account.id, asked)
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
        keys = sorted((await _keys_in_store(vault, account.id)).items())
        _say("manifests", ", ".join(f"{number} under {key}" for key, number in keys))


def _say(what: str, words: str) -> None:
    print(f"{what:<12} {words}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=2000, help="how many in all (2000)")
    parser.add_argument("--audible", type=int, default=20, help="how many of them with audio (20)")
    parser.add_argument(
        "--before",
        action="store_true",
        help="rows of a release without month keys, which this one brings under them",
    )
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql() if asked.postgresql else nullcontext("sqlite") as url,
    ):
        asyncio.run(measure(Path(folder), url, asked))


if __name__ == "__main__":
    main()
