"""Connections for the fetcher: one resolution, every answer checked, the checked address dialled.

A check of the name followed by a connection to the name resolves twice, and the second answer may be
another one (DNS rebinding). Here the literal that was checked is what the kernel gets. TLS still proves
the name, because httpcore takes it from the URL and not from the socket.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from vault.errors import FetchFailed
from vault.telephony.http.address_policy import check_address

#: Takes a host and a port; returns the addresses as literals. Raises OSError.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

#: Addresses of one host that are tried before giving up.
MAX_DIALS = 4


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver. IPv4 comes first: a vault without IPv6 need not wait for it to fail."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    answers.sort(key=lambda answer: answer[0] != socket.AF_INET)
    return [str(answer[4][0]) for answer in answers]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """A network backend of httpcore that reaches public addresses, and hosts the operator named."""

    def __init__(
        self,
        *,
        trusted: frozenset[tuple[str, int]],
        resolver: Resolver,
        dialer: httpcore.AsyncNetworkBackend,
        dns_seconds: float,
    ) -> None:
        """Take the hosts and ports whose addresses are not checked, and the parts that do the work."""
        self.trusted = trusted
        self.resolver = resolver
        self.dialer = dialer
        self.dns_seconds = dns_seconds

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to ``host``. Raises FetchFailed, final, if any of its addresses is not public.

        One bad answer among good ones refuses all: an honest host has none.
        """
        addresses = list(dict.fromkeys(await self._resolve(host, port)))
        if (host, port) not in self.trusted:
            for address in addresses:
                check_address(address)
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        dials = addresses[:MAX_DIALS]
        for left, address in zip(range(len(dials), 0, -1), dials, strict=True):
            # Each address has an equal share of the time that is left, so that one which drops
            # packets does not eat the time of those behind it.
            share = None if deadline is None else max(0.0, deadline - loop.time()) / left
            try:
                return await self.dialer.connect_tcp(
                    address, port, share, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise FetchFailed("The host has no address.")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - httpcore's signature
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no media lies behind a Unix socket."""
        raise FetchFailed("Media is not fetched from a Unix socket.", final=True)

    async def sleep(self, seconds: float) -> None:
        """Sleep, which httpcore does between attempts of its own."""
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(self.dns_seconds):
                return await self.resolver(host, port)
        except TimeoutError:
            raise FetchFailed("The host's name was not resolved in time.") from None
        except (OSError, UnicodeError):
            raise FetchFailed("The host's name could not be resolved.") from None
