"""The index of routes finds what FastAPI would find, and nothing else.

Methods: HEAD wherever GET is, and every method of an address in the Allow of a 405.

Names with a slash: a platform may have them, webhooks take them, and every path reaches them as %2F.
"""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match

from tests.support import corpus
from tests.support.console import sign_in
from tests.support.fast_yaml import committed_contract
from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House
from tests.web.test_access import routes
from vault.web.app import Hosting, build, build_health
from vault.web.http.routing import RouteIndex

APP = build(Hosting(public_url="https://vault.example"), lambda: NotImplemented)
INDEX = APP.router.routes[0]


#: Every other route of the app in the order in which FastAPI tries them.
ROUTES = [route for route in APP.router.routes[1:] if isinstance(route, APIRoute)]
#: Each path with names in it, and with what its own siblings have in the place of a name.
TRIED = sorted(
    {
        "/".join(value if part.startswith("{") else part for part in route.path.split("/"))
        .replace("{extension}", value)
        .replace("{name}", value)
        for route in ROUTES
        for value in ("nothing", "audio", "c%20d", "a.b", "\n")
    }
)
CALL, REF = "2026/11/30-0001", "a/b/1"
NAMES = [CALL, "/", "//", "a%2Fb", "a/%2F", "ä/ö ü", "?/#"]


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
    for path in [*TRIED, "", "/", "/p", "/p/", "/v1", "/v1/accounts/", "/nothing/at/all"]:
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


#: Of each path of the contract the methods that it names.
PATHS: dict[str, set[str]] = {
    path: {method.upper() for method in said} & {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"}
    for path, said in committed_contract()["paths"].items()
}
READ = sorted(path for path, methods in PATHS.items() if "GET" in methods)


def filled(path: str, tenant: Tenant, recording: str) -> str:
    """Return a path with names in it; those of nothing where the tenant has no such thing."""
    named = {"account": tenant.name, "recording": recording, "index": "0"}
    return "/".join(
        named.get(part[1:-1], "nothing") if part.startswith("{") else part for part in path.split("/")
    )


@pytest.mark.parametrize("path", READ)
def test_head_answers_as_get_does(house: House, shared: tuple[Tenant, str], path: str):
    """The same status, the same type and length, and no body: also where it is an error."""
    url = filled(path, *shared)
    head, get = house.admin.head(url), house.admin.get(url)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "etag", "content-disposition", "accept-ranges"):
        assert head.headers.get(name) == get.headers.get(name), name
    if "content-length" in head.headers and not path.endswith(("/metrics", "/access-events", "/history")):
        assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_405_names_every_method(
    house: House, stranger: httpx.Client, shared: tuple[Tenant, str], path: str
):
    """Anyone who asks: it is about the address."""
    for caller in (house.admin, stranger):
        answer = caller.request("TRACE", filled(path, *shared))
        # A provider's webhook may come by GET; the contract names one method for both.
        methods = PATHS[path] | ({"GET"} if path.startswith("/webhooks/") else set())
        named = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        assert (answer.status_code, answer.headers["allow"]) == (405, named)
        assert answer.json()["detail"] == f"Method not allowed. This path allows {named}."


def test_a_media_link_says_the_length_of_what_it_plays(house: House, tenant: Tenant):
    """Also where a browser gets a rendition, whose length is not that of the original."""
    original = corpus.encode("amr", "libopencore_amrnb", corpus.tones(1, channels=1))
    link = tenant.link(tenant.uploaded(original), kind="media")
    stranger = house.client()
    before, heard = stranger.head(link["url"]), stranger.get(link["url"])
    assert len(heard.content) != len(original)
    for head in (before, stranger.head(link["url"])):
        assert (head.status_code, head.headers["content-type"]) == (200, heard.headers["content-type"])
        assert head.headers["content-length"] == str(len(heard.content))


@pytest.fixture(scope="module")
def person(house: House, shared: tuple[Tenant, str]) -> httpx.Client:
    """A session of the console."""
    return sign_in(house, shared[0].name)


def test_every_route_takes_head(house: House, person: httpx.Client, shared: tuple[Tenant, str]):
    """Also those that the contract does not name: the console, its files, the doorway, the reference."""
    unlike = []
    for path in sorted(path for method, path in routes(house.app) if method == "GET"):
        url = filled(path, *shared)
        for caller in (house.admin, person):
            head, get = caller.head(url), caller.get(url)
            same = ("content-type", "etag", "location")
            if (head.status_code, head.content, *(head.headers.get(name) for name in same)) != (
                get.status_code, b"", *(get.headers.get(name) for name in same),
            ):  # fmt: skip
                unlike.append((path, head.status_code, get.status_code))
    assert unlike == []


def test_a_405_names_every_method_of_every_route(
    house: House, person: httpx.Client, shared: tuple[Tenant, str]
):
    """Of the console's forms and pages too, for somebody who may use them."""
    methods: dict[str, set[str]] = {}
    for method, path in routes(house.app):
        methods.setdefault(path, set()).add(method)
    wrong = []
    for path, known in sorted(methods.items()):
        answer = person.request("TRACE", filled(path, *shared))
        # A literal path, such as .../notices/new, may be that of another route too.
        missing = (known | ({"HEAD"} if "GET" in known else set())) - set(
            answer.headers.get("allow", "").split(", ")
        )
        if answer.status_code != 405 or missing:
            wrong.append((path, answer.status_code, missing))
    assert wrong == []


async def test_a_process_that_serves_nobody_takes_head():
    """Its doors are for monitors, and some of these ask by HEAD."""
    transport = httpx.ASGITransport(app=build_health())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as monitor:
        head = await monitor.head("/healthz")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "6")
        assert (await monitor.post("/healthz")).headers["allow"] == "GET, HEAD"


def path(tenant: Tenant, *names: str) -> str:
    """Return a path below the account's calls, whose names are encoded."""
    return tenant.url(
        "/calls/" + "/".join(quote(name, safe="") if n % 2 == 0 else name for n, name in enumerate(names))
    )


def test_a_call_with_slashes_is_reached_by_every_path(tenant: Tenant):
    """What a webhook names is reported, shown, erased; its upload is the recording that was announced."""
    recording = tenant.announce("https://nowhere.invalid/a.wav", call=CALL, ref=REF).json()["recording"]
    tenant.wait(recording, "retry_wait")
    shown = tenant.http.get(path(tenant, CALL))
    assert (shown.status_code, shown.json()["call"]["call_ref"]) == (200, CALL), shown.text
    at = moment(datetime.now(UTC))
    said = {"event": "announced", "party": "caller", "method": "announcement", "at": at}
    consent = tenant.http.post(path(tenant, CALL, "consent"), json=said)
    assert consent.status_code == 201, consent.text
    again = tenant.http.put(path(tenant, CALL, "recordings", REF), content=AUDIO)
    assert (again.status_code, again.json()["id"], again.json()["recording_ref"]) == (201, recording, REF)
    tenant.wait(recording)
    (found,) = tenant.http.get(tenant.url("/recordings"), params={"call": CALL}).json()["items"]
    assert found["id"] == recording
    assert tenant.http.delete(path(tenant, CALL)).status_code == 202
    tenant.wait(recording, "erased")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_was_sent(tenant: Tenant, name: str):
    """Decoded once: neither more nor less, for the call and for the recording, in an upload over 64 KiB."""
    body = AUDIO + bytes(70_000)
    sent = tenant.http.put(path(tenant, name, "recordings", name), content=body)
    assert sent.status_code == 201, sent.text
    recording = tenant.get(sent.json()["id"])
    assert (recording["recording_ref"], recording["call"]["call_ref"]) == (name, name)
    assert tenant.http.get(path(tenant, name)).json()["call"]["call_ref"] == name


@pytest.mark.parametrize("name", ["", " ", "   ", "a\x1fb", "a\nb", "\x7f", "x" * 201])
def test_what_is_no_name_is_refused_by_every_door(tenant: Tenant, name: str):
    """By webhooks and in paths alike, before anything is stored."""
    hooks = [
        tenant.announce("https://media.example/a.wav", call=name, ref="r"),
        tenant.announce("https://media.example/a.wav", call="c", ref=name),
        tenant.hook("call.started", call_ref=name),
    ]
    assert [answer.status_code for answer in hooks] == [422] * 3
    if name:
        doors = [
            tenant.http.put(path(tenant, name, "recordings", "r"), content=AUDIO),
            tenant.http.put(path(tenant, "c", "recordings", name), content=AUDIO),
            tenant.http.post(path(tenant, name, "consent"), json={}),
        ]
        assert {answer.status_code for answer in doors} <= {400, 422}
    assert tenant.http.get(tenant.url("/recordings")).json()["items"] == []


@pytest.mark.parametrize("place", ["/v1/accounts%2Facme", "/v1%2Faccounts", "/v1/accounts/acme%2Fcalls%2Fc"])
def test_a_slash_in_a_name_makes_no_other_path(house: House, place: str):
    """An escaped slash is never a separator."""
    assert house.admin.get(place).status_code in {404, 422}


def test_a_module_of_routes_that_the_app_does_not_list_stops_the_start(tmp_path: Path):
    """Its routes would not be served, and nothing would say so."""
    (tmp_path / "forgotten.py").write_text("router = None\n")
    (tmp_path / "helpers_of_routes.py").write_text("other = None\n")
    code = f"from vault.web import routes; routes.__path__.append({str(tmp_path)!r}); import vault.web.app"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert said.endswith(
        "LookupError: The routes of these modules are not served: vault.web.routes.forgotten.\n"
    )
