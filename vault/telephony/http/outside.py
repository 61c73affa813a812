"""Sends to receivers that accounts name, with the same guarded HTTP client as downloads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Final, cast

import httpcore

from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed
from vault.ports.outside import Post
from vault.telephony.http.client import NETWORK_ERRORS, GuardedHttp
from vault.telephony.http.host_connection import HostConnection
from vault.telephony.http.url import MediaUrl

#: Seconds for a request and its answer, and of these for the body, which is not what decides.
TIMEOUT: Final = 10.0
BODY_TIMEOUT: Final = 2.0
#: Bytes that are read of an answer.
MAX_BODY: Final = 20_000
#: And of one to a request of another kind than a message: it is parsed.
MAX_REPLY: Final = 1024 * 1024
#: Hosts that a process remembers because they did not answer on a connection that was used again, and how long.
_MAX_SILENT: Final = 10_000
_SILENT_SECONDS: Final = 3600.0
#: An account names its own host, so any host may be it that is not internal.
_ANY_HOST: Final = ("*",)


class GuardedOutside:
    """The Outside port."""

    def __init__(self, http: GuardedHttp) -> None:
        """Send through ``http``, which resolves and checks the address each time and connects to what it checked."""
        self._http = http
        #: Hosts that did not answer on a connection that was used again, and until when each has a new one.
        self._silent: dict[tuple[str, int], float] = {}

    def check(self, url: str) -> None:
        """Raise FetchFailed, without the URL in its message, for a URL to which ``post`` never sends."""
        self._http.admit(url, _ANY_HOST)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, and return the answer. Raises FetchFailed."""
        return await self._post(self._http.admit(url, _ANY_HOST), headers, body, by=None)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
    ) -> Answer:
        """Send a request to one of these hosts, and return the answer. Raises FetchFailed."""
        admitted = self._http.admit(url, tuple(hosts))
        return await self._post(admitted, headers, body, by=None, method=method, most=MAX_REPLY)

    @asynccontextmanager
    async def keep_alive(self) -> AsyncIterator[Post]:
        """Yield what posts by one connection.

        A host that hangs up between two requests without having said so may have taken the second one, which is then
        unknown. So it has a new connection for each from then on.
        """
        async with self._http.keep_alive() as connection:
            yield partial(self._post_again, connection)

    async def _post_again(
        self, connection: HostConnection, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        admitted, dials = self._http.admit(url, _ANY_HOST), connection.dials
        host = (admitted.host, admitted.port)
        is_silent = self._silent.get(host, 0) > monotonic()
        try:
            return await self._post(admitted, headers, body, by=None if is_silent else connection)
        except FetchFailed as error:
            if 0 < dials == connection.dials and not is_silent and not error.unsent:
                if len(self._silent) >= _MAX_SILENT:
                    self._silent.clear()
                self._silent[host] = monotonic() + _SILENT_SECONDS
            raise

    async def _post(
        self,
        admitted: MediaUrl,
        headers: Mapping[str, str],
        body: bytes,
        *,
        by: HostConnection | None,
        method: str = "POST",
        most: int = MAX_BODY,
    ) -> Answer:
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._http.open(method, admitted, headers, body, by=by) as response,
            ):
                found = _headers_of(response)
                answer = Answer(status=response.status, retry_after=found.get("retry-after"), headers=found)
                return replace(answer, body=await _beginning(response, most))
        except TimeoutError:
            if answer is not None:
                return answer
            raise FetchFailed("The host did not respond in time.", host_down=True) from None


async def _beginning(response: httpcore.Response, most: int) -> bytes:
    """Return what arrives in time of a body, up to the limit: whoever answered has answered."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(BODY_TIMEOUT),
            aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as blocks,
        ):
            async for block in blocks:
                body += block[: most - len(body)]
                if len(body) >= most:
                    break
    except (*NETWORK_ERRORS, TimeoutError):
        return bytes(body)
    return bytes(body)


def _headers_of(response: httpcore.Response) -> dict[str, str]:
    """Return the headers of an answer; the values of one that stands there several times are joined by commas."""
    found: dict[str, str] = {}
    for raw, value in response.headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]},{text}" if name in found else text
    return found
