"""Write a ZIP file block by block, without temporary files: files are stored, and hashed for SHA256SUMS."""

import hashlib
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime

#: The name of the last file, with the hash of every other one.
SUMS = "SHA256SUMS"


class _Sink:
    """A file that only takes bytes, which the writer's caller takes away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def tell(self) -> int:
        """Raise, so that zipfile writes the archive as for a pipe."""
        raise OSError("This file has no positions.")

    def close(self) -> None:
        """Do nothing: what was written stays to be taken."""

    def flush(self) -> None:
        """Do nothing: nothing is buffered below."""

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


class ZipStream:
    """A ZIP file that is made in blocks; each is to be passed on before the next one is asked for."""

    def __init__(self, at: datetime) -> None:
        """Date every file ``at``."""
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)
        self._date = (at.year, at.month, at.day, at.hour, at.minute, at.second)
        self._sums: list[str] = []

    async def add(self, name: str, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of one more file. If ``blocks`` raises, the file has what came before, also in SHA256SUMS."""
        digest = hashlib.sha256()
        try:
            with self._zip.open(zipfile.ZipInfo(name, self._date), "w", force_zip64=True) as file:
                async for block in blocks:
                    digest.update(block)
                    file.write(block)
                    yield self._sink.take()
        finally:
            self._sums.append(f"{digest.hexdigest()}  {name}\n")
        yield self._sink.take()

    def add_text(self, name: str, text: str) -> bytes:
        """Return the bytes of one more small file."""
        data = text.encode()
        self._zip.writestr(zipfile.ZipInfo(name, self._date), data)
        self._sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        return self._sink.take()

    def finish(self) -> bytes:
        """Return the last bytes, with the hashes of all files."""
        self._zip.writestr(zipfile.ZipInfo(SUMS, self._date), "".join(self._sums))
        self._zip.close()
        return self._sink.take()
