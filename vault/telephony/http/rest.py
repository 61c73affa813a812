"""Calls providers' REST APIs with the same guarded HTTP client as downloads."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from vault.domain.calls.provider_api import RestReply, RestRequest
from vault.errors import FetchFailed
from vault.telephony.http.client import NETWORK_ERRORS, GuardedHttp

#: Maximum bytes of a response; a page of recordings has some tens of thousands.
MAX_BODY = 1024 * 1024
#: Seconds for a whole request and response.
TIMEOUT = 20.0


class ProviderRest:
    """The RestClient port."""

    def __init__(self, http: GuardedHttp) -> None:
        """Send requests through ``http``."""
        self._http = http

    def check(self, request: RestRequest) -> None:
        """Raise FetchFailed, without the URL in its message, for a request that ``send`` never sends."""
        self._http.admit(request.url, request.hosts)

    async def send(self, request: RestRequest) -> RestReply:
        """Send the request and return the response of any status.

        Raises FetchFailed, whose message contains neither the URL nor credentials.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._send(request)
        except TimeoutError:
            raise FetchFailed("The provider did not respond in time.", host_down=True) from None

    async def _send(self, request: RestRequest) -> RestReply:
        url = self._http.admit(request.url, request.hosts)
        opened = self._http.open(request.method, url, request.headers, request.body)
        async with opened as response:
            # A bytearray: appending to bytes copies them each time, and a block may be one byte.
            body = bytearray()
            try:
                async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as blocks:
                    async for block in blocks:
                        body += block
                        if len(body) > MAX_BODY:
                            raise FetchFailed(f"The provider's response has more than {MAX_BODY} bytes.")
            except NETWORK_ERRORS as error:
                raise FetchFailed(f"The provider's response ended early ({type(error).__name__}).") from None
            return RestReply(status=response.status, body=bytes(body))
