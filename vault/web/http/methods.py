"""Allowed methods of a path: HEAD wherever GET is (RFC 9110, 9.1), and all of them in a 405 (15.5.6)."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Methods:
    """The methods of every route."""

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        """Collect the routes of all routers."""
        self._routes = [route for router in routers for route in router.routes]

    def of(self, scope: Scope) -> set[str]:
        """Return the methods that the routes of the request's path declare."""
        matching = (route for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        return {method for route in matching for method in getattr(route, "methods", None) or ()}

    def allowed(self, scope: Scope) -> list[str]:
        """Return all methods that the path allows, sorted."""
        found = self.of(scope)
        return sorted(found | {"HEAD"} if "GET" in found else found)


class HeadAsGet:
    """Middleware that answers a HEAD without a route of its own as a GET without its body.

    So a HEAD is logged like its GET, because it reveals the length of the body.
    """

    def __init__(self, app: ASGIApp, *, methods: Methods) -> None:
        """Wrap the app, whose routes are in ``methods``."""
        self._app = app
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with HEAD as GET where no route handles HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or "HEAD" in self._methods.of(scope):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
