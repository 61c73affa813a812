"""Downloads media from the hosts that a request allows.

The URL is untrusted input and may point into the operator's network (SSRF), so ``client`` checks it. The response may
be endless, false or slow: the size of its headers, its size and its minimum rate are limited (``limits``),
a content encoding is refused because its decompressed size is unbounded, and one block is in memory at a time.
No error contains the URL.
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
#: 4xx statuses worth a retry: the media is not available yet, or the host is overloaded.
#: 401, 403 and 404 are among them because media is announced before all of a platform's servers have it.
WORTH_RETRYING = frozenset({401, 403, 404, 408, 425, 429})


#: Statuses that name another URL (RFC 9110, section 15.4), and how many are followed for one download.
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
Fields = list[tuple[bytes, bytes]]


class MediaFetcher:
    """The Fetcher port."""

    def __init__(self, http: GuardedHttp) -> None:
        """Fetch through ``http``, within its limits."""
        self._http = http
        self._limits = http.limits

    def check(self, request: MediaRequest) -> None:
        """Raise FetchFailed, without the URL in its message, for a request that ``fetch`` never sends."""
        self._http.admit(request.url, request.hosts)

    @asynccontextmanager
    async def fetch(self, request: MediaRequest) -> AsyncIterator["HttpMedia"]:
        """Request the URL and check the response's status and headers. Raises FetchFailed, as the port specifies."""
        url, headers = self._http.admit(request.url, request.hosts), request.headers
        for _ in range(MAX_REDIRECTS + 1):
            async with self._http.open("GET", url, headers) as response:
                fields = self._fields(response)
                if response.status not in REDIRECTS:
                    yield HttpMedia(response, self._check_head(response.status, fields), self._limits)
                    return
                target = self._http.follow(url, _location(fields), request.hosts)
            if target.origin != url.origin:
                # For good: what comes back to the first host was not asked for by the platform.
                headers = {}
            url = target
        raise FetchFailed(f"The host redirected more than {MAX_REDIRECTS} times.", final=True)

    def _fields(self, response: httpcore.Response) -> Fields:
        """Return the headers. Raises FetchFailed if there are too many."""
        fields = [(name.lower(), value) for name, value in response.headers]
        size = sum(len(name) + len(value) for name, value in fields)
        if len(fields) > self._limits.max_head_fields or size > self._limits.max_head_bytes:
            raise FetchFailed("The response headers are too large.", final=True)
        return fields

    def _check_head(self, status: int, fields: Fields) -> int | None:
        """Return the Content-Length. Raises FetchFailed unless the response is a complete, unencoded 200."""
        if status != OK:
            lasting = status < OK or (300 <= status < 500 and status not in WORTH_RETRYING)  # noqa: PLR2004 - classes of RFC 9110, section 15
            raise FetchFailed(f"The host answered {status}.", final=lasting, host_down=status >= 500)  # noqa: PLR2004 - see above
        if any(name == b"content-encoding" for name, _ in fields):
            raise FetchFailed("The response has a Content-Encoding, although none was accepted.", final=True)
        # h11 has refused contradictory or non-numeric lengths.
        lengths = [int(value) for name, value in fields if name == b"content-length"]
        if not lengths:
            return None
        if lengths[0] > self._limits.max_bytes:
            raise FetchFailed(f"The media has more than {self._limits.max_bytes} bytes.", final=True)
        return lengths[0]


def _location(fields: Fields) -> str:
    """Return where a redirect leads. Raises FetchFailed."""
    places = [value for name, value in fields if name == b"location"]
    if len(places) != 1:
        raise FetchFailed("The host redirected without one Location.", final=True)
    return places[0].decode("latin-1")


class HttpMedia:
    """A Fetched: a response whose headers were accepted and whose body is not read yet."""

    def __init__(self, response: httpcore.Response, length: int | None, limits: Limits) -> None:
        """Take the response; its body is read once, by ``blocks``."""
        self._response = response
        self._length = length
        self._limits = limits

    @property
    def length(self) -> int | None:
        """Return the Content-Length in bytes, or None."""
        return self._length

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in blocks of at most 256 KiB, as they arrive. Close it with ``aclosing``."""
        pace = Pace(self._limits)
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
            raise FetchFailed("The media does not have the announced length.")


async def _next(body: AsyncGenerator[bytes, None], pace: Pace, clock: Callable[[], float]) -> bytes | None:
    """Read the next block and count it against the limits; None at the end. Raises FetchFailed."""
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
