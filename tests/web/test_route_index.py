"""The index of routes finds what FastAPI would find, and nothing else."""

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match

from vault.web.app import PublicUrl, build
from vault.web.http.routing import RouteIndex

APP = build(PublicUrl(public_url="https://vault.example"), lambda: NotImplemented)
INDEX = APP.router.routes[0]


#: Every other route of the app in the order in which FastAPI tries them.
ROUTES = [route for route in APP.router.routes[1:] if isinstance(route, APIRoute)]
#: Each path with names in it, and with what its own siblings have in the place of a name.
PATHS = sorted(
    {
        "/".join(value if part.startswith("{") else part for part in route.path.split("/"))
        .replace("{extension}", value)
        .replace("{name}", value)
        for route in ROUTES
        for value in ("nothing", "audio", "c%20d", "a.b", "\n")
    }
)


def first_of_fastapi(method: str, path: str) -> tuple[APIRoute, dict[str, str]] | None:
    """Return the first route that takes the method, with the parameters of the path."""
    for route in ROUTES:
        match, found = route.matches({"type": "http", "method": method, "path": path})
        if match is Match.FULL:
            return route, found["path_params"]
    return None


def test_it_is_asked_first():
    """A route before it would be found by FastAPI's own loop."""
    assert isinstance(INDEX, RouteIndex)
    assert len(ROUTES) > 60


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_it_finds_the_same_route_and_parameters(method: str):
    """For every path: also where two routes match, and where none takes the method."""
    found = 0
    for path in [*PATHS, "", "/", "/p", "/p/", "/v1", "/v1/accounts/", "/nothing/at/all"]:
        match, scope = INDEX.matches({"type": "http", "method": method, "path": path})
        expected = first_of_fastapi(method, path)
        assert (match is Match.FULL) is (expected is not None), path
        if expected is not None:
            assert (scope["route"], scope["path_params"]) == expected, path
            assert scope["endpoint"] is expected[0].endpoint
            found += 1
    assert (found > 0) is (method != "TRACE")


def test_what_has_no_fixed_shape_is_left_to_fastapi():
    """A parameter may contain slashes there, or be the first segment, by which the index finds."""
    router = APIRouter()
    for path in ("/files/{name:path}", "/{first}/x", "/plain/{name}"):
        router.add_api_route(path, lambda: None)
    index = RouteIndex([router])
    answers = {
        path: index.matches({"type": "http", "method": "GET", "path": path})[0]
        for path in ("/files/a/b", "/files/a", "/any/x", "/plain/a", "/plain/a/b")
    }
    assert [path for path, match in answers.items() if match is Match.FULL] == ["/plain/a"]
    assert index.matches({"type": "lifespan"}) == (Match.NONE, {})
    mounted = {"type": "http", "method": "GET", "path": "/plain/a", "root_path": "/plain"}
    assert index.matches(mounted) == (Match.NONE, {})
