"""Bodies that are too large, too strange, or meant for another door.

True and false are what JSON writes as such: nothing else is taken as one of them.
"""

import json
import socket
from collections.abc import Iterator
from typing import get_args

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tests.support.tenant import Tenant, tone
from tests.support.web_house import House
from vault.web.middleware.request_limits import MAX_BODY
from vault.web.schemas.base import Body

CALL = {"direction": "inbound", "from": "+1", "to": "+2", "started_at": "2026-01-01T00:00:00Z"}

CONSENT = {"party": "caller", "event": "announced", "method": "announcement"}
ALMOST = ["no", "yes", "false", "true", "0", "", 0, 1, 0.0]


def chunks(size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes without saying how many there will be."""
    for _ in range(0, size, 8192):
        yield b" " * 8192


DOORS = [
    ("POST", "/webhooks/platform/conn_1"),
    ("PUT", "/v1/accounts/a"),
    ("PUT", "/v1/accounts/a/recording-switch"),
    ("PUT", "/v1/accounts/a/calls/c"),
    # An account may be called ``recordings``, and a call too.
    ("PUT", "/v1/accounts/recordings/calls/c"),
    ("PUT", "/v1/accounts/recordings/calls/calls"),
    ("POST", "/v1/keys"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("method", "path"), DOORS)
def test_a_body_over_the_limit_is_413(stranger: httpx.Client, method: str, path: str):
    """Declared or not, with a key or without: 413."""
    for content in (b" " * (MAX_BODY + 1), chunks(4 * MAX_BODY)):
        answer = stranger.request(method, path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413, (method, path, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.faults
def test_the_form_of_a_link_is_limited_too(stranger: httpx.Client, tenant: Tenant):
    """Declared or not, 413; of a forged link a body that does not say its length is not read, 404."""
    path = httpx.URL(tenant.link(tenant.uploaded(tone(1.0)))["url"]).path
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    for link, undeclared in ((path, 413), (forged, 404)):
        answers = [
            stranger.post(f"{link}/open", content=content).status_code
            for content in (b" " * (MAX_BODY + 1), chunks(4 * MAX_BODY))
        ]
        assert answers == [413, undeclared]


@pytest.mark.faults
def test_a_declared_body_is_refused_before_it_comes(house: House):
    """The head alone is answered: nothing of the body was waited for, let alone kept."""
    for path, length in (("POST /v1/keys", 10**7), ("PUT /v1/accounts/a/calls/c/recordings/r", 3 * 2**30)):
        with socket.create_connection(("127.0.0.1", int(house.url.rpartition(":")[2])), timeout=10) as raw:
            raw.sendall(
                f"{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.key}\r\nContent-Length: {length}\r\n"
                "Content-Type: application/json\r\n\r\n".encode()
            )
            expected = b"HTTP/1.1 413 " if "keys" in path else b"HTTP/1.1 404 "
            assert raw.recv(64).startswith(expected)


@pytest.mark.faults
def test_a_recording_over_the_limit_is_413(house: House, tenant: Tenant):
    """A declared length above 2 GiB is refused before a row is made."""
    path = tenant.url("/calls/c/recordings/r")
    with socket.create_connection(("127.0.0.1", int(house.url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.key}\r\n"
            f"Content-Length: {2 * 2**30 + 1}\r\n\r\n".encode()
        )
        assert raw.recv(64).startswith(b"HTTP/1.1 413 ")
    assert house.admin.get(tenant.url("/recordings")).json()["items"] == []


@pytest.mark.faults
@pytest.mark.parametrize(
    ("door", "body", "field"),
    [
        ("PUT ", {"name": "n", "colour": "red"}, "colour"),
        ("PUT ", {"name": ""}, "name"),
        ("PUT ", {"name": "a\u0000b"}, "name"),
        ("PUT ", {"name": "a" * 201}, "name"),
        ("PUT ", {"locale": "not a locale"}, "locale"),
        ("PUT /recording-switch", {"enabled": "maybe"}, "enabled"),
        ("PUT /recording-switch", {}, "enabled"),
        ("PUT /recording-switch", {"enabled": True, "force": True}, "force"),
        ("PUT /connections/main", {"provider": "platform", "credentials": {}}, "secret"),
        ("PUT /connections/main", {"provider": "platform", "credentials": {"secret": "x"}}, "secret"),
        ("PUT /connections/main", {"provider": "nobody", "credentials": {}}, "provider"),
        ("PUT /connections/MAIN!", {"provider": "platform", "credentials": {}}, "name"),
        ("PUT /calls/c", CALL | {"started_at": "yesterday"}, "started_at"),
        ("PUT /calls/c", CALL | {"started_at": "2026-01-01T00:00:00"}, "started_at"),
        ("PUT /calls/c", CALL | {"started_at": "0001-01-01T00:00:00+14:00"}, "started_at"),
        ("PUT /calls/c", CALL | {"ended_at": "9999-12-31T23:59:59-14:00"}, "ended_at"),
        ("PUT /calls/c", CALL | {"started_at": "0001-01-01T00:00:00Z"}, "started_at"),
        ("PUT /calls/c", CALL | {"started_at": "1970-01-01T00:00:00Z"}, "started_at"),
        ("PUT /calls/c", CALL | {"ended_at": "9999-12-31T23:59:59Z"}, "ended_at"),
        ("POST /calls/c/consent", CONSENT | {"at": "0001-01-01T00:00:00Z"}, "at"),
        ("PUT /calls/c", CALL | {"direction": "up"}, "direction"),
        ("PUT /calls/c", CALL | {"more": 1}, "more"),
        ("POST /recordings/{recording}/links", {}, "listener"),
        ("POST /recordings/{recording}/links", {"listener": "k", "expires_in": 0}, "expires_in"),
        ("POST /recordings/{recording}/links", {"listener": "k", "expires_in": 86401}, "expires_in"),
        ("POST /recordings/{recording}/links", {"listener": "k", "sessions": 0}, "sessions"),
        ("POST /recordings/{recording}/links", {"listener": "k", "sessions": 10**30}, "sessions"),
        ("POST /recordings/{recording}/links", {"listener": "k", "networks": ["all"]}, "networks"),
        ("POST /recordings/{recording}/links", {"listener": "k", "networks": ["10.0.0.1/8"]}, "networks"),
        ("POST /recordings/{recording}/links", {"listener": "k", "kind": "tape"}, "kind"),
        (
            "POST /recordings/{recording}/links",
            {"listener": "k", "kind": "media", "sessions": 2},
            "sessions",
        ),
    ],
)
def test_a_wrong_field_is_422_and_named(
    house: House, shared: tuple[Tenant, str], door: str, body: object, field: str
):
    """Unknown fields and impossible values: 422 with the field's name, and nothing of what was sent."""
    tenant, recording = shared
    method, path = door.split(" ")
    answer = house.admin.request(method, tenant.url(path.format(recording=recording)), json=body)
    assert answer.status_code == 422, answer.text
    said = answer.json()
    named = said.get("field") or ",".join(one["field"] for one in said["errors"])
    assert field in named
    assert "yesterday" not in answer.text


@pytest.mark.faults
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b"[" * 5000,
        b'{"name": NaN}',
        b'{"name":' + b'{"a":' * 3000 + b"}" * 3001,
        json.dumps({"name": {"x": 1}}).encode(),
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=range(13),
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_a_body_that_is_no_object_is_422(house: House, shared: tuple[Tenant, str], body: bytes, kind: str):
    """Malformed JSON is never a 500; with another type it is not read as JSON, and the answer says so."""
    tenant, _ = shared
    answer = house.admin.put(tenant.url(), content=body, headers={"content-type": kind})
    assert answer.status_code in ({400, 422} if kind == "application/json" or not body else {415}), (
        answer.text
    )
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/accounts/a/", 404),
        ("GET", "/docs", 404),
        ("GET", "/static/../problems.py", 404),
        ("GET", "/static/base.html", 404),
        ("GET", "/.env", 404),
        ("POST", "/v1/accounts/a", 405),
        ("DELETE", "/p/x", 405),
        ("GET", "/p/x/open", 405),
        ("TRACE", "/healthz", 405),
        ("OPTIONS", "/v1/keys", 405),
        ("DELETE", "/webhooks/platform/x", 405),
        ("PATCH", "/v1/keys/k", 405),
    ],
)
def test_other_doors_are_problems(stranger: httpx.Client, method: str, path: str, status: int):
    """Unknown paths are 404 and unknown methods 405, as problem documents with the guard's headers."""
    answer = stranger.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


@pytest.mark.faults
def test_a_form_with_too_many_fields_is_422(house: House, stranger: httpx.Client, shared: tuple[Tenant, str]):
    """The form has one field; a flood of them is not a 500 and opens nothing."""
    tenant, recording = shared
    url = tenant.link(recording)["url"]
    answer = stranger.post(f"{url}/open", content="&".join(f"f{n}=1" for n in range(500)))
    assert answer.status_code == 422
    assert stranger.post(f"{url}/open", content=b"\xff\x00%ff=%00&nonce=%ff").status_code == 303


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    """Yield every model of a JSON body; a query string has no booleans of its own, so its models may guess."""
    for one in kind.__subclasses__():
        if not one.__name__.endswith("Query"):
            yield one
        yield from bodies(one)


def is_flag(field: FieldInfo) -> bool:
    """Say whether a field takes true and false."""
    return "bool" in str(field.annotation) or bool in get_args(field.annotation)


def flags() -> dict[str, FieldInfo]:
    """Return every such field of a body, by its full name."""
    found = {}
    for body in bodies():
        found |= {f"{body.__name__}.{name}": one for name, one in body.model_fields.items() if is_flag(one)}
    return found


def test_no_word_and_no_number_is_a_flag(house: House):
    """Each is refused by each field of each body."""
    found = flags()
    assert {"SwitchIn.enabled", "ConnectionIn.delete_refused", "LinkIn.download"} <= found.keys()
    taken = []
    for name, field in found.items():
        adapter = TypeAdapter(field.rebuild_annotation())
        assert adapter.validate_python(True) is True
        for value in ALMOST:
            try:
                adapter.validate_python(value)
            except ValidationError:
                continue
            taken.append((name, value))
    assert taken == []


@pytest.mark.parametrize("word", ALMOST)
def test_a_word_does_not_move_the_switch(tenant: Tenant, word: object):
    """It is 422 with the field named, and the switch stands as it did."""
    answer = tenant.http.put(tenant.url("/recording-switch"), json={"enabled": word})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "enabled"
    assert tenant.http.get(tenant.url("/recording-switch")).json()["enabled"] is True
