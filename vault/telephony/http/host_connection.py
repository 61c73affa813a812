"""A connection to one host for requests one after the other, whose address is checked before each of them."""

import ssl
from collections.abc import Iterable

import httpcore

from vault.errors import FetchFailed
from vault.telephony.http.checked_network import CheckedNetwork


class HostConnection(httpcore.AsyncNetworkBackend):
    """One connection at a time. httpcore leaves one that the host has closed, and begins another one."""

    def __init__(self, network: CheckedNetwork, ssl_context: ssl.SSLContext) -> None:
        """Connect by ``network`` when the first request needs it."""
        self._network, self._address = network, ""
        #: How often it has connected.
        self.dials = 0
        self.pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context, max_connections=1, max_keepalive_connections=1, network_backend=self
        )

    async def check(self, host: str, port: int) -> None:
        """Look the host up again before a connection to it is used again, and close it if it has moved.

        Raises FetchFailed, final, if any of its addresses is not public.
        """
        if not self.pool.connections:
            # It is checked when it is dialled.
            return
        try:
            has_moved = self._address not in await self._network.addresses(host, port)
        except FetchFailed:
            await self.pool.aclose()
            raise
        if has_moved:
            await self.pool.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, and remember the address. Raises FetchFailed, final, if any of the host's is not public."""
        self.dials += 1
        addresses = await self._network.addresses(host, port)
        self._address, stream = await self._network.dial(
            addresses, port, timeout, local_address, socket_options
        )
        return stream

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse, as the network does."""
        return await self._network.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Sleep; httpcore calls this between its retries."""
        await self._network.sleep(seconds)
