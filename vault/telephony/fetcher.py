"""Fetches media over https from the hosts that a request names, and from no other address.

The URL comes from outside, so it is an attempt to make the vault talk to something of its operator's
until proven otherwise. It is taken apart strictly (``media_url``), its host must be on a list, its
addresses must be public and are dialled as checked (``network``, ``address_policy``), and it is never
redirected. The answer may be endless, lying or slow: its head, its size and its pace are limited
(``pace``), a content encoding is refused because it could unpack to anything, and one block is in memory
at a time. No error carries the URL. Every fetch has its own connection, which ends with it.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, asynccontextmanager
from typing import cast

import certifi
import httpcore

from vault.domain.provider_access import MediaRequest
from vault.errors import FetchFailed, Invalid
from vault.telephony.media_url import MediaUrl, host_matches, parse_authority, parse_media_url
from vault.telephony.network import CheckedNetwork, Resolver, resolve
from vault.telephony.pace import Limits, Pace, too_slow

OK = 200
#: Answers after which the same URL may still bring the media: not there yet, too busy, or broken.
#: 401, 403 and 404 are among them because media is announced before all of a platform's servers have it.
WORTH_RETRYING = frozenset({401, 403, 404, 408, 425, 429})

#: Everything that httpcore raises for what a server or a network does. ssl's errors are OSErrors.
NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)


def trust() -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and certifi's where the system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class MediaFetcher:
    """The Fetcher over httpcore."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        limits: Limits | None = None,
        resolver: Resolver = resolve,
        dialer: httpcore.AsyncNetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take the operator's list of ``host:port`` that may be private, foreign and plain http.

        Credentials of a request go there too: the operator vouches for those hosts. Raises Invalid
        for an entry that is not exactly a host and a port.
        """
        self.trusted = frozenset(_trusted(entry) for entry in allow)
        self.limits = limits or Limits()
        self.ssl_context = ssl_context or trust()
        self.network = CheckedNetwork(
            trusted=self.trusted,
            resolver=resolver,
            dialer=dialer or httpcore.AnyIOBackend(),
            dns_seconds=self.limits.dns,
        )

    @asynccontextmanager
    async def fetch(self, request: MediaRequest) -> AsyncIterator["HttpMedia"]:
        """Open the URL and check the head of the answer. Raises FetchFailed, as the port says."""
        url = self._admit(request)
        headers = _headers(request, url)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self.ssl_context,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=self.network,
        )
        async with pool:
            response = await self._open(pool, url, headers)
            try:
                yield HttpMedia(response, self._check_head(response), self.limits)
            finally:
                await response.aclose()

    def _admit(self, request: MediaRequest) -> MediaUrl:
        """Return the URL's parts if the request and the operator let it be fetched at all."""
        try:
            url = parse_media_url(request.url)
        except ValueError:
            raise FetchFailed("The URL of the media is not one that can be fetched.", final=True) from None
        if (url.host, url.port) in self.trusted:
            return url
        if url.scheme != "https" or url.port != self.limits.https_port:
            raise FetchFailed("Media is fetched by https and on its own port.", final=True)
        if not host_matches(url.host, request.hosts):
            raise FetchFailed("The host is not one of the provider's.", final=True)
        return url

    async def _open(
        self, pool: httpcore.AsyncConnectionPool, url: MediaUrl, headers: list[tuple[bytes, bytes]]
    ) -> httpcore.Response:
        limits = self.limits
        loop = asyncio.get_running_loop()
        opening = asyncio.timeout(limits.dns + 2 * limits.connect)

        async def on_event(name: str, _info: object) -> None:
            if name == "http11.receive_response_headers.started":
                # httpcore's own timeout is per read, which a server can feed byte by byte.
                opening.reschedule(loop.time() + limits.head)

        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=headers,
            extensions={
                "timeout": {"connect": limits.connect, "write": limits.head},
                "trace": on_event,
            },
        )
        try:
            async with opening:
                return await pool.handle_async_request(request)
        except TimeoutError:
            raise FetchFailed("The host did not answer in time.") from None
        except NETWORK_ERRORS as error:
            # Only the kind: messages of libraries quote addresses and names.
            raise FetchFailed(f"The host could not be asked ({type(error).__name__}).") from None

    def _check_head(self, response: httpcore.Response) -> int | None:
        """Return the declared length. Raises FetchFailed for what is no plain, complete answer."""
        fields = [(name.lower(), value) for name, value in response.headers]
        size = sum(len(name) + len(value) for name, value in fields)
        if len(fields) > self.limits.max_head_fields or size > self.limits.max_head_bytes:
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
        if lengths[0] > self.limits.max_bytes:
            raise FetchFailed(f"The media has more than {self.limits.max_bytes} bytes.", final=True)
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


def _headers(request: MediaRequest, url: MediaUrl) -> list[tuple[bytes, bytes]]:
    """Return the request's headers and ours, of which ours win."""
    headers = {name.lower(): value for name, value in request.headers.items()} | {
        "host": url.authority,
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": "callvault",
    }
    try:
        return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    except UnicodeEncodeError:
        raise FetchFailed("The connection's credentials do not fit into a header.", final=True) from None


def _trusted(entry: str) -> tuple[str, int]:
    """Return an entry of the operator's list as host and port."""
    try:
        host, port = parse_authority(entry.strip())
    except ValueError:
        host, port = "", None
    if port is None:
        raise Invalid("An entry of the media list is host:port.", field="VAULT_MEDIA_ALLOW")
    return host, port
