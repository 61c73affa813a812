"""Where a client is: read through trusted proxies, checked at each request of a session, and counted also if unread."""

from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.services.playback.session_allowance import MAX_DENIALS, SessionAddresses
from vault.web.app import Hosting
from vault.web.console.sign_in.limits import MAX_FAILED
from vault.web.http.client_address import client_address, limited_address
from vault.web.middleware.link_rate_limit import MAX_DEAD_LINKS

PROXY = "127.0.0.1"
#: What X-Forwarded-For says, the client, and the address under which it is counted.
READ = [
    ("198.51.100.7", "198.51.100.7", "198.51.100.7"),
    ("198.51.100.7:50123", "198.51.100.7", "198.51.100.7"),
    ("[2a00::1]:50123", "2a00::1", "2a00::1"),
    ("[2a00::1]", "2a00::1", "2a00::1"),
    ("2a00::1", "2a00::1", "2a00::1"),
    ("[::ffff:198.51.100.7]:1", "198.51.100.7", "198.51.100.7"),
    ("203.0.113.9, 198.51.100.7:1, 127.0.0.9:2", "198.51.100.7", "198.51.100.7"),
    ("198.51.100.7, unknown", None, PROXY),
    ("198.51.100.7, unknown, 127.0.0.9", None, "127.0.0.9"),
    ("198.51.100.7,", None, PROXY),
    ("unknown", None, PROXY),
    ("_hidden", None, PROXY),
    ("198.51.100.7:port", None, PROXY),
    ("198.51.100.7:123456", None, PROXY),
    ("[198.51.100.7", None, PROXY),
    ("[]:1", None, PROXY),
    ("198.51.100.700", None, PROXY),
    ("", PROXY, PROXY),
]


@pytest.mark.parametrize(("header", "client", "counted"), READ)
def test_a_proxy_may_write_ports_and_brackets(header: str, client: str | None, counted: str):
    """What it does not say is in no network, and is counted under the proxy's own address."""
    app = Starlette()
    app.state.hosting = Hosting(public_url="http://x", trusted_proxies=(ip_network("127.0.0.0/8"),))
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "app": app, "client": (PROXY, 1),
        "headers": [(b"x-forwarded-for", header.encode())],
    }  # fmt: skip
    request = Request(scope)
    assert (client_address(request), limited_address(request)) == (client, counted)


@pytest.mark.parametrize(
    "said",
    ["198.51.100.7:50123", "[2a00:1::1]:50123", "unknown", "_hidden"],
    ids=["v4", "v6", "word", "name"],
)
def test_limits_hold_whatever_the_proxy_writes(behind_proxy: House, said: str):
    """Dead links and wrong sign-ins of one client: as many as the limit, then 429."""
    client = behind_proxy.client({"X-Forwarded-For": said, "Sec-Fetch-Site": "same-origin"})
    dead = [client.get("/p/x").status_code for _ in range(MAX_DEAD_LINKS + 5)]
    wrong = [
        client.post("/console/sign-in", data={"key": "cv_x_y"}).status_code for _ in range(MAX_FAILED + 5)
    ]
    assert dead.count(429) == wrong.count(429) == 5 or said == "_hidden"
    assert {dead[-1], wrong[-1]} == {429}


@pytest.fixture
def tenant(behind_proxy: House) -> Tenant:
    """An account."""
    return Tenant.open(behind_proxy.admin)


DOORS = ["", "/audio", "/download", "/waveform", "/audio.wav"]


def test_a_session_stays_in_the_networks_of_its_link(behind_proxy: House, tenant: Tenant):
    """Each door, from outside: nothing, and why. The log has each address once, and the session goes on inside."""
    recording = tenant.uploaded(AUDIO)
    link = tenant.link(recording, networks=["10.0.0.0/8"], download=True)
    browser = behind_proxy.client({"X-Forwarded-For": "10.1.1.1"})
    path = open_link(browser, link["url"]).headers["location"]
    inside, outside = {"X-Forwarded-For": "10.9.9.9"}, {"X-Forwarded-For": "198.51.100.9"}
    for door in DOORS:
        assert browser.get(path + door).status_code == 200, door
    for _ in range(3):
        for door in DOORS:
            refused = browser.get(path + door, headers=outside)
            assert refused.status_code == 404, door
            assert AUDIO[44:60] not in refused.content
    assert browser.post(f"{path}/notes", data={"at": "1", "text": "x"}, headers=outside).status_code == 404
    assert "network" in browser.get(path, headers=outside).text
    assert browser.get(f"{path}/state", headers=outside).json()["state"] == "elsewhere"
    assert browser.get(f"{path}/state").json()["state"] == "open"
    assert browser.get(f"{path}/audio", headers=inside).status_code == 200
    assert browser.get(f"{path}/audio", headers={"X-Forwarded-For": "unknown"}).status_code == 404
    events = tenant.events(recording)
    denied = [one["detail"]["address"] for one in events if one["type"] == "playback.denied"]
    assert denied == ["198.51.100.9", ""]
    granted = [one["detail"].get("address") for one in events if one["type"] == "playback.grant"]
    assert [one for one in granted if one] == ["10.9.9.9"]


def test_a_session_without_networks_says_where_it_goes_on(behind_proxy: House, tenant: Tenant):
    """It plays from another address, which the log has with the first grant there; a media link likewise."""
    recording = tenant.uploaded(AUDIO)
    browser = behind_proxy.client({"X-Forwarded-For": "192.0.2.1"})
    path = open_link(browser, tenant.link(recording)["url"]).headers["location"]
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1"):
        assert browser.get(f"{path}/audio", headers={"X-Forwarded-For": address}).status_code == 200
    media = tenant.link(recording, kind="media")["url"]
    for address in ("192.0.2.3", "192.0.2.4"):
        assert httpx.get(media, headers={"X-Forwarded-For": address}).status_code == 200
    events = tenant.events(recording)
    granted = [one["detail"].get("address") for one in events if one["type"] == "playback.grant"]
    assert granted == [None, None, "192.0.2.2", None, "192.0.2.1", None, "192.0.2.4"]


def test_refusals_of_a_session_do_not_flood_the_log():
    """One for each address in turn, and so many in all; the table has an end too."""
    seen = SessionAddresses()
    logged = [seen.is_denial_to_log("sess_1", f"192.0.2.{n % 200}") for n in range(1000)]
    assert logged.count(True) == MAX_DENIALS
    assert [seen.is_denial_to_log("sess_2", "a") for _ in range(3)] == [True, False, False]
