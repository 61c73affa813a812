"""The store commands: back up the database, restore it from the objects, compare both, rewrite the objects."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operate, operating
from vault.cli.progress_bar import progress_bar
from vault.database.engines.sqlite_backup import copy_database
from vault.domain.progress import ProgressCallback
from vault.errors import Invalid
from vault.settings import Settings, read_settings

_COUNTS = {
    "accounts": "accounts restored",
    "available": "recordings with a manifest",
    "tombstones": "tombstones of refused, failed and erased recordings",
    "erased": "recordings erased again",
    "refused": "recordings refused again",
    "entered": "recordings restricted that became available without the last changes",
    "acts": "closing acts of the journal replayed",
    "leaves": "entries of the access log restored",
    "own": "entries of the database's own log appended after them",
    "providers": "provider lists to compare immediately",
}


def backup(
    file: Annotated[Path, typer.Argument(help="The new file to write; only its owner can read it.")],
) -> None:
    """Copy the SQLite database to a new file, even while the server runs. On PostgreSQL use pg_dump.

    The copy is a consistent snapshot. It does not contain the objects and the root key: back them up separately.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if settings.sqlite_path is None:
        raise Invalid(
            "`callvault backup` is for SQLite only. Back up PostgreSQL with pg_dump or pg_basebackup."
        )
    with _progress("copying pages") as on_progress:
        size = copy_database(settings.sqlite_path, file, on_progress=on_progress)
    typer.echo(f"{size} bytes in {file}. It does not contain the objects and the root key.")


def restore() -> None:
    """Restore an old or empty database from the object store, or one that lost its last seconds and continued.

    It works on the current database: do not empty it, do not stop servers; they answer 503 until this is done. Data
    acknowledged since then is kept, and closing acts of both histories apply. With two primaries, run it on
    the database that is to be kept. It may be killed and run again.

    API keys and playback links are not in the object store. An old database keeps its own, except those revoked since;
    an empty one has none: create keys with `callvault keys create`.
    """
    report = _run("restore", {})
    for name, words in _COUNTS.items():
        if name in report["counts"]:
            typer.echo(f"{report['counts'][name]:>10}  {words}")
    for note in report["notes"]:
        typer.echo(note)
    for finding in report["findings"]:
        typer.echo(f"!  {finding}")
    typer.echo(
        "API keys and links are not restored from the object store: `callvault keys create` makes keys."
    )
    typer.echo("The database agrees with the object store and its access log.")


def fsck(
    *,
    sample: Annotated[
        int, typer.Option(help="Number of recordings to decrypt completely, evenly spread over all.")
    ] = 100,
    rate: Annotated[
        float, typer.Option(help="Max recordings or objects checked per second; 0 for no limit.")
    ] = 100.0,
    resume: Annotated[
        Path | None,
        typer.Option(help="Keep the position in this file, and continue there if it exists.", metavar="FILE"),
    ] = None,
) -> None:
    """Compare rows with objects, manifests, versions and lengths, and decrypt a sample. Changes nothing.

    Prints one line per finding, and exits with 1 if there is any.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    with progress_bar() as progress:
        checked = asyncio.run(_fsck(settings, {"sample": sample, "rate": rate}, resume, progress))
    if resume is not None:
        resume.unlink(missing_ok=True)
    for finding in checked["findings"]:
        typer.echo(finding)
    typer.echo(
        f"{checked['recordings']} recordings and {checked['objects']} objects compared, {checked['opened']} "
        f"recordings opened whole: {len(checked['findings'])} findings.",
        err=bool(checked["findings"]),
    )
    if checked["findings"]:
        raise typer.Exit(1)


async def _fsck(
    settings: Settings, options: Mapping[str, Any], resume: Path | None, progress: ProgressCallback
) -> dict[str, Any]:
    """Ask for one part after the other; with ``resume``, the sum so far is in that file."""
    checked = _read_place(resume)
    async with operating(settings, "fsck") as operator:
        while checked["place"].get("stage") != "done":
            part = await operator("fsck", {**options, "place": checked["place"]}, progress)
            for name in ("recordings", "opened", "objects", "findings"):
                checked[name] += part[name]
            checked["place"] = part["place"]
            if resume is not None:
                _write_place(resume, checked)
    return checked


def _read_place(resume: Path | None) -> dict[str, Any]:
    new: dict[str, Any] = {"recordings": 0, "opened": 0, "objects": 0, "findings": [], "place": {}}
    if resume is None or not resume.exists():
        return new
    try:
        stored = json.loads(resume.read_bytes())
        return {name: type(value)(stored[name]) for name, value in new.items()}
    except (OSError, ValueError, KeyError, TypeError):
        raise Invalid(
            f"{resume} does not have the position of a comparison. Delete it, or name another file."
        ) from None


def _write_place(resume: Path, checked: Mapping[str, Any]) -> None:
    """Replace the file in one step, so that a crash leaves the old position or the new one."""
    new = resume.with_name(resume.name + ".new")
    new.write_text(json.dumps(checked), "utf-8")
    new.replace(resume)


def rewrite_store() -> None:
    """Tell the worker to write all data of the database to the object store again.

    For a bucket that was restored from a backup, or if `callvault fsck` says so. If the log in the bucket went back,
    the worker detects it and does the same. Audio cannot be rewritten: it is not in the database.
    """
    _run("rewrite-store", {})
    typer.echo(
        "The worker will write accounts, manifests, tombstones and the access log to the object store again."
    )


def _run(command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    with progress_bar(quiet=False) as progress:
        result: dict[str, Any] = operate(settings, command, arguments, progress)
    return result


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a progress callback, which shows a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    with typer.progressbar(length=1, file=sys.stderr, label=label) as bar:

        def show(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield show
