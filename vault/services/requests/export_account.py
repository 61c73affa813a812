"""Export a whole account in parts: each is a ZIP file of bounded size with whole recordings, the oldest first.

A part that is made stands in its row with the last recording in it, so a process that ends goes on with the next part.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.domain.recordings.recording import Recording
from vault.domain.requests.closure import EXPORT
from vault.domain.requests.package import MAX_PART_BYTES, MAX_PART_RECORDINGS, request_json
from vault.domain.requests.request import Request
from vault.services.requests.package_files import Making, PackageFiles
from vault.services.requests.seal_package import SealPackage
from vault.services.requests.sealed_requests import personal_of, ruling_of

#: Recordings per read.
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAccount:
    """Make the export of an account that is closed."""

    database: Database
    files: PackageFiles
    seal: SealPackage

    async def __call__(self, request: Request) -> None:
        """Make the next part, with available recordings as they were received; with the last one, note that it is made.

        What cannot be read is listed in its part, as in the package of a person. Raises Unavailable, TooLarge.
        """
        account_id = request.account_id
        parts, at = await self.database.read(lambda tx: (tx.packages.parts(account_id, request.id), tx.now()))
        making = Making(request=request, at=at, is_last_try=True, part=len(parts) + 1)
        if parts:
            making.through = parts[-1].through
        await self.seal(
            making, self._content(making), lambda: _exported(request) if making.is_last_part else request
        )

    async def _content(self, making: Making) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file of a part."""
        number = size = 0
        async for recording in self._recordings(making):
            audio = recording.audio
            size += 0 if audio is None else audio.size
            if number and (size > MAX_PART_BYTES or number == MAX_PART_RECORDINGS):
                making.is_last_part = False
                break
            async for block in self.files(making, recording.id, is_whole=True):
                yield block
            making.through, number = (recording.received_at, recording.id), number + 1
        told = request_json(making.request, [], making.left_out, made_at=making.at)
        told |= {"part": making.part, "is_last_part": making.is_last_part}
        yield making.add_text("request.json", json.dumps(told, indent=2))
        yield making.archive.finish()

    async def _recordings(self, making: Making) -> AsyncIterator[Recording]:
        """Yield the available recordings after those of the former parts."""
        account_id, after = making.request.account_id, making.through
        while True:
            page = await self.database.read(
                lambda tx, after=after: tx.retention.available(account_id, after=after, limit=_PAGE)  # type: ignore[misc]
            )
            for recording in page:
                yield recording
            if len(page) < _PAGE:
                return
            after = (page[-1].received_at, page[-1].id)


def _exported(request: Request) -> Request:
    """Return the closure with the note that its export is made."""
    personal = personal_of(request)
    ruled = replace(personal, ruling=replace(ruling_of(request), reason=EXPORT))
    return replace(request, personal=ruled, revision=request.revision + 1)
