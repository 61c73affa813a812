"""Rounds in which a SQLite file is replaced under the running server, and what was closed is asked for meanwhile."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.failover.closed_things import SETTLED, Askers, ClosedThings
from tests.failover.exchanges import Around
from tests.failover.figures import Table
from tests.failover.requests import Door
from tests.failover.rounds_exchange import play, restore, tenant_of
from tests.failover.world import short_folder
from tests.servers.media_thread import media_thread
from tests.servers.vault_process import VaultProcess
from vault.database.engines.sqlite_backup import copy_database


def _rename(copy: Path, path: Path) -> None:
    copy.rename(path)


def _overwrite(copy: Path, path: Path) -> None:
    shutil.copyfile(copy, path)


def _overwrite_with_times(copy: Path, path: Path) -> None:
    shutil.copyfile(copy, path)
    stat = copy.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


FILE_WAYS: Mapping[str, tuple[str, Callable[[Path, Path], None]]] = {
    "rename": ("an old SQLite file, renamed into place", _rename),
    "content": ("an old SQLite file, copied over the one in use", _overwrite),
    "content-times": (
        "an old SQLite file, copied over the one in use, with its times",
        _overwrite_with_times,
    ),
}


def exchanged_file(name: str) -> Table:
    """Replace the file in one way, restart, restore, and look at everything that was closed."""
    words, put = FILE_WAYS[name]
    with _machine(words) as around:
        (server,) = around.nodes
        path, copy = server.data_dir / "vault.db", server.folder / "copy.db"
        copy_database(path, copy, on_progress=lambda _done, _of: None)

        def restored() -> float:
            server.stop()
            server.start(door="/healthz")
            time.sleep(1.0)
            recovers = around.askers.doors[0].send("GET", "/readyz").is_recovery
            around.table.add("recovery mode after the restart (1 is yes)", recovers, least=1)
            restoring = time.monotonic()
            restore(around)
            return restoring

        play(around, lambda: put(copy, path), restored)
        return around.table


@contextmanager
def _machine(title: str) -> Iterator[Around]:
    """Run a server with what will be closed, to the end of the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        media = stack.enter_context(media_thread())
        server = VaultProcess(folder, {"VAULT_MEDIA_ALLOW": media.authority})
        key = server.create_key()
        server.start()
        try:
            headers = {"Authorization": f"Bearer {key}"}
            client = stack.enter_context(httpx.Client(base_url=server.url, headers=headers, timeout=30))
            things = ClosedThings.open(tenant_of(client), tenant_of(client), media)
            time.sleep(SETTLED)
            askers = Askers(doors=[Door(base=server.url, key=key)], things=things)
            yield Around(
                nodes=[server],
                objects=server.data_dir / "objects",
                clients=[client],
                things=things,
                askers=askers,
                table=Table(title),
            )
        finally:
            if server.running is not None:
                server.stop()
