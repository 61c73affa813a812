"""The folders of a directory store: durable before a file is put into them, removed when empty.

One lock covers creation and removal, so that they cannot interfere within this process. Another process may
still remove a folder between ``make`` and its use; the caller gets FileNotFoundError then and retries.
"""

import os
import threading
from pathlib import Path

#: No access for other users: the content is sealed, but names and sizes reveal ids and lengths.
CLOSED_TO_OTHERS = 0o700


class Folders:
    """The folders below one root."""

    def __init__(self, root: Path) -> None:
        """Store the root, which is never removed."""
        self.root = root
        self._lock = threading.Lock()

    def make(self, folder: Path) -> None:
        """Create the folder and its missing parents, durably."""
        # Checked under the lock, because a folder just created by another thread may not be durable yet.
        with self._lock:
            missing: list[Path] = []
            while folder != self.root and not folder.is_dir():
                missing.append(folder)
                folder = folder.parent
            for new in reversed(missing):
                new.mkdir(mode=CLOSED_TO_OTHERS, exist_ok=True)
                fsync_folder(new.parent)

    def remove_file(self, file: Path) -> None:
        """Remove the file durably, and then the folders that are empty without it.

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
                    return  # Not empty, or already removed.
                folder = folder.parent


def fsync_folder(folder: Path) -> None:
    """Sync a folder to disk, which makes the names in it durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
