"""Fetches media over https from the hosts that a request names, and from no other address.

The URL comes from outside, so it is an attempt to make the vault talk to something of its operator's
until proven otherwise (``guarded_http``). The answer may be endless, lying or slow: its head, its size and
its pace are limited (``pace``), a content encoding is refused because it could unpack to anything, and one
block is in memory at a time. No error carries the URL.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import cast

import httpcore

from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.client import NETWORK_ERRORS, GuardedHttp
from vault.telephony.http.limits import Limits, Pace, too_slow

OK = 200
#: Answers after which the same URL may still bring the media: not there yet, too busy, or broken.
#: 401, 403 and 404 are among them because media is announced before all of a platform's servers have it.
WORTH_RETRYING = frozenset({401, 403, 404, 408, 425, 429})


class MediaFetcher:
    """The Fetcher port."""

    def __init__(self, http: GuardedHttp) -> None:
        """Fetch through ``http``, within its limits."""
        self._http = http
        self._limits = http.limits

    @asynccontextmanager
    async def fetch(self, request: MediaRequest) -> AsyncIterator["HttpMedia"]:
        """Open the URL and check the head of the answer. Raises FetchFailed, as the port says."""
        async with self._http.open("GET", request.url, request.headers, request.hosts) as response:
            yield HttpMedia(response, self._check_head(response), self._limits)

    def _check_head(self, response: httpcore.Response) -> int | None:
        """Return the declared length. Raises FetchFailed for what is no plain, complete answer."""
        fields = [(name.lower(), value) for name, value in response.headers]
        size = sum(len(name) + len(value) for name, value in fields)
        if len(fields) > self._limits.max_head_fields or size > self._limits.max_head_bytes:
            raise FetchFailed("The head of the answer is too large.", final=True)
        status = response.status
        if status != OK:
            lasting = status < OK or (300 <= status < 500 and status not in WORTH_RETRYING)  # noqa: PLR2004 - classes of RFC 9110, section 15
            raise FetchFailed(f"The host answered {status}.", final=lasting)
        if any(name == b"content-encoding" for name, _ in fields):
            raise FetchFailed("The media is encoded, although it was asked for as it is.", final=True)
        # h11 has refused lengths that contradict each other or are no number.
        lengths = [int(value) for name, value in fields if name == b"content-length"]
        if not lengths:
            return None
        if lengths[0] > self._limits.max_bytes:
            raise FetchFailed(f"The media has more than {self._limits.max_bytes} bytes.", final=True)
        return lengths[0]


class HttpMedia:
    """A Fetched: an answer whose head was accepted, and whose body is still on its way."""

    def __init__(self, response: httpcore.Response, length: int | None, limits: Limits) -> None:
        """Keep the answer; its body is read once, by ``blocks``."""
        self._response = response
        self._length = length
        self._limits = limits

    @property
    def length(self) -> int | None:
        """Return the declared length in bytes, where one was declared."""
        return self._length

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes, 64 KiB at most at a time. Close it with ``aclosing``."""
        pace = Pace(self._limits, self._length)
        clock = asyncio.get_running_loop().time
        body = cast("AsyncGenerator[bytes, None]", self._response.aiter_stream())
        async with aclosing(body):
            while True:
                block = await _next(body, pace, clock)
                if block is None:
                    break
                if block:
                    yield block
        if self._length not in (None, pace.received):
            raise FetchFailed("The media is not as long as it was announced.")


async def _next(body: AsyncGenerator[bytes, None], pace: Pace, clock: Callable[[], float]) -> bytes | None:
    """Return the next block, counted, or None at the end. Raises FetchFailed."""
    asked = clock()
    try:
        async with asyncio.timeout(pace.patience()):
            block = await anext(body, None)
    except TimeoutError:
        raise too_slow() from None
    except NETWORK_ERRORS as error:
        raise FetchFailed(f"The media ended early ({type(error).__name__}).") from None
    pace.take(len(block or b""), clock() - asked)
    return block
