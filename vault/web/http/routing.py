"""The route of a request: found by its method and the shape of its path, with the methods and the query that it takes.

FastAPI tries the routes of all routers one after the other, twice, which costs most of a small request's time. A client
writes the slash in a name of a path, such as a platform's id of a call, as ``%2F``, and a server's path does not tell
it from others: the path that routes see has a mark in its place, and a route's parameter has the slash again.
HEAD is allowed wherever GET is (RFC 9110, 9.1), and a 405 names all methods (15.5.6). A parameter of the query that a
route does not take is refused: a misspelt one would have no effect, without a word.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import Invalid

#: The method, the number of slashes in the path, and its first segment.
_Shape = tuple[str, int, str]
#: No name and no path of ours has it.
SLASH_MARK: Final = "\x1f"
_PREFIX: Final = b"/v1"
_ESCAPED: Final = re.compile(rb"%2f", re.IGNORECASE)
#: By the function of a route.
_KNOWN: dict[Any, frozenset[str] | None] = {}


class RouteIndex(BaseRoute):
    """A route before all others that passes a request on to the route that FastAPI would find.

    What it does not find (404, 405, a parameter that may contain a slash) is left to FastAPI. The routers must be
    included without a prefix or dependencies, because these are not applied.
    """

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        """Collect the routes of all routers, in their order."""
        self._routes: defaultdict[_Shape, list[APIRoute]] = defaultdict(list)
        for router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and _has_fixed_shape(route):
                    for method in route.methods or ():
                        self._routes[_shape(method, route.path)].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return a full match with the parameters of the path, or none."""
        if scope["type"] != "http" or scope.get("root_path"):
            return Match.NONE, {}
        path: str = scope["path"]
        for route in self._routes.get(_shape(scope["method"], path), ()):
            if (match := route.path_regex.match(path)) is not None:
                return Match.FULL, {
                    "endpoint": route.endpoint,
                    "path_params": with_slashes(match.groupdict()),
                    "route": route,
                }
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the route that ``matches`` found."""
        route: APIRoute = scope["route"]
        await route.app(scope, receive, send)


def _shape(method: str, path: str) -> _Shape:
    return method, path.count("/"), path[1:].partition("/")[0]


def _has_fixed_shape(route: APIRoute) -> bool:
    """Return whether every path of the route has the same number of slashes and the same first segment."""
    convertors = route.param_convertors.values()
    return "{" not in _shape("", route.path)[2] and all(
        isinstance(one, StringConvertor) for one in convertors
    )


def mark_slashes(scope: Scope) -> None:
    """Mark the escaped slashes in the path of a request of the REST interface."""
    raw: bytes = scope.get("raw_path") or b""
    if raw.startswith(_PREFIX) and _ESCAPED.search(raw) is not None:
        scope["path"] = unquote(_ESCAPED.sub(SLASH_MARK.encode(), raw).decode("latin-1"))


def with_slashes(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a path with their slashes."""
    return {name: value.replace(SLASH_MARK, "/") for name, value in parameters.items()}


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


def refuse_unknown_parameters(request: Request) -> None:
    """Raise Invalid for the first unknown parameter of the query."""
    if not request.scope["query_string"]:
        return
    route = request.scope.get("route")
    known = _known(route) if isinstance(route, APIRoute) else None
    if known is None:
        return
    for name in request.query_params:
        if name not in known:
            raise Invalid(f"Not valid: {name}: unknown parameter.", field=name)


def _known(route: APIRoute) -> frozenset[str] | None:
    if route.endpoint not in _KNOWN:
        _KNOWN[route.endpoint] = _parameters(route)
    return _KNOWN[route.endpoint]


def _parameters(route: APIRoute) -> frozenset[str] | None:
    """Return the names of a route's parameters; None if a model has them, which refuses unknown ones itself."""
    fields = [field for part in _all(route.dependant) for field in part.query_params]
    kinds = [field.field_info.annotation for field in fields]
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return None
    return frozenset(field.alias for field in fields)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _all(part)
