"""Rounds on one machine: an older database file is put back, the database is lost, the objects go back."""

import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.failover import aftermath
from tests.failover.account_book import CLOSING, AccountBook
from tests.failover.figures import Table
from tests.failover.load import Load
from tests.failover.requests import Door
from tests.failover.stage import Stage, prepare
from tests.failover.world import manifests_in, short_folder
from tests.servers.vault_process import VaultProcess
from vault.database.engines.sqlite_backup import copy_database

#: What happened so long before the end may be in no anchor yet.
_ANCHORED = 2.0
_EVENTS = "SELECT id FROM access_events"


@dataclass(slots=True, kw_only=True)
class Machine:
    """A vault on one machine, with what acts on it."""

    server: VaultProcess
    door: Door
    stage: Stage
    table: Table
    book: AccountBook = field(default_factory=AccountBook)

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return self.server.data_dir / "vault.db"

    @property
    def objects(self) -> Path:
        """Return the directory of the object store."""
        return self.server.data_dir / "objects"

    def load(self) -> Load:
        """Return everybody who acts; not begun yet."""
        return Load(doors=[self.door], stage=self.stage, book=self.book)

    def end(self, *, kill: bool) -> None:
        """End the server: by SIGKILL, or as an operator does."""
        assert self.server.running is not None
        if kill:
            self.server.running.send_signal(signal.SIGKILL)
            self.server.running.wait(30)
        self.server.stop()

    def drop_database(self) -> None:
        """Remove the file and what belongs to it."""
        for name in ("vault.db", "vault.db-wal", "vault.db-shm"):
            (self.server.data_dir / name).unlink(missing_ok=True)

    def start(self) -> str:
        """Start, whether or not it is ready then; return the last line of what it said if it refused to."""
        try:
            self.server.start(door="/healthz")
        except RuntimeError as error:
            self.server.stop()
            return str(error).strip().splitlines()[-1]
        return ""


@contextmanager
def machine(title: str, *, subjects: int) -> Iterator[Machine]:
    """Run a vault on one machine to the end of the block."""
    with short_folder() as folder:
        server = VaultProcess(folder)
        key = server.create_key()
        server.start()
        try:
            door = Door(base=server.url, key=key)
            yield Machine(server=server, door=door, stage=prepare(door, subjects), table=Table(title))
        finally:
            if server.running is not None:
                server.stop()


def put_back(
    *, ago: float, kill: bool = True, acts: bool = True, seconds: float = 4.0, subjects: int = 16
) -> Table:
    """Put a database file of ``ago`` seconds before the end back. Without ``acts``, somebody only listens since."""
    end = "kill -9" if kill else "graceful"
    title = f"SQLite, the file of {ago:g} s ago put back, {end}, {'with' if acts else 'without'} closing acts since"
    with machine(title, subjects=subjects) as around:
        book, copy = around.book, around.server.folder / "copy.db"
        load = around.load().start()
        time.sleep(seconds)
        if not acts:
            load.stop()
            time.sleep(_ANCHORED)
        copy_database(around.database, copy, on_progress=lambda _done, _of: None)
        copied = book.mark("copied")
        while time.monotonic() < copied + ago:
            if not acts:
                load.listen(around.door)
            time.sleep(0.1)
        if kill:
            around.end(kill=True)
        load.stop()
        if not kill:
            around.end(kill=False)
        book.mark("killed")
        kept, newer = manifests_in(around.objects), _events(around.database)
        around.drop_database()
        shutil.copy(copy, around.database)
        went_back = not newer <= _events(around.database)
        refused = around.start()
        closed = any(book.acknowledged(kind, since=copied) for kind in CLOSING)
        expected = went_back and (closed or ago > _ANCHORED + 1)
        _look(around, refused, expected=expected, went_back=went_back)
        _compare(around, kept)
        return around.table


def lose(*, seconds: float = 5.0, subjects: int = 16) -> Table:
    """Lose the database together with every backup of it, under load: only the objects are left."""
    with machine("the database and all its backups are lost", subjects=subjects) as around:
        load = around.load().start()
        time.sleep(seconds)
        around.end(kill=True)
        load.stop()
        around.book.mark("killed")
        kept = manifests_in(around.objects)
        around.drop_database()
        aftermath.restore_from_nothing(around.server, around.door, around.table)
        around.server.start()
        around.book.mark("promoted")
        _compare(around, kept)
        return around.table


def _look(around: Machine, refused: str, *, expected: bool, went_back: bool) -> None:
    """Say whether the start saw it, ask for what it must not answer, and restore."""
    table, book, load = around.table, around.book, around.load()
    book.mark("promoted")
    seen = bool(refused) or around.door.send("GET", "/readyz").is_recovery
    table.add("the file is older (1 is yes)", went_back)
    table.add("seen at start (1 is yes)", seen, least=1 if expected else None)
    if not went_back:
        table.add("false alarms", seen, most=0)
    if refused:
        table.remark(f"refused to start: {refused[:300]}")
    else:
        load.start_call(around.door)
        load.listen(around.door)
        load.closely(around.door)
    book.mark("looked")
    aftermath.count_acknowledged(
        table, book, book.moments["promoted"], book.moments["looked"], went_back=expected
    )
    if seen:
        aftermath.restore(around.server, around.door, table, serving=False)
        if refused:
            table.none("refused to start after the restore", [one for one in [around.start()] if one])
    if around.server.running is not None:
        aftermath.wait_serving(around.door, table)
        if seen:
            aftermath.restore_again(around.server, table)


def _compare(around: Machine, kept: set[str]) -> None:
    table, door, book = around.table, around.door, around.book
    if around.server.running is None:
        return
    kept &= {act.more["id"] for act in book.acknowledged("upload")}
    aftermath.compare_manifests(table, door, around.stage.accounts[2], book, kept)
    aftermath.compare_closed(table, door, book)
    before, after = book.moments["killed"], book.moments["promoted"]
    aftermath.compare_standing(table, door, book, before=before, restored=after, lossless=False)
    aftermath.compare_history(table, around.server, door, book, around.server.folder / "verify")


def _events(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {one for (one,) in connection.execute(_EVENTS)}
