"""Part 14: work on the whole archive, which must cost what changed: restore, sweep, and an account's export.

On SQLite and a directory, in this process. Statements and calls of the object store are counted; they do not depend on
how busy the machine is.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, TypeVar

import uvloop
from sqlalchemy import Engine, event

from bench.archive import fill
from bench.figures import print_title
from bench.seeding import seed_log
from bench.sizes import Sizes
from bench.stage import ACCOUNT, put_recording, settings_of
from vault.composition.assemble import assemble
from vault.domain.progress import ProgressCallback, Report, no_progress
from vault.domain.start_mode import StartMode
from vault.domain.stored.manifest import location_of
from vault.errors import Unavailable
from vault.objects.directory import DirectoryStore
from vault.services.backup.restore_unnamed import RestoreUnnamed
from vault.services.service import Vault
from vault.settings import Settings

_T = TypeVar("_T")
#: Recordings that came in through the vault.
_NEW = 20
_ACTOR = "bench"
#: Recordings that are put at the same time.
_AT_ONCE = 20
_CALLS = (
    "create",
    "put",
    "read",
    "get",
    "size",
    "list",
    "versions",
    "delete",
    "delete_older",
    "abort_uploads",
)
#: Seconds: files that are older than any backup.
_LONG_AGO = 1_500_000_000
#: Events of the account that is exported.
_OWN = 450


@dataclass(slots=True)
class Count:
    """What a piece of work took."""

    statements: int = 0
    calls: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"{self.seconds:.2f} s, {self.statements:,} statements, {self.calls:,} calls of the object store"
        )


def archive(sizes: Sizes, folder: Path) -> None:
    """Print the rows."""
    print_title("14. Work on the whole archive")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for size in sizes.restored:
            runner.run(_restore_and_sweep(folder / f"archive-{size}", size))
        runner.run(_restore_whole(folder / "whole", sizes.whole))
        runner.run(_export(folder / "export", sizes.exported))


async def _restore_and_sweep(folder: Path, size: int) -> None:
    settings = settings_of(str(folder), "sqlite")
    async with assemble(settings, describing=False) as vault:
        await fill(vault, size - _NEW, _NEW)
        # Those that came in long ago have their manifests, which are copied below.
        settled = "UPDATE recordings SET manifest_due = 0 WHERE recording_ref LIKE 'old-%'"
        await vault.database.write(lambda tx: tx.connection.exec_driver_sql(settled) and None)
        await _write_all(vault)
        await asyncio.to_thread(_copy_manifests, folder)
        _copy_database(folder, folder / "old")
        await vault.jobs.sweep(everything=True)
        await replace(vault.jobs.sweep, grace=-timedelta(days=1))()
        with _counted() as count:
            await vault.jobs.sweep()
        print(f"  sweep of {size:,} recordings of which none changed: {count}", flush=True)
        await _change(vault)
        await _write_all(vault)
    await _restore(_with_objects_of(settings, folder, folder / "old"), size)


async def _restore_whole(folder: Path, size: int) -> None:
    settings = settings_of(str(folder), "sqlite")
    async with assemble(settings, describing=False) as vault:
        for first in range(0, size, _AT_ONCE):
            names = [f"whole-{number}" for number in range(first, min(size, first + _AT_ONCE))]
            await asyncio.gather(*(put_recording(vault, name, 8000) for name in names))
        await _write_all(vault)
    await asyncio.to_thread((folder / "empty").mkdir)
    empty = _with_objects_of(settings, folder, folder / "empty")
    async with assemble(empty, mode=StartMode.RESTORE, describing=False) as vault:
        with _counted() as count:
            begun = process_time()
            report = await vault.backup.restore(actor=_ACTOR)
            spent = process_time() - begun
    cpu, wall = (1000 * seconds / size for seconds in (spent, count.seconds))
    each = f"{count.statements / size:.1f} statements, {cpu:.1f} ms of CPU, {wall:.1f} ms"
    print(
        f"  restore {report.counts['available']:,} recordings into an empty database, for one: {each}",
        flush=True,
    )


def _with_objects_of(settings: Settings, folder: Path, data_dir: Path) -> Settings:
    return replace(
        settings,
        data_dir=data_dir,
        objects_url=f"file://{folder}/objects",
        root_key_url=f"file://{folder}/root.key",
    )


async def _restore(settings: Settings, size: int) -> None:
    async with assemble(settings, mode=StartMode.RESTORE, describing=False) as vault:
        with _counted() as whole, _counted() as closed:
            begun = perf_counter()

            class Watched(RestoreUnnamed):
                """Begins when the vault serves again."""

                async def __call__(
                    self, report: Report, progress: ProgressCallback = no_progress, *, actor: str
                ) -> None:
                    closed.seconds = perf_counter() - begun
                    await super().__call__(report, progress, actor=actor)

            unnamed = vault.jobs.restore_unnamed
            watched = Watched(
                database=unnamed.database, objects=unnamed.objects, recordings=unnamed.recordings
            )
            report = await replace(vault.backup.restore, unnamed=watched)(actor=_ACTOR)
        leaves = report.counts["leaves"]
        print(f"  restore {leaves} entries behind, {size:,} recordings, until it serves: {closed}")
        print(f"  the same, until no manifest can be left over: {whole}", flush=True)


async def _change(vault: Vault) -> None:
    """Close, open and let in something: some twelve entries."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    recordings = [await put_recording(vault, f"late-{number}", 8000) for number in range(3)]
    await vault.recordings.recordings.restrict(
        account.id, recordings[0].id, restricted=True, reason="bench", actor=_ACTOR
    )
    await vault.recordings.recordings.erase(account.id, recordings[1].id, actor=_ACTOR)
    for number in range(3):
        for enabled in (False, True):
            await vault.accounts.switch.set(account.id, enabled=enabled, reason=None, actor=_ACTOR)
        await vault.consent.objections.enter(account.id, f"+1415555{number:04}", reason=None, actor=_ACTOR)


async def _write_all(vault: Vault) -> None:
    """Write to the object store what the worker would."""
    jobs = vault.jobs
    for step in (
        jobs.remove_erased, jobs.write_manifests, jobs.write_account_objects, jobs.write_tombstones,
        jobs.log_publisher.sequence,
    ):  # fmt: skip
        while await step():
            pass
    await replace(jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await replace(jobs.log_publisher, publish_interval=timedelta(0)).publish()


def _copy_manifests(folder: Path) -> None:
    """Give each old row a manifest: with the bytes of another's, since nothing reads one that is this old."""
    database = sqlite3.connect(folder / "vault.db")
    rows = database.execute("SELECT account_id, id FROM recordings WHERE state = 'available'").fetchall()
    database.close()
    like = next((folder / "objects" / "manifests").rglob("*.json")).read_bytes()
    for account_id, recording_id in rows:
        file = folder / "objects" / location_of(account_id, recording_id)
        if not file.exists():
            file.write_bytes(like)
        os.utime(file, (_LONG_AGO, _LONG_AGO))


def _copy_database(folder: Path, to: Path) -> None:
    to.mkdir()
    for name in ("vault.db", "vault.db-wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, to / name)


async def _export(folder: Path, size: int) -> None:
    await asyncio.to_thread(folder.mkdir)
    seed_log(folder / "vault.db", size)
    settings = settings_of(str(folder), "sqlite")
    async with assemble(settings, describing=False) as vault:
        account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
        every = max(1, size // _OWN)
        scattered = f"UPDATE access_events SET account_id = '{account.id}' WHERE tree_index % {every} = 0"  # noqa: S608 - our own id
        await vault.database.write(lambda tx: tx.connection.exec_driver_sql(scattered) and None)
        # Once before, so that the publication of the seeded log is not counted.
        await _patiently(lambda: _read_export(vault, account.id))
        with _counted() as count:
            length, spent = await _read_export(vault, account.id)
        print(
            f"  export of one account, some {_OWN} of {size:,} events: {length:,} bytes, {spent:.2f} s of CPU, {count}",
            flush=True,
        )


async def _read_export(vault: Vault, account_id: str) -> tuple[int, float]:
    """Return the bytes of an account's export and the CPU seconds that it took."""
    begun = os.times().user + os.times().system
    length = sum([len(part) async for part in await vault.audit_log.proofs.export(account_id)])
    return length, os.times().user + os.times().system - begun


async def _patiently(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask until the whole log is anchored: a seeded one is published first, which takes longer than a request waits."""
    while True:
        try:
            return await ask()
        except Unavailable:
            await asyncio.sleep(1)


@contextmanager
def _counted() -> Iterator[Count]:
    """Count statements and calls of the object store until the block ends, or ``seconds`` is set."""
    count, begun = Count(), perf_counter()

    def statement(*_: Any) -> None:
        count.statements += not count.seconds

    originals = {name: getattr(DirectoryStore, name) for name in _CALLS}

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            count.calls += not count.seconds
            return original(*given, **more)

        return call

    event.listen(Engine, "before_cursor_execute", statement)
    for name, original in originals.items():
        setattr(DirectoryStore, name, watched(original))
    try:
        yield count
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
        for name, original in originals.items():
            setattr(DirectoryStore, name, original)
        count.seconds = count.seconds or perf_counter() - begun
