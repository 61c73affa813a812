"""A folder in memory for servers that sync what they write: there it costs nothing."""

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
_ENOUGH_BYTES = 2 << 30


def memory_folder() -> Path | None:
    """Return it where there is one with room for a few servers; None means the disk."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES:
        return _MEMORY
    return None
