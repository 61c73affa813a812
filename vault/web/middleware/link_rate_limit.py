"""Addresses that ask for links which open nothing, and are told to wait when they do it too often.

A token cannot be guessed, so this keeps nobody out; it keeps one address from taking the time of all others.
The table is in memory: each process has its own, and a restart forgets it. Pure ASGI, as the guard is.

Why a link opens nothing is told to nobody, and the time that the answer takes does not tell it either: one
that was never made is found out by a look, one that has expired is put on record first.
"""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import TooMany
from vault.ports.clock import Clock
from vault.web.http.client_address import client_address
from vault.web.http.html import refusal

#: Answers 404 that one address gets within a minute; every request after them waits until it is over.
MAX_FAILURES = 60
MINUTE = timedelta(minutes=1)
#: Addresses that are counted; the one whose minute began first is forgotten first.
MAX_ADDRESSES = 10_000
#: Whoever has one IPv6 address usually has the 2**64 beside it (RFC 6177, section 2).
_IPV6_BITS = 64
_LINKS = "/p/"
#: Seconds from the request to the answer 404: longer than it takes to find out and to put it on record.
_ANSWERED_AFTER = 0.04
_NOT_FOUND = 404


@dataclass(slots=True)
class _Minute:
    """What one address asked for in vain since its minute began."""

    began: datetime
    count: int = 0


class FailedLinks:
    """The table: how often each address met a dead link in its minute."""

    def __init__(self) -> None:
        """Begin with no address."""
        self._minutes: dict[str, _Minute] = {}

    def __len__(self) -> int:
        """Return how many addresses are counted."""
        return len(self._minutes)

    def check(self, address: str, now: datetime) -> None:
        """Raise TooMany while the address has to wait."""
        minute = self._running(address, now)
        if minute is None or minute.count < MAX_FAILURES:
            return
        left = math.ceil((minute.began + MINUTE - now).total_seconds())
        raise TooMany("Too many links that open nothing were asked for from here.", retry_after=left)

    def count(self, address: str, now: datetime) -> None:
        """Count a link that opened nothing."""
        minute = self._running(address, now)
        if minute is None:
            # Put in anew, so that the order of the table is that in which minutes began.
            minute = self._minutes[_counted_as(address)] = _Minute(now)
            while len(self._minutes) > MAX_ADDRESSES:
                del self._minutes[next(iter(self._minutes))]
        minute.count += 1

    def _running(self, address: str, now: datetime) -> _Minute | None:
        """Return the address's minute, and forget one that is over, or that a clock was set back from."""
        key = _counted_as(address)
        minute = self._minutes.get(key)
        if minute is not None and not minute.began <= now < minute.began + MINUTE:
            del self._minutes[key]
            return None
        return minute


class LinkRateLimit:
    """Wraps the app: counts the answers 404 below ``/p/``, and answers 429 before the app is asked."""

    def __init__(self, app: ASGIApp, *, table: FailedLinks, clock: Clock) -> None:
        """Count in ``table`` by ``clock``."""
        self._app = app
        self._table = table
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not scope["path"].startswith(_LINKS):
            await self._app(scope, receive, send)
            return
        # Who has no address shares it with all others who have none: they are not counted together.
        address = client_address(Request(scope))
        try:
            if address is not None:
                self._table.check(address, self._clock())
        except TooMany as error:
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, receive, self._counting(send, address))

    def _counting(self, send: Send, address: str | None) -> Send:
        time = asyncio.get_running_loop().time
        answered_at = time() + _ANSWERED_AFTER

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                if address is not None:
                    self._table.count(address, self._clock())
                await asyncio.sleep(answered_at - time())
            await send(message)

        return counting


def _counted_as(address: str) -> str:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        # As a number it has no zone, which would be no part of a network.
        return str(IPv6Network((int(found), _IPV6_BITS), strict=False))
    return address
