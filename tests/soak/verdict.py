"""After the soak: everything that was acknowledged is looked at, and compared with what the outside world was told."""

import asyncio
import base64
import json
import mmap
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.servers.fleet import Fleet
from tests.soak.ledger import Ledger
from tests.support.tenant import Tenant
from vault.composition.assemble import assemble
from vault.settings import read_settings

#: States in which nobody works on a recording any more.
SETTLED = frozenset({"available", "refused", "erased", "failed", "quarantined"})
#: Seconds in which fewer must wait than before: a lease of a killed worker runs out, and the work is done again.
PATIENCE = 240.0
#: Seconds between two lists of all recordings, which take processor time from those who work on them.
INTERVAL = 10.0


def recordings_of(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """Return all recordings of an account by their reference."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    while True:
        asked = {"limit": 200} | ({} if cursor is None else {"cursor": cursor})
        page = tenant.http.get(tenant.url("/recordings"), params=asked).raise_for_status().json()
        for one in page["items"]:
            if one["recording_ref"] in found:
                raise AssertionError(f"{one['recording_ref']} is there twice.")
            found[one["recording_ref"]] = one
        if (cursor := page["next_cursor"]) is None:
            return found


def settle(tenants: list[Tenant]) -> dict[str, dict[str, dict[str, Any]]]:
    """Wait until no recording waits, or until the queue gets no shorter; return all by account and reference.

    How long a queue takes is no promise: it depends on what else the machine does. That it gets shorter is one.
    """
    fewest, deadline = None, time.monotonic() + PATIENCE
    while True:
        found = {tenant.name: recordings_of(tenant) for tenant in tenants}
        waiting = sum(row["state"] not in SETTLED for of in found.values() for row in of.values())
        if fewest is None or waiting < fewest:
            fewest, deadline = waiting, time.monotonic() + PATIENCE
        if not waiting or time.monotonic() > deadline:
            return found
        time.sleep(INTERVAL)


def check_recordings(
    ledger: Ledger, found: Mapping[str, Mapping[str, dict[str, Any]]], switched: str
) -> None:
    """Compare every acknowledged recording with how it stands: nothing is lost, and nothing entered while off."""
    for (account, ref), sent in ledger.sent.items():
        row = found[account].get(ref)
        if row is None:
            ledger.broken(f"{account}/{ref} was acknowledged and is not there.")
            continue
        if sent.id is not None and row["id"] != sent.id:
            ledger.broken(f"{account}/{ref} has another id than was answered.")
        wanted = {"erased"} if row["id"] in ledger.erased else {"available"}
        if account == switched:
            wanted |= {"refused"}
            check_entry(ledger, row)
        if row["state"] not in wanted:
            ledger.broken(f"{account}/{ref} is {row['state']}, not {' or '.join(sorted(wanted))}.")


def check_entry(ledger: Ledger, row: Mapping[str, Any]) -> None:
    """See that a recording did not enter between the answer to off and the question for on."""
    if row["state"] != "available":
        return
    entered = datetime.fromisoformat(row["available_at"]).timestamp()
    if any(begun < entered < ended for begun, ended in ledger.off):
        ledger.broken(f"{row['id']} became available while the switch was off.")


def check_audio(
    ledger: Ledger, tenants: list[Tenant], found: Mapping[str, Mapping[str, Any]], bodies: list[bytes]
) -> int:
    """Download everything that is available, and compare it with what was sent in; return how many."""
    heard = 0
    for tenant in tenants:
        for ref, row in found[tenant.name].items():
            sent = ledger.sent.get((tenant.name, ref))
            if sent is None or row["state"] != "available":
                continue
            answer = tenant.http.get(tenant.url(f"/recordings/{row['id']}/audio"))
            heard += 1
            if answer.status_code != 200 or answer.content != bodies[sent.body]:
                ledger.broken(f"{tenant.name}/{ref} does not play as it was sent in.")
    return heard


def check_log(ledger: Ledger, fleet: Fleet, folder: Path) -> str:
    """Verify the whole log against every checkpoint that was given out, and each byte received against the grants."""
    export, key = folder / "everything.callvault-log", folder / "log.key"
    node = fleet.nodes[0]
    key.write_text(httpx.get(f"{node.url}/v1/access-log/key").text)
    made = node.command("log", "export", "--output", str(export))
    if made.returncode:
        ledger.broken(f"The log cannot be exported: {made.stderr}")
        return made.stderr
    kept = []
    for number, note in enumerate(ledger.checkpoints):
        kept += ["--checkpoint", str(folder / f"{number}.checkpoint")]
        (folder / f"{number}.checkpoint").write_bytes(note)
    verified = node.command("verify-log", str(export), "--key", str(key), *kept)
    if verified.returncode:
        ledger.broken(f"The log does not verify: {verified.stderr}")
    check_grants(ledger, export)
    return verified.stdout


def check_grants(ledger: Ledger, export: Path) -> None:
    """See that no listener got a byte that the log had not granted to his session."""
    granted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in leaves_of(export):
        if event["type"] == "playback.grant":
            granted[event["session"]].append((event["first"], event["end"]))
    for got in ledger.received:
        position = got.first
        for first, end in sorted(granted[got.session]):
            if first <= position < end:
                position = end
        if position < got.end:
            ledger.broken(f"{got.session} received bytes from {position} on that were not granted.")


def leaves_of(export: Path) -> Iterator[dict[str, Any]]:
    """Yield the leaves of an export."""
    with export.open("rb") as lines:
        for line in lines:
            if line.startswith(b"leaf "):
                yield json.loads(base64.b64decode(line.split()[3]))


def check_objects(ledger: Ledger, fleet: Fleet, found: Mapping[str, Mapping[str, dict[str, Any]]]) -> int:
    """Sweep as if a day had passed, and see that each available recording has its audio and its manifest.

    Nothing else may be there. Returns how many leftovers of killed attempts the sweep removed.
    """
    alive = {row["id"] for of in found.values() for row in of.values() if row["state"] == "available"}
    removed, keys = asyncio.run(_swept(fleet))
    audio = Counter(key.split("/")[2] for key in keys if key.startswith("recordings/"))
    manifests = Counter(
        key.split("/")[2].removesuffix(".json") for key in keys if key.startswith("manifests/")
    )
    for kind, there in (("audio", audio), ("manifest", manifests)):
        wrong = {one for one in alive | there.keys() if there[one] != (one in alive)}
        if wrong:
            ledger.broken(
                f"{len(wrong)} recordings have not exactly the {kind} that they should, as {min(wrong)}."
            )
    return removed


async def _swept(fleet: Fleet) -> tuple[int, list[str]]:
    environment = fleet.nodes[0].environment
    settings = read_settings(
        {name: value for name, value in environment.items() if name.startswith("VAULT_")}
    )
    async with assemble(settings) as vault:
        removed = await replace(vault.jobs.sweep, grace=timedelta(0))(everything=True)
        objects = vault.jobs.sweep.objects
        keys = [one.key for prefix in ("recordings/", "manifests/") async for one in objects.list(prefix)]
    return removed, keys


def check_plaintext(ledger: Ledger, folders: list[Path], bodies: list[bytes]) -> int:
    """Search every file that the vault or its database wrote for the sound of the calls; return how many."""
    marks = [body[len(body) // 2 :][:48] for body in bodies]
    searched = 0
    for folder in folders:
        for path in (one for one in folder.rglob("*") if one.is_file() and one.stat().st_size):
            searched += 1
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                if any(text.find(mark) >= 0 for mark in marks):
                    ledger.broken(f"{path.name} holds the sound of a call.")
    return searched
