"""Methods: HEAD wherever GET is, and every method of an address in the Allow of a 405."""

import httpx
import pytest
import yaml

from openapi.generate import CONTRACT
from tests.support import corpus
from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.test_access import routes
from vault.web.app import build_health

#: Of each path of the contract the methods that it names.
PATHS: dict[str, set[str]] = {
    path: {method.upper() for method in said} & {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"}
    for path, said in yaml.safe_load(CONTRACT.read_text())["paths"].items()
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
