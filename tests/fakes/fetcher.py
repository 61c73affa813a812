"""A Fetcher in memory: media by URL, with failures and waits where a test puts them.

It polices what the port asks of callers: an https URL of a host that the request names, the body read at
most once, its generator closed, and nothing read after the context is left.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.url import host_matches, parse_media_url


@dataclass(kw_only=True)
class Media:
    """What lies under one URL."""

    body: bytes = b""
    #: False where the host declares no length.
    declared: bool = True
    #: Raised instead of a head.
    refuse: FetchFailed | None = None
    #: Bytes after which the body breaks off.
    fail_at: int | None = None
    #: Waited for before the first block.
    hang: asyncio.Event | None = None


class FakeMedia:
    """A Fetched over bytes."""

    def __init__(self, media: Media, block_bytes: int) -> None:
        """Hand the body out in blocks of at most ``block_bytes``."""
        self._media = media
        self._block_bytes = block_bytes
        self.state = "unread"
        self.left = False

    @property
    def length(self) -> int | None:
        """Return the declared length in bytes, where one was declared."""
        return len(self._media.body) if self._media.declared else None

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body, up to where it fails."""
        assert self.state == "unread", "A body is read once."
        self.state = "reading"
        try:
            if self._media.hang is not None:
                await self._media.hang.wait()
            end = len(self._media.body) if self._media.fail_at is None else self._media.fail_at
            for start in range(0, end, self._block_bytes):
                assert not self.left, "The body is read after its context was left."
                yield self._media.body[start : min(start + self._block_bytes, end)]
                await asyncio.sleep(0)
            if self._media.fail_at is not None:
                raise FetchFailed("The media ended early (fake).")
        finally:
            self.state = "closed"


class FakeFetcher:
    """The Fetcher over a dictionary."""

    def __init__(self, *, allow: Collection[str] = (), block_bytes: int = 65536) -> None:
        """Take the operator's list of ``host:port``, as the real one does."""
        self.allow = frozenset(allow)
        self.block_bytes = block_bytes
        self.media: dict[str, Media] = {}
        #: Every request that was admitted, in order.
        self.requests: list[MediaRequest] = []
        #: Fetches whose context is entered and not yet left.
        self.open = 0

    def serve(self, url: str, media: Media) -> None:
        """Put media under a URL, or replace it."""
        self.media[url] = media

    def check(self, request: MediaRequest) -> None:
        """Raise FetchFailed for a request that ``fetch`` never sends."""
        self._admit(request)

    @asynccontextmanager
    async def fetch(self, request: MediaRequest) -> AsyncIterator[FakeMedia]:
        """Open the URL. Raises FetchFailed for a host that may not be reached, and where told to."""
        self._admit(request)
        self.requests.append(request)
        media = self.media.get(request.url)
        if media is None:
            raise FetchFailed("The host answered 404.")
        if media.refuse is not None:
            raise media.refuse
        fetched = FakeMedia(media, self.block_bytes)
        self.open += 1
        try:
            yield fetched
        finally:
            self.open -= 1
            fetched.left = True
            assert fetched.state != "reading", "The body's generator was not closed: use aclosing."

    def _admit(self, request: MediaRequest) -> None:
        try:
            url = parse_media_url(request.url)
        except ValueError:
            raise FetchFailed("The media URL is invalid.", final=True) from None
        if f"{url.host}:{url.port}" in self.allow:
            return
        if url.scheme != "https" or not host_matches(url.host, request.hosts):
            raise FetchFailed("The host is not one of the provider's.", final=True)
