"""Export a whole account in parts: each is a ZIP file of bounded size with whole recordings, the oldest first.

A part that is made stands in its row with the last recording in it, so a process that ends goes on with the next part.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.domain.recordings.recording import Recording
from vault.domain.requests.request import CLOSURE_EXPORT, Request
from vault.services.requests.package_files import PackageFiles, PackagePart
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

    async def __call__(self, request: Request) -> bool:
        """Make the next part, with available recordings as they were received; return False if all are made.

        With the last part it is noted that the export is made. If the database lost parts before they expired, the
        export is made again, of what is available by then.
        What cannot be read is listed in its part, as in the package of a person. Raises Unavailable, TooLarge.
        """
        if personal_of(request).channel != CLOSURE_EXPORT or await self._is_over(request):
            return False
        part = await self.seal.next_part(request, is_last_try=True)
        if part is None:
            return False
        await self.seal(part, self._content(part), lambda: _exported(part) if part.is_last_part else request)
        return True

    async def _is_over(self, request: Request) -> bool:
        """Return whether the export was made once, and nothing is left of which it could be made again."""
        ruling = ruling_of(request)
        if ruling.reason != CLOSURE_EXPORT:
            return False
        left = await self.database.read(
            lambda tx: tx.retention.available(request.account_id, after=None, limit=1)
        )
        # Earlier releases did not note how many parts there are.
        return ruling.packaged is None or not left

    async def _content(self, part: PackagePart) -> AsyncGenerator[bytes, None]:
        """Yield the ZIP file of a part."""
        async for recording in self._recordings(part):
            if part.is_full:
                part.is_last_part = False
                break
            async for block in self.files(part, recording.id, is_whole=True):
                yield block
            part.through = (recording.received_at, recording.id)
        yield part.add_request()
        yield part.archive.finish()

    async def _recordings(self, part: PackagePart) -> AsyncIterator[Recording]:
        """Yield the available recordings after those of the former parts."""
        account_id, after = part.request.account_id, part.through
        while True:
            page = await self.database.read(
                lambda tx, after=after: tx.retention.available(account_id, after=after, limit=_PAGE)  # type: ignore[misc]
            )
            for recording in page:
                yield recording
            if len(page) < _PAGE:
                return
            after = (page[-1].received_at, page[-1].id)


def _exported(part: PackagePart) -> Request:
    """Return the closure with the note that its export is made."""
    request = part.request
    ruling = replace(ruling_of(request), reason=CLOSURE_EXPORT, packaged=part.packaged)
    ruled = replace(personal_of(request), ruling=ruling)
    return replace(request, personal=ruled, revision=request.revision + 1)
