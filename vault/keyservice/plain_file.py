"""Open a secret's file, and refuse anything else at its path that could block the reader.

A FIFO or a device could block ``open`` or ``read`` indefinitely. Symbolic links are followed: Kubernetes
mounts secrets as links.
"""

import os
import stat
from pathlib import Path


class NotPlain(OSError):
    """The path is a directory, a FIFO, a socket or a device."""


def open_plain(path: Path) -> int:
    """Return a descriptor of a regular file, open for reading. Raises OSError, NotPlain for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain("This is not a regular file.")
    return descriptor


def read_plain(path: Path, limit: int) -> bytes:
    """Return the content of a regular file, at most ``limit`` bytes. Raises OSError, NotPlain."""
    with os.fdopen(open_plain(path), "rb") as file:
        return file.read(limit)
