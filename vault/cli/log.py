"""The access log commands: export the whole log, and verify an export with only the verifier key."""

import asyncio
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from vault import structured_log
from vault.cli.operator import operating
from vault.errors import Invalid, Unavailable, VaultError
from vault.settings import Settings, read_settings
from vault.tlog.log_file import MAX_LINE_BYTES, read_head, verify_log
from vault.tlog.note import Verifier, parse_verifier

log = typer.Typer(help="Export the access log.", no_args_is_help=True)

#: Entries per request.
_BATCH_SIZE = 1000
_SECONDS = 60.0
#: Digits of the largest size of a log.
_SIZE_DIGITS = 19


@log.command("export")
def export_log(
    output: Annotated[
        Path | None, typer.Option(help="Write to this file instead of standard output.")
    ] = None,
    *,
    account: Annotated[
        str | None,
        typer.Option(
            help="Export as this account would: its own entries in full, of the others hashes. Also one that has moved."
        ),
    ] = None,
    earlier: Annotated[
        list[int] | None,
        typer.Option(
            help="With --account: a size of the log at which the file can be compared; may be repeated.",
            min=0,
        ),
    ] = None,
) -> None:
    """Export the whole access log, all accounts' leaves in full, for `callvault verify-log`."""
    if earlier and account is None:
        raise Invalid(
            "--earlier needs --account: an export of everything compares at every size.", field="earlier"
        )
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    export = (
        partial(_export, settings)
        if account is None
        else partial(_export_part, settings, account, earlier or [])
    )
    if output is None:
        asyncio.run(export(sys.stdout.buffer))
        return
    try:
        with output.open("wb") as file:
            asyncio.run(export(file))
    except OSError as error:
        raise Invalid(f"{output} could not be written: {error.strerror}.", field="output") from error


async def _export(settings: Settings, file: BinaryIO) -> None:
    async with operating(settings, "log.head", "log.entries") as operator:
        head = await operator("log.head", {})
        file.write(head["text"].encode())
        with _progress() as progress:
            for start in range(0, head["size"], _BATCH_SIZE):
                end = min(start + _BATCH_SIZE, head["size"])
                file.write((await operator("log.entries", {"start": start, "end": end})).encode())
                progress(end, head["size"])
        file.flush()


async def _export_part(settings: Settings, account: str, earlier: Sequence[int], file: BinaryIO) -> None:
    async with operating(settings, "log.account-head", "log.account-entries") as operator:
        head = await operator("log.account-head", {"account": account})
        file.write(head["text"].encode())
        part = {"account": head["account"], "size": head["size"], "earlier": list(earlier)}
        at = 0
        with _progress() as progress:
            while at < head["size"]:
                found = await operator("log.account-entries", part | {"start": at})
                file.write(found["text"].encode())
                at = found["end"]
                progress(at, head["size"])
        file.flush()


def verify(
    export: Annotated[str, typer.Argument(help="A file, or the URL of an export.", metavar="FILE_OR_URL")],
    *,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="An earlier checkpoint to check for consistency; may be repeated."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The log's verifier key, or a file with it, from a trusted source."),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="For a URL: an API key with audit:read.", envvar="CALLVAULT_API_KEY")
    ] = None,
) -> None:
    """Verify an export of the access log: every hash, the root, the signature, and earlier checkpoints.

    Needs no vault and no secret. Exits with 1 and names the first invalid entry, if there is one.
    """
    earlier = [_read(path) for path in checkpoint or []]
    with exported_lines(export, earlier, api_key) as lines, _progress() as progress:
        head = read_head(lines)
        verifier = head.verifier if key is None else read_verifier(key)
        found = verify_log(
            lines, head.note, [verifier], version=head.version, earlier=earlier, progress=progress
        )
    typer.echo(f"log          {found.checkpoint.origin}")
    typer.echo(f"entries      {found.checkpoint.size}, {found.in_full} of them in full")
    typer.echo(f"signed by    {verifier.write()}" + ("" if key else "  (named by the export itself)"))
    typer.echo(
        f"consistent   with {len(earlier)} earlier checkpoints" if earlier else "consistent   in itself"
    )
    typer.echo("Every hash, the root and the signature are right.")
    if key is None:
        typer.echo("Compare the key with one from a trusted source, or pass that one as --key.", err=True)


@contextmanager
def exported_lines(
    export: str, earlier: Sequence[bytes] = (), api_key: str | None = None
) -> Iterator[Iterator[bytes]]:
    """Open a file or a URL and yield its lines, each cut at the max line length.

    A URL is asked for an export that can be compared with ``earlier`` checkpoints.
    """
    if export.startswith(("https://", "http://")):
        sizes = [("earlier", size) for note in earlier if (size := _size_of(note)) is not None]
        if sizes:
            export += ("&" if "?" in export else "?") + urllib.parse.urlencode(sizes)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        request = urllib.request.Request(export, headers=headers)  # noqa: S310 - http and https alone
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - the same
                yield iter(lambda: response.readline(MAX_LINE_BYTES + 1), b"")
        except urllib.error.HTTPError as error:
            with error:
                raise VaultError(f"The export was answered with status {error.code}.") from None
        except OSError as error:
            raise Unavailable("The export could not be downloaded completely. Repeat the command.") from error
        return
    try:
        with Path(export).open("rb") as file:
            yield iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
    except OSError as error:
        raise Unavailable(f"{export} could not be read.") from error


def _size_of(note: bytes) -> str | None:
    """Return the size that a checkpoint names, in its second line."""
    lines = note.split(b"\n", 2)
    is_sized = len(lines) > 2 and lines[1].isdigit() and len(lines[1]) <= _SIZE_DIGITS  # noqa: PLR2004 - origin, size, root
    return lines[1].decode() if is_sized else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path} could not be read.") from error


def read_verifier(key: str) -> Verifier:
    """Parse the verifier key from the option's value or from the file that it names."""
    try:
        text = Path(key).read_text("utf-8")
    except (OSError, ValueError) as error:
        if "+" not in key:
            raise Unavailable(f"{key} could not be read, and is no verifier key.") from error
        text = key
    return parse_verifier(text.strip())


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a progress callback, which shows a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    with typer.progressbar(length=0, file=sys.stderr, label="entries") as bar:

        def show(done: int, size: int) -> None:
            if done % _BATCH_SIZE == 0 or done == size:
                bar.length = size
                bar.update(done - bar.pos)

        yield show
