"""The files of a folder whose owner goes on working."""

from contextlib import suppress
from pathlib import Path


def read_below(folder: Path) -> dict[Path, bytes]:
    """Return the files and what is in them, in the order of their names.

    A server moves what it has written into its place: a file that goes away meanwhile is left out.
    """
    found: dict[Path, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with suppress(FileNotFoundError):
                found[path] = path.read_bytes()
    return found
