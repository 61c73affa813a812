"""The commands that look at the whole store: back the database up, restore it from the objects, compare the two."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operating
from vault.database.engines.sqlite_backup import copy_database
from vault.domain.progress import ProgressCallback, no_progress
from vault.errors import Invalid
from vault.settings import Settings, read_settings

_COUNTS = {
    "accounts": "accounts brought in",
    "available": "recordings with a manifest",
    "tombstones": "tombstones of refused, failed and erased recordings",
    "erased": "recordings erased once more",
    "refused": "recordings refused once more",
    "acts": "closing acts of the journal done once more",
    "leaves": "entries of the access log taken over",
    "own": "entries of the database's own placed behind them",
    "providers": "providers' lists to be compared at once",
}


def backup(
    file: Annotated[Path, typer.Argument(help="The new file to write; it can be read by its owner alone.")],
) -> None:
    """Copy the SQLite database to a new file, also while the server runs. On PostgreSQL use pg_dump.

    The copy is the database at one moment. Objects and the root key are not in it: back them up by themselves.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if settings.sqlite_path is None:
        raise Invalid("`callvault backup` copies SQLite. Back PostgreSQL up with pg_dump or pg_basebackup.")
    with _progress("copying pages") as on_progress:
        size = copy_database(settings.sqlite_path, file, on_progress=on_progress)
    typer.echo(f"{size} bytes in {file}. Objects and the root key are not in it.")


def restore() -> None:
    """Make an old or empty database whole, or one that lost its last seconds and went on without them.

    It works in the present database; nothing need be emptied, and no server stopped: they answer 503 until this is
    done. What was acknowledged since stays, and what was closed in either history is closed. Of two primaries, run it
    with the database that is to be kept. It may be killed and run again.

    API keys and playback links are not in the object store. Those of an old database stay, but for what was
    revoked since; an empty one has none: make new ones with `callvault keys create`.
    """
    report = _run("restore", {}, restoring=True)
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
    typer.echo("The database is as the object store and the access log in it say.")


def fsck(
    *,
    sample: Annotated[
        int, typer.Option(help="Open so many recordings from the first to the last frame, evenly spread.")
    ] = 100,
    rate: Annotated[
        float, typer.Option(help="Recordings or objects looked at in a second, at most; 0 for no limit.")
    ] = 100.0,
) -> None:
    """Compare rows with objects, manifests, versions and lengths, and open a sample. Changes nothing.

    Prints one line for each finding, and exits with 1 if there is any.
    """
    checked = _run("fsck", {"sample": sample, "rate": rate})
    for finding in checked["findings"]:
        typer.echo(finding)
    typer.echo(
        f"{checked['recordings']} recordings and {checked['objects']} objects compared, {checked['opened']} "
        f"recordings opened whole: {len(checked['findings'])} findings.",
        err=bool(checked["findings"]),
    )
    if checked["findings"]:
        raise typer.Exit(1)


def rewrite_store() -> None:
    """Let everything that the database holds be written to the object store again; the worker does it.

    For a bucket that was restored from a backup, or where `callvault fsck` says so. The worker notices by itself that
    the log in the bucket went back, and does the same. Audio is not in the database.
    """
    _run("rewrite-store", {})
    typer.echo(
        "The worker writes accounts, manifests, tombstones and the access log to the object store again."
    )


def _run(command: str, arguments: Mapping[str, Any], *, restoring: bool = False) -> dict[str, Any]:
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    with _bar() as progress:
        result: dict[str, Any] = asyncio.run(
            _ask(settings, command, arguments, progress, restoring=restoring)
        )
    return result


async def _ask(
    settings: Settings,
    command: str,
    arguments: Mapping[str, Any],
    progress: ProgressCallback,
    *,
    restoring: bool,
) -> Any:
    async with operating(settings, restoring=restoring) as operator:
        return await operator(command, arguments, progress)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Offer what shows how many of how many are done, as a bar on a terminal; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    with typer.progressbar(length=1, file=sys.stderr, label=label) as bar:

        def show(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        yield show


@contextmanager
def _bar() -> Iterator[ProgressCallback]:
    """Offer what shows how far one is, as a bar on a terminal; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    with typer.progressbar(length=1, file=sys.stderr, label="starting", show_eta=False) as bar:

        async def show(what: str, done: int, of: int) -> None:
            if bar.label != what:
                bar.label, bar.pos, bar.finished = what, 0, False
            # How many there are in all is not always known: then the bar is never full.
            bar.length = of or done + 1
            bar.update(done - bar.pos)

        yield show
