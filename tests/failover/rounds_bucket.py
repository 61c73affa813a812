"""A round in which the object store goes back under a running vault, while its database does not."""

import shutil
import time

from tests.failover import aftermath
from tests.failover.compare import STANDING, wrong
from tests.failover.figures import Table
from tests.failover.rounds_sqlite import Machine, machine
from tests.failover.stage import account_path
from tests.failover.world import manifests_in

#: Seconds within which a running vault says that its object store went back: its look comes once a minute.
PATIENCE = 90.0


def put_back(*, ago: float = 75.0, seconds: float = 4.0, subjects: int = 16) -> Table:
    """Put the objects of ``ago`` seconds ago back under a running vault, and then lose the database."""
    with machine(f"the objects of {ago:g} s ago put back under a running vault", subjects=subjects) as around:
        book, load = around.book, around.load().start()
        time.sleep(seconds)
        old = around.server.folder / "old"
        shutil.copytree(around.objects, old)
        book.mark("copied")
        time.sleep(ago)
        load.stop()
        _settle(around)
        logged = len(around.server.log.read_text())
        around.objects.rename(around.server.folder / "newer")
        old.rename(around.objects)
        book.mark("killed")
        _watch(around, logged)
        _missing(around)
        _refilled(around)
        return around.table


def _settle(around: Machine) -> None:
    """Wait until every recording that was acknowledged has its manifest."""
    wanted = {act.more["id"] for act in around.book.acknowledged("upload")}
    deadline = time.monotonic() + PATIENCE
    while not wanted <= manifests_in(around.objects) and time.monotonic() < deadline:
        time.sleep(0.2)


def _watch(around: Machine, logged: int) -> None:
    """Wait until the running vault says that its object store went back."""
    begun, said = time.monotonic(), ""
    while not said and time.monotonic() < begun + PATIENCE:
        lines = around.server.log.read_text()[logged:].splitlines()
        said = next((line for line in lines if "went_back" in line), "")
        time.sleep(0.5)
    around.table.add("said while running (1 is yes)", bool(said), least=1)
    if said:
        around.table.add("seconds until it was said", time.monotonic() - begun, most=60, timed=True)
        around.table.remark(said[:300])


def _missing(around: Machine) -> None:
    """Ask for every recording whose audio is gone: it is missing, and nobody tampered with it."""
    answers: dict[int, int] = {}
    account = around.stage.accounts[2]
    for act in around.book.acknowledged("upload"):
        status = around.door.rest("GET", account_path(account, f"/recordings/{act.more['id']}/audio")).status
        answers[status] = answers.get(status, 0) + 1
    asked = sum(answers.values())
    around.table.add("recordings that answer 500", answers.get(500, 0), asked, most=0)
    around.table.add("recordings that answer 503", answers.get(503, 0), asked)
    tampered = around.server.log.read_text().count('"recording.tampered"')
    around.table.add("log lines that say tampered", tampered, most=0)
    checked = around.server.command("fsck", "--rate", "0", patience=120)
    around.table.add("fsck: exit status", checked.returncode, least=1)


def _refilled(around: Machine) -> None:
    """Lose the database right after: what it had written again brings back the present."""
    table, book = around.table, around.book
    time.sleep(3)
    around.end(kill=True)
    around.drop_database()
    aftermath.restore_from_nothing(around.server, around.door, table)
    around.server.start()
    aftermath.compare_closed(table, around.door, book, title="after a loss of the database: ")
    uploads = book.acknowledged("upload", until=book.moments["killed"])
    table.add(
        "after a loss of the database: uploads lost",
        len(wrong(around.door, uploads, STANDING["upload"][1])),
        len(uploads),
        most=0,
    )
    aftermath.compare_history(table, around.server, around.door, book, around.server.folder / "verify")
