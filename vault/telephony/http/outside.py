"""Sends to receivers that accounts name, with the same guarded HTTP client as downloads."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, cast

import httpcore

from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed
from vault.telephony.http.client import NETWORK_ERRORS, GuardedHttp

#: Seconds for a request and its answer, and of these for the body, which is not what decides.
TIMEOUT: Final = 10.0
BODY_TIMEOUT: Final = 2.0
#: Bytes that are read of an answer.
MAX_BODY: Final = 20_000
#: An account names its own host, so any host may be it that is not internal.
_ANY_HOST: Final = ("*",)


class GuardedOutside:
    """The Outside port."""

    def __init__(self, http: GuardedHttp) -> None:
        """Send through ``http``, which resolves and checks the address each time and connects to what it checked."""
        self._http = http

    def check(self, url: str) -> None:
        """Raise FetchFailed, without the URL in its message, for a URL to which ``post`` never sends."""
        self._http.admit(url, _ANY_HOST)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, and return the answer. Raises FetchFailed."""
        admitted = self._http.admit(url, _ANY_HOST)
        answer: Answer | None = None
        try:
            async with asyncio.timeout(TIMEOUT), self._http.open("POST", admitted, headers, body) as response:
                answer = Answer(status=response.status, retry_after=_header(response, b"retry-after"))
                return Answer(
                    status=answer.status, retry_after=answer.retry_after, body=await _beginning(response)
                )
        except TimeoutError:
            if answer is not None:
                return answer
            raise FetchFailed("The host did not respond in time.", host_down=True) from None


async def _beginning(response: httpcore.Response) -> bytes:
    """Return what arrives in time of a body, up to the limit: whoever answered has answered."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(BODY_TIMEOUT),
            aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as blocks,
        ):
            async for block in blocks:
                body += block[: MAX_BODY - len(body)]
                if len(body) >= MAX_BODY:
                    break
    except (*NETWORK_ERRORS, TimeoutError):
        return bytes(body)
    return bytes(body)


def _header(response: httpcore.Response, name: bytes) -> str | None:
    for one, value in response.headers:
        if one.lower() == name:
            return value.decode("latin-1")
    return None
