"""Which methods an address takes: HEAD wherever GET is (RFC 9110, 9.1), and all of them in a 405 (15.5.6)."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Methods:
    """The methods of every route."""

    def __init__(self, doors: Sequence[APIRouter]) -> None:
        """Know the routes of all doors."""
        self._routes = [route for door in doors for route in door.routes]

    def of(self, scope: Scope) -> set[str]:
        """Return the methods of the request's address, as the routes name them."""
        fitting = (route for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        return {method for route in fitting for method in getattr(route, "methods", None) or ()}

    def allowed(self, scope: Scope) -> list[str]:
        """Return all methods that the address takes, sorted."""
        found = self.of(scope)
        return sorted(found | {"HEAD"} if "GET" in found else found)


class HeadAsGet:
    """Wraps the app: a HEAD that no route takes is a GET whose body is not sent.

    So a HEAD is logged like its GET: it reveals the length of the body that it omits.
    """

    def __init__(self, app: ASGIApp, *, methods: Methods) -> None:
        """Look methods up in ``methods``."""
        self._app = app
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or "HEAD" in self._methods.of(scope):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
