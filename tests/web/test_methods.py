"""Methods: HEAD wherever GET is, and every method of an address in the Allow of a 405."""

import httpx
import pytest
import yaml

from openapi.generate import CONTRACT
from tests.support.tenant import Tenant
from tests.support.web_house import House
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
    """Whoever asks: it is about the address."""
    for caller in (house.admin, stranger):
        answer = caller.request("TRACE", filled(path, *shared))
        # A provider's webhook may come by GET; the contract names one method for both.
        methods = PATHS[path] | ({"GET"} if path.startswith("/webhooks/") else set())
        named = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        assert (answer.status_code, answer.headers["allow"]) == (405, named)
        assert answer.json()["detail"] == f"Method not allowed. This path allows {named}."


async def test_a_process_that_serves_nobody_takes_head():
    """Its doors are for monitors, and some of these ask by HEAD."""
    transport = httpx.ASGITransport(app=build_health())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as monitor:
        head = await monitor.head("/healthz")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "6")
        assert (await monitor.post("/healthz")).headers["allow"] == "GET, HEAD"
