"""Rate limit on dead links for each client address.

Tokens cannot be guessed, so this is not an access control; it keeps one address from using the capacity of all
others. The table is in memory: each process has its own, and a restart clears it. Pure ASGI, like RequestLimits.

A dead link's answer does not reveal why the link is dead, and its latency must not either: an unknown link takes one
read, an expired one is first recorded in the access log. So every 404 is delayed to the same latency.
"""

import asyncio
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import TooMany, VaultError
from vault.ports.clock import Clock
from vault.services.service import Vault
from vault.web.http.client_address import client_address
from vault.web.http.html import not_valid, refusal
from vault.web.http.languages import language_of

#: Max 404 responses to one address within a minute; later requests in that minute are 429.
MAX_FAILURES = 60
MINUTE = timedelta(minutes=1)
#: Max addresses in the table; the one whose minute began first is evicted first.
MAX_ADDRESSES = 10_000
#: Prefix length by which IPv6 clients are counted: a client usually has a whole /64 (RFC 6177, section 2).
_IPV6_BITS = 64
#: Paths of links, and of doorways, which take links.
_LINKS = ("/p/", "/h/")
_ASKED = re.compile(r"/p/([^/]+)(/open)?")
#: Methods of a link's page, and of its opening.
_METHODS = (frozenset({"GET", "HEAD"}), frozenset({"POST"}))
#: Seconds from the request to a 404: longer than the read and the write to the access log take.
_NOT_FOUND_LATENCY = 0.04
_NOT_FOUND = 404


@dataclass(slots=True)
class _Minute:
    """The failures of one address since its minute began."""

    began: datetime
    count: int = 0


class FailedLinks:
    """The table: the failures of each address in its current minute, or what else is counted by address."""

    def __init__(
        self,
        limit: int = MAX_FAILURES,
        text: str = "Too many requests for invalid links from this address.",
    ) -> None:
        """Start with an empty table; ``text`` says what the address did more than ``limit`` times in a minute."""
        self._limit = limit
        self._text = text
        self._minutes: dict[str, _Minute] = {}

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._minutes)

    def check(self, address: str, now: datetime) -> None:
        """Raise TooMany while the address is over the limit."""
        minute = self._current_minute(address, now)
        if minute is None or minute.count < self._limit:
            return
        left = math.ceil((minute.began + MINUTE - now).total_seconds())
        raise TooMany(self._text, retry_after=left)

    def count(self, address: str, now: datetime) -> None:
        """Count a failure."""
        minute = self._current_minute(address, now)
        if minute is None:
            # Inserted at the end, so the table is ordered by the start of the minutes.
            minute = self._minutes[_table_key(address)] = _Minute(now)
            while len(self._minutes) > MAX_ADDRESSES:
                del self._minutes[next(iter(self._minutes))]
        minute.count += 1

    def _current_minute(self, address: str, now: datetime) -> _Minute | None:
        """Return the address's minute; drop it if it is over or if the clock was set back before its start."""
        key = _table_key(address)
        minute = self._minutes.get(key)
        if minute is not None and not minute.began <= now < minute.began + MINUTE:
            del self._minutes[key]
            return None
        return minute


class LinkRateLimit:
    """Middleware that counts 404 responses below ``/p/`` and ``/h/``, and answers 429 to addresses over the limit."""

    def __init__(self, app: ASGIApp, *, table: FailedLinks, clock: Clock) -> None:
        """Count in ``table`` by ``clock``."""
        self._app = app
        self._table = table
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 or pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(_LINKS):
            await self._app(scope, receive, send)
            return
        # Clients without an address cannot be told apart, so they are not counted.
        address = client_address(Request(scope))
        try:
            if address is not None:
                self._table.check(address, self._clock())
        except TooMany as error:
            await refusal(error, language_of(Request(scope)))(scope, receive, send)
            return
        counting = self._counting(send, address)
        if await _is_forged(scope):
            # The answer of a dead link, before routes and dependencies: a flood of them costs little else.
            await not_valid(language_of(Request(scope)))(scope, receive, counting)
            return
        await self._app(scope, receive, counting)

    def _counting(self, send: Send, address: str | None) -> Send:
        time = asyncio.get_running_loop().time
        answered_at = time() + _NOT_FOUND_LATENCY

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                if address is not None:
                    self._table.count(address, self._clock())
                await asyncio.sleep(answered_at - time())
            await send(message)

        return counting


async def _is_forged(scope: Scope) -> bool:
    """Return whether the request is for an invented link, which needs no route and no database."""
    asked = _ASKED.fullmatch(scope["path"])
    if asked is None or scope["method"] not in _METHODS[asked[2] is not None]:
        return False
    vault: Vault = scope["app"].state.vault
    try:
        return await vault.open_links.is_forged(asked[1])
    except VaultError:
        return False  # A key could not be looked up. The route says so.


def _table_key(address: str) -> str:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        # Converted to int to drop the zone, which a network cannot have.
        return str(IPv6Network((int(found), _IPV6_BITS), strict=False))
    return address
