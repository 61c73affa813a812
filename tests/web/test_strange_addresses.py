"""Paths and queries as an attacker writes them: a 4xx each time, and the server goes on."""

import base64
import socket
from itertools import product

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.errors import Invalid
from vault.web.http.pagination import read_cursor, write_cursor

pytestmark = pytest.mark.faults

#: The app's own thread uses ``random`` while hypothesis draws, and hypothesis blames the strategy.
BESIDE_THE_APP = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
SEGMENTS = [
    "%00",
    "a%00b",
    "%0d%0aSet-Cookie:%20x=1",
    "%0a",
    "%ff%fe",
    "%c0%af",
    "%ed%a0%80",
    "..%2f..%2fetc",
    "%2e%2e",
    "a" * 4000,
    "%F0%9F%98%80",
    "%e2%80%ae",
    "'%20OR%201=1--",
    "%25s%25n",
    "%",
    "%zz",
    "{x}",
    "$%7Bjndi%7D",
    "+1%20415",
    "-1",
    "%20",
]
PATHS = [
    "/v1/accounts/{s}",
    "/v1/accounts/{a}/recordings/{s}",
    "/v1/accounts/{a}/recordings/{s}/audio",
    "/v1/accounts/{a}/recordings/{r}/links/{s}",
    "/v1/keys/{s}",
    "/v1/rules/{s}",
    "/v1/accounts/{a}/notices/{s}",
    "/notices/{s}/prompt.wav",
    "/p/{s}",
    "/s/{s}",
    "/s/{s}/audio",
    "/s/{s}/audio.{s}",
    "/s/{s}/state",
    "/static/{s}",
    "/webhooks/{s}/{s}",
    "/webhooks/platform/{s}",
    "/{s}",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_strange_segment_is_no_500(house: House, shared: tuple[Tenant, str], path: str):
    """Every segment in every place, by every method: below 500, and no header is smuggled in."""
    tenant, recording = shared
    for segment, method in product(SEGMENTS, ("GET", "DELETE", "POST")):
        filled = path.format(s=segment, a=tenant.name, r=recording)
        answer = house.admin.request(method, filled)
        assert 400 <= answer.status_code < 500, (method, filled, answer.text)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["call", "ref"])
def test_a_strange_name_in_an_upload_is_no_500(house: House, tenant: Tenant, name: str):
    """Names of calls and recordings are the platform's: printable ones are taken, others are 422."""
    for segment in SEGMENTS:
        answer = tenant.put(b"x", **{name: segment})
        assert answer.status_code in (201, 200, 400, 404, 405, 409, 422), (segment, answer.text)
    for control in ("%00", "%0a", "a%0d%0ab", "a" * 201):
        assert tenant.put(b"x", **{name: control}).status_code in (400, 422)


QUERIES = [
    *product(
        ("number", "call", "agent", "state", "from", "to", "cursor", "limit"),
        (
            "%00",
            "%0d%0a",
            "%ff",
            "a" * 5000,
            "%ed%a0%80",
            "'--",
            "-1",
            "9" * 40,
            "NaN",
            "",
            "0001-01-01T00:00:00%2B14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-01-01",
            "1e308",
            "[]",
        ),
    ),
]


@pytest.mark.parametrize("where", ["/recordings", "/access-events"])
def test_a_strange_query_is_no_500(house: House, shared: tuple[Tenant, str], where: str):
    """Filters, cursors and limits of every wrong kind: 200, 400 or 422."""
    tenant, _ = shared
    for name, value in QUERIES:
        answer = house.admin.get(f"{tenant.url(where)}?{name}={value}")
        assert answer.status_code in (200, 400, 422), (name, value, answer.text)


def cursor(text: bytes) -> str:
    """Write a cursor by hand."""
    return base64.urlsafe_b64encode(text).decode()


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "====",
        "\u00e4",
        cursor(b""),
        cursor(b"now rec_1"),
        cursor(b"2026-01-01T00:00:00 rec_1"),
        cursor(b"\xff"),
        cursor(b"2026-01-01T00:00:00+00:00"),
        cursor(b"2026-01-01T00:00:00+00:00 a b"),
    ],
)
def test_a_forged_cursor_is_422(house: House, shared: tuple[Tenant, str], forged: str):
    """What no list gave out names the field, and changes nothing."""
    answer = house.admin.get(shared[0].url("/recordings"), params={"cursor": forged})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"])
def test_a_cursor_at_the_end_of_time_is_no_500(house: House, shared: tuple[Tenant, str], moment: str):
    """A forged cursor may name a moment that UTC does not have."""
    forged = cursor(f"{moment} rec_1".encode())
    answer = house.admin.get(shared[0].url("/recordings"), params={"cursor": forged})
    assert answer.status_code in (200, 422)


@BESIDE_THE_APP
@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(cursor)))
def test_a_cursor_is_read_or_refused(text: str):
    """Whatever stands there: a moment and an id, or Invalid."""
    try:
        moment, recording_id = read_cursor(text)
    except Invalid:
        return
    assert moment.tzinfo is not None
    assert read_cursor(write_cursor(moment, recording_id)) == (moment, recording_id)


RAW = [
    b"GET / HTTP/9.9\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /v1/accounts/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /p/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
]


@pytest.mark.parametrize("request_bytes", RAW, ids=range(len(RAW)))
def test_what_is_hardly_http_ends_its_connection_alone(
    house: House, stranger: httpx.Client, request_bytes: bytes
):
    """Broken requests are answered with a 4xx or closed; the next client is served."""
    with socket.create_connection(("127.0.0.1", int(house.url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(request_bytes)
        raw.shutdown(socket.SHUT_WR)
        try:
            first = raw.recv(64)
        except ConnectionError:
            first = b""
    assert not first.startswith(b"HTTP/1.1 5")
    assert stranger.get("/healthz").status_code == 200
