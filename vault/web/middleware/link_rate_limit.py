"""Rate limit on dead links for each client address.

Tokens cannot be guessed, so this is not an access control; it keeps one address from using the capacity of all
others. Pure ASGI, like RequestLimits.

A dead link's answer does not reveal why the link is dead, and its latency must not either: an invented token takes no
read, a missing link takes one, and an expired one is first recorded in the access log. So every 404 is delayed to the
same latency.
"""

import asyncio
import re
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import TooMany, VaultError
from vault.ports.clock import Clock
from vault.services.service import Vault
from vault.web.http.client_address import AddressLimit, limited_address
from vault.web.http.html import not_valid, refusal
from vault.web.http.languages import language_of

#: Max 404 responses to one address within a minute.
MAX_DEAD_LINKS: Final = 60
#: Paths of links, and of doorways, which take links.
_LINKS = ("/p/", "/h/")
#: A link's page, and with ``/open`` the request that opens it.
_LINK_PATH = re.compile(r"/p/([^/]+)(/open)?")
_PAGE_METHODS, _OPEN_METHODS = frozenset({"GET", "HEAD"}), frozenset({"POST"})
#: Seconds from the request to a 404: longer than the read and the write to the access log take.
_NOT_FOUND_LATENCY = 0.04
_NOT_FOUND = 404


def dead_links() -> AddressLimit:
    """Return an empty table of requests for dead links."""
    return AddressLimit(MAX_DEAD_LINKS, "Too many requests for invalid links from this address.")


class LinkRateLimit:
    """Middleware that counts 404 responses below ``/p/`` and ``/h/``, and answers 429 once the limit is reached."""

    def __init__(self, app: ASGIApp, *, table: AddressLimit, clock: Clock) -> None:
        """Count in ``table`` by ``clock``."""
        self._app = app
        self._table = table
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 or pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(_LINKS):
            await self._app(scope, receive, send)
            return
        address = limited_address(Request(scope))
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
        not_before = time() + _NOT_FOUND_LATENCY

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                if address is not None:
                    self._table.count(address, self._clock())
                await asyncio.sleep(not_before - time())
            await send(message)

        return counting


async def _is_forged(scope: Scope) -> bool:
    """Return whether the request is for an invented link, which needs no route and no database."""
    match = _LINK_PATH.fullmatch(scope["path"])
    if match is None:
        return False
    token, is_opening = match[1], match[2] is not None
    if scope["method"] not in (_OPEN_METHODS if is_opening else _PAGE_METHODS):
        return False
    vault: Vault = scope["app"].state.vault
    try:
        return await vault.playback.open_links.is_forged(token)
    except VaultError:
        return False  # A key could not be looked up. The route says so.
