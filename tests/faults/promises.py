"""What holds after every fault, whatever it was: the data is opened from inside when no server works on it any more.

Looked at are all rows, all objects and the whole log:
- each recording that a caller was told of is there once, and did not fail;
- what is available entered while the switch was on, in the epoch in which it was received;
- each available object opens whole, and is what its row and its manifest say;
- no file holds the sound of a call;
- no session was sent more than the log had granted before;
- the log verifies, and goes on from every earlier checkpoint;
- after a sweep nothing lies there that no row names, and nothing is unfinished;
- what was erased or refused has no key and no object.
"""

import asyncio
import mmap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.servers.vault_process import VaultProcess
from tests.support.whole_log import WholeLog, read_export
from vault.composition import adapters
from vault.composition.assemble import assemble
from vault.database.schema.core import recordings, switch_changes
from vault.services.service import Vault
from vault.settings import Settings, read_settings

Row = Mapping[str, Any]
_GONE = frozenset({"refused", "failed", "erased"})
_EVERY = 1_000_000


def check_promises(
    server: VaultProcess,
    *,
    told: Iterable[str | None] = (),
    sounds: Sequence[bytes] = (),
    checkpoints: Iterable[bytes] = (),
    audible: bool = True,
) -> None:
    """Raise AssertionError that names every promise that the stopped server's data breaks.

    ``told`` are the recordings that callers were answered, ``sounds`` pieces of audio that came in,
    ``checkpoints`` those of the log from before. Rows that were made without audio are not ``audible``.
    """
    settings = read_settings({k: v for k, v in server.environment.items() if k.startswith("VAULT_")})
    looking = _broken_promises(settings, told=list(told), checkpoints=list(checkpoints), audible=audible)
    # In a thread of its own, because a test may have a loop of its own.
    with ThreadPoolExecutor(1) as pool:
        broken = pool.submit(asyncio.run, looking).result()
    broken += _plaintext(server.folder, sounds)
    assert not broken, "\n".join(broken[:50])


async def _broken_promises(
    settings: Settings, *, told: Sequence[str | None], checkpoints: Sequence[bytes], audible: bool
) -> list[str]:
    async with assemble(settings, describing=False) as vault:
        found, changes = await vault.database.read(
            lambda tx: (
                _rows(tx, select(recordings)),
                _rows(tx, select(switch_changes).order_by(switch_changes.c.id)),
            )
        )
        broken = _told(found, told)
        broken += [sentence for row in found for sentence in wrong_entry(row, changes)]
        broken += [f"{row['id']} is {row['state']} and has a key" for row in found if _kept_key(row)]
        await _sweep(vault)
        broken += await _objects(vault, found)
        if audible:
            broken += (await replace(vault.backup.fsck, grace=timedelta(0))(sample=_EVERY, rate=0)).findings
        broken += await _log(vault, checkpoints)
    return broken


def wrong_entry(row: Row, changes: Sequence[Row]) -> list[str]:
    """Compare when a recording became available with what its account's switch was then, by the database's clock."""
    if row["state"] != "available":
        return []
    before = [
        one for one in changes if one["account_id"] == row["account_id"] and one["at"] <= row["available_at"]
    ]
    wrong = []
    if not before[-1]["enabled"]:
        wrong.append(f"{row['id']} entered while the switch was off")
    if before[-1]["epoch"] != row["epoch"]:
        wrong.append(
            f"{row['id']} entered in epoch {before[-1]['epoch']}, and was received in {row['epoch']}"
        )
    return wrong


def _rows(tx: Any, query: Any) -> list[Row]:
    return [dict(row) for row in tx.connection.execute(query).mappings()]


def _told(found: Sequence[Row], told: Sequence[str | None]) -> list[str]:
    states = {row["id"]: row["state"] for row in found}
    names = [(row["account_id"], row["connection_id"], row["recording_ref"]) for row in found]
    broken = [f"{one} was acknowledged and is not there" for one in told if one and one not in states]
    broken += [f"{one} was acknowledged and failed" for one in told if states.get(one or "") == "failed"]
    return broken + [f"{name} is there twice" for name in set(names) if names.count(name) > 1]


def _kept_key(row: Row) -> bool:
    return row["state"] in _GONE and row["wrapped_key"] is not None


async def _sweep(vault: Vault) -> None:
    """Sweep as if a day had passed."""
    await asyncio.sleep(0.01)
    await replace(vault.jobs.sweep, grace=timedelta(0))(everything=True)


async def _objects(vault: Vault, found: Sequence[Row]) -> list[str]:
    """Compare what lies there after a sweep with the rows; attempts that hold their lease may still write."""
    store = vault.jobs.sweep.objects
    named = {row[name] for row in found if row["state"] not in _GONE for name in _LOCATIONS}
    now = adapters.utc_now()
    busy = {row["id"] for row in found if row["lease_until"] is not None and row["lease_until"] > now}
    there = [one.key async for one in store.list("recordings/")]
    broken = [
        f"{key} is named by no row" for key in there if key not in named and key.split("/")[2] not in busy
    ]
    unfinished = await store.abort_uploads("", before=now)
    if unfinished and not busy:
        broken.append(f"{unfinished} objects were left unfinished")
    gone = {row["id"] for row in found if row["state"] in _GONE}
    manifests = [one.key async for one in store.list("manifests/")]
    return broken + [f"{key} is left" for key in manifests if key.rsplit("/")[-1][: -len(".json")] in gone]


_LOCATIONS = ("audio_location", "rendition_location")


async def _log(vault: Vault, checkpoints: Sequence[bytes]) -> list[str]:
    export = b"".join([part async for part in await vault.audit_log.proofs.export(None)])
    try:
        log = read_export(export)
        for note in checkpoints:
            log.continues(note, export.decode().splitlines()[1].removeprefix("key "))
    except AssertionError as error:
        return [f"the log does not verify: {error}"]
    return ungranted(log)


def ungranted(log: WholeLog) -> list[str]:
    """Compare what each session was sent, by its last word, with what it was granted."""
    granted: dict[str, int] = defaultdict(int)
    broken = []
    for _, event in sorted(log.events.items()):
        if event["type"] == "playback.grant":
            granted[event["session"]] = max(granted[event["session"]], event["end"])
        elif event["type"] == "playback.end" and event["end"] > granted[event["session"]]:
            broken.append(
                f"{event['session']} was sent {event['end']} bytes of {granted[event['session']]} granted"
            )
    return broken


def _plaintext(folder: Path, sounds: Sequence[bytes]) -> list[str]:
    """Search every file below the folder for the sound of a call."""
    broken = []
    for path in (one for one in folder.rglob("*") if sounds and one.is_file() and one.stat().st_size):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if any(text.find(sound) >= 0 for sound in sounds):
                broken.append(f"{path.name} holds the sound of a call")
    return broken
