"""The folders of a directory store: durable before anything is put into them, gone when empty.

All of it happens under one lock, so that making and removing cannot pull the ground from under each
other within this process. Another process may still remove a folder between ``make`` and its use;
the user sees FileNotFoundError then and begins again.
"""

import os
import threading
from pathlib import Path

#: Nobody else may look inside: what lies here is sealed, but sizes and ids are nobody's business.
CLOSED_TO_OTHERS = 0o700


class Folders:
    """The folders below one root."""

    def __init__(self, root: Path) -> None:
        """Keep the root, which is never removed."""
        self.root = root
        self._lock = threading.Lock()

    def make(self, folder: Path) -> None:
        """Make the folder and those above it that are missing, durably."""
        # Seen under the lock, because a folder that another thread has just made may not be durable yet.
        with self._lock:
            missing: list[Path] = []
            while folder != self.root and not folder.is_dir():
                missing.append(folder)
                folder = folder.parent
            for new in reversed(missing):
                new.mkdir(mode=CLOSED_TO_OTHERS, exist_ok=True)
                fsync_folder(new.parent)

    def remove_file(self, file: Path) -> None:
        """Remove the file durably, and then the folders that it leaves empty.

        Raises FileNotFoundError or NotADirectoryError if there is no such file.
        """
        with self._lock:
            file.unlink()
            fsync_folder(file.parent)
            folder = file.parent
            while folder != self.root:
                try:
                    folder.rmdir()
                except OSError:
                    return  # It holds something, or is already gone.
                folder = folder.parent


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
