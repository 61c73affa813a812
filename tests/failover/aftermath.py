"""After a round: bring the database back where the vault asks for it, and count what does not stand."""

import base64
import subprocess
import time
from pathlib import Path

import psycopg

from tests.failover.account_book import AccountBook
from tests.failover.compare import CLOSED, STANDING, wrong
from tests.failover.figures import Table
from tests.failover.requests import Door
from tests.servers.vault_process import VaultProcess

#: Seconds within which a node serves again after a restore.
PATIENCE = 60.0
#: Checkpoints of a round that the log is verified against, evenly spread.
VERIFIED = 24
_LEAVES = "SELECT tree_index, body FROM access_events WHERE tree_index IS NOT NULL ORDER BY tree_index"


def restore(
    node: VaultProcess, door: Door, table: Table, *, serving: bool = True, needed: bool = True
) -> None:
    """Run ``callvault restore`` as the page says, and wait until the node serves.

    Where it is not ``needed``, it may answer that there is nothing to restore, with status 1.
    """
    _restore(node, table, "restore", most=0 if needed else 1)
    if serving:
        wait_serving(door, table)


def restore_again(node: VaultProcess, table: Table) -> None:
    """Restore once more: it finds nothing to do, and puts nothing on record."""
    before = _restores(node)
    said = _lines(node.command("restore", patience=300))
    table.add("restore, again: times that it is on record", _restores(node) - before, most=0)
    table.remarks.extend(f"restore, again: {line}" for line in said[:6])


def restore_from_nothing(node: VaultProcess, door: Door, table: Table) -> None:
    """Make the database from the object store alone, and a new admin's key. Nothing runs."""
    _restore(node, table, "restore")
    door.key = node.create_key()


def _restore(node: VaultProcess, table: Table, name: str, *, most: int = 0) -> None:
    begun = time.monotonic()
    done = node.command("restore", patience=300)
    table.add(f"{name}: exit status", done.returncode, most=most)
    table.add(f"{name}: seconds", time.monotonic() - begun)
    table.remarks.extend(f"{name}: {line}" for line in _lines(done))


def _lines(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return what a command said, without its log."""
    return [line for line in (done.stdout + done.stderr).strip().splitlines() if not line.startswith("{")]


def _restores(node: VaultProcess) -> int:
    """Return how many entries of the log tell of a restore."""
    lines = node.command("log", "export", patience=120).stdout.splitlines()
    leaves = [base64.b64decode(line.split()[3]) for line in lines if line.startswith("leaf ")]
    return sum(b'"vault.restored"' in leaf or b'"log.database_went_back"' in leaf for leaf in leaves)


def wait_serving(door: Door, table: Table) -> None:
    """Wait until the node is ready; what it says otherwise is a broken aim."""
    deadline = time.monotonic() + PATIENCE
    while (reply := door.send("GET", "/readyz")).status != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    table.add("serves again (1 is yes)", reply.status == 200, least=1)
    if reply.status != 200:
        table.remark(f"/readyz: {reply.status} {reply.body[:200]!r}")


def compare_closed(table: Table, door: Door, book: AccountBook, *, title: str = "") -> None:
    """Look at every closing act that was answered with 2xx."""
    for kind, (words, look) in CLOSED.items():
        acts = book.acknowledged(kind)
        table.none(f"{title}{words}", wrong(door, acts, look), len(acts))


def compare_standing(
    table: Table, door: Door, book: AccountBook, *, before: float, restored: float, lossless: bool
) -> None:
    """Count call starts and uploads that are lost: of before the failover, and of after the database was back.

    ``before`` is the moment of the failover, ``restored`` that from which what is acknowledged must stand.
    """
    for kind, (words, look) in STANDING.items():
        acts = book.acknowledged(kind, until=before)
        lost = wrong(door, acts, look)
        table.add(words, len(lost), len(acts), most=0 if lossless else None)
        later = book.acknowledged(kind, since=restored)
        table.none(f"{words}, second loss", wrong(door, later, look), len(later))


def compare_manifests(table: Table, door: Door, account: str, book: AccountBook, manifests: set[str]) -> None:
    """Count the acknowledged recordings whose manifest lay in the object store and that cannot be heard."""
    kept = [act for act in book.acknowledged("upload") if act.more["id"] in manifests]
    lost = []
    for act in kept:
        audio = door.rest("GET", f"/v1/accounts/{account}/recordings/{act.more['id']}/audio")
        if audio.status != 200:
            lost.append(f"{act.more['id']} {audio.status}")
    table.none("recordings whose manifest lay in the bucket, not back", lost, len(kept))


def compare_history(table: Table, node: VaultProcess, door: Door, book: AccountBook, folder: Path) -> None:
    """Count sizes with two roots, and verify the log against what was shown."""
    forked, sizes = book.forked_sizes()
    table.add("sizes shown with two signed roots", forked, sizes, most=0)
    folder.mkdir(exist_ok=True)
    export, key = folder / "log", folder / "key"
    key.write_bytes(door.send("GET", "/v1/access-log/key").body)
    made = node.command("log", "export", "--output", str(export), patience=120)
    if made.returncode:
        table.none("log export fails", [made.stderr[-300:]])
        return
    seen = {(one.checkpoint.size, one.checkpoint.root): one.note for one in book.shown}
    notes = [seen[known] for known in sorted(seen)]
    options = []
    for number, note in enumerate(notes[:: max(1, len(notes) // VERIFIED)] + notes[-1:]):
        (folder / f"{number}").write_bytes(note)
        options += ["--checkpoint", str(folder / f"{number}")]
    verified = node.command("verify-log", str(export), "--key", str(key), *options, patience=120)
    bad = [verified.stderr.strip()[-300:]] if verified.returncode else []
    table.none("verify-log with what was shown fails", bad, len(options) // 2)


def compare_leaves(table: Table, dead: str, living: str, book: AccountBook) -> None:
    """Compare the dead primary, started alone, with the present database leaf by leaf. Both are URLs."""
    old, new = leaves_of(dead), leaves_of(living)
    gone = sorted(set(old.values()) - set(new.values()))
    table.add("leaves of the dead primary that are nowhere", len(gone), len(old))
    differing = [index for index, leaf in old.items() if index in new and new[index] != leaf]
    table.add(
        "leaves that stand in another place or in none",
        len(differing) + len(old.keys() - new.keys()),
        len(old),
    )
    shown = max((one.checkpoint.size for one in book.shown if one.at <= book.moments["killed"]), default=0)
    changed = [index for index, leaf in old.items() if index < shown and new.get(index) != leaf]
    table.none("leaves under a checkpoint that was shown, changed", changed, shown)


def leaves_of(url: str) -> dict[int, bytes]:
    """Return the leaves of a database by their place."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        return {index: bytes(body) for index, body in connection.execute(_LEAVES)}


def count_acknowledged(
    table: Table, book: AccountBook, since: float, until: float, *, went_back: bool
) -> None:
    """Count what was answered with 2xx from an older database, before it was brought up to date."""
    kinds: dict[str, int] = {}
    asked = 0
    for act in book.sent_since(since):
        if act.sent <= until:
            asked += 1
            kinds[act.kind] = kinds.get(act.kind, 0) + act.acknowledged
    what = "acknowledged by the older database" if went_back else "acknowledged after it"
    table.add(what, sum(kinds.values()), asked, most=0 if went_back else None)
    if any(kinds.values()):
        table.remark(f"{what}: {_joined(kinds)}")


def _joined(kinds: dict[str, int]) -> str:
    return ", ".join(f"{kind} {times}" for kind, times in sorted(kinds.items()) if times)


def first_acknowledged(book: AccountBook, since: float) -> float | None:
    """Return the seconds from a moment to the first 2xx of what was asked after it."""
    return min((act.answered - since for act in book.sent_since(since) if act.acknowledged), default=None)
