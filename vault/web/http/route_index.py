"""The route of a request, found by its method and the shape of its path.

FastAPI tries the routes of all routers one after the other, twice, which costs most of a small request's time.
"""

from collections import defaultdict
from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from vault.web.http.name_slashes import with_slashes

#: The method, the number of slashes in the path, and its first segment.
_Shape = tuple[str, int, str]


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
