"""Outgoing connections without DNS rebinding: resolve once, check every address, connect to a checked address.

Checking a name and then connecting to the name resolves it twice, and the second answer may differ (DNS
rebinding). Here the kernel gets the IP address that was checked. TLS still verifies the host name, because
httpcore takes it from the URL and not from the socket.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final

import httpcore

from vault.errors import FetchFailed
from vault.telephony.http.address_policy import check_address
from vault.thread_pools import DaemonThreads

#: Takes a host and a port; returns IP addresses as text. Raises OSError.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

#: Maximum addresses of one host that are tried.
MAX_DIALS = 4
#: The resolver waits up to half a minute for name servers that do not answer, long after who asked has gone. So it has
#: threads of its own, more than the fetches of a process can leave behind; the event loop's own few are for others too.
_LOOKUPS: Final = DaemonThreads("resolve", 128)


async def resolve(host: str, port: int) -> list[str]:
    """Resolve with the system's resolver, IPv4 first, so that a host without IPv6 does not wait for a timeout."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    answers = await asyncio.wrap_future(_LOOKUPS.submit(look_up))
    answers.sort(key=lambda answer: answer[0] != socket.AF_INET)
    return [str(answer[4][0]) for answer in answers]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """An httpcore network backend that connects to public addresses and to the operator's trusted hosts."""

    def __init__(
        self,
        *,
        trusted: frozenset[tuple[str, int]],
        resolver: Resolver,
        dialer: httpcore.AsyncNetworkBackend,
        dns_seconds: float,
    ) -> None:
        """Take the ``trusted`` hosts and ports, whose addresses are not checked, and the resolver and dialer."""
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
        """Connect to ``host``. Raises FetchFailed, final, if any of its addresses is not public."""
        addresses = await self.addresses(host, port)
        _, stream = await self.dial(addresses, port, timeout, local_address, socket_options)
        return stream

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host, and return its addresses. Raises FetchFailed, final, if any of them is not public.

        One non-public address among public ones refuses the host: a legitimate host has none.
        """
        addresses = list(dict.fromkeys(await self._resolve(host, port)))
        if (host, port) not in self.trusted:
            for address in addresses:
                check_address(address)
        return addresses

    async def dial(
        self,
        addresses: Sequence[str],
        port: int,
        timeout: float | None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> tuple[str, httpcore.AsyncNetworkStream]:
        """Connect to one of the addresses that were checked, and return it. Raises FetchFailed if there is none."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        dials = addresses[:MAX_DIALS]
        for left, address in zip(range(len(dials), 0, -1), dials, strict=True):
            # Each address gets an equal share of the remaining time, so an address that drops
            # packets does not use up the time of the next ones.
            share = None if deadline is None else max(0.0, deadline - loop.time()) / left
            try:
                return address, await self.dialer.connect_tcp(
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
        """Refuse: media is never fetched from a Unix socket."""
        raise FetchFailed("Media is not fetched from a Unix socket.", final=True)

    async def sleep(self, seconds: float) -> None:
        """Sleep; httpcore calls this between its retries."""
        await asyncio.sleep(seconds)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        try:
            async with asyncio.timeout(self.dns_seconds):
                return await self.resolver(host, port)
        except TimeoutError:
            raise FetchFailed("The host's name was not resolved in time.", host_down=True) from None
        except (OSError, UnicodeError):
            raise FetchFailed("The host's name could not be resolved.", host_down=True) from None
