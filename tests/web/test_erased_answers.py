"""Stored answers to requests with an Idempotency-Key are erased together with what they show."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import select

from tests.support.fast_yaml import committed_contract
from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House, open_house
from vault.database.schema.accounts import kept_answers

NUMBER: Final = "+15125550177"
TEXT: Final = "a secret note about Jane"
#: Of the account as a whole: they show nothing that the erasure of a recording or call ends.
OF_THE_ACCOUNT: Final = {
    "/v1/keys",
    "/v1/accounts/{account}/notices",
    "/v1/accounts/{account}/notices/{notice}/publish",
    "/v1/accounts/{account}/notices/{notice}/retire",
    "/v1/accounts/{account}/link-cuts",
    "/v1/accounts/{account}/holds",
    "/v1/accounts/{account}/recipients",
    "/v1/accounts/{account}/authority-requests",
    "/v1/accounts/{account}/key-rotation",
}
BODIES: Final[dict[str, dict[str, Any]]] = {
    "/v1/accounts/{account}/recordings/{recording}/notes": {"at": 0.2, "text": TEXT},
    "/v1/accounts/{account}/recordings/{recording}/links": {"listener": "Robin"},
    "/v1/accounts/{account}/recordings/{recording}/redactions": {
        "ranges": [{"from": 0, "to": 0.2}],
        "reason": TEXT,
    },
    "/v1/accounts/{account}/recordings/{recording}/retry": {},
    "/v1/accounts/{account}/calls/{call_ref}/pauses": {},
    "/v1/accounts/{account}/calls/{call_ref}/consent": {"party": "caller", "event": "announced"},
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def either_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The app on each database."""
    more = {}
    if request.param == "postgresql":
        more["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    with open_house(tmp_path, **more) as house:
        yield house


def stored(house: House) -> int:
    """Return how many answers are stored."""
    rows = house.call(house.vault.accounts.idempotency.database.read, lambda tx: _answers(tx.connection))
    return int(rows)


def _answers(connection: Any) -> int:
    return len(connection.execute(select(kept_answers.c.key_id)).all())


def test_every_post_that_is_stored_is_tried():
    """Those about a recording or a call below; a new one stands in one of the two lists."""
    paths = committed_contract()["paths"]
    posts = {
        path
        for path, operations in paths.items()
        for one in operations.get("post", {}).get("parameters", [])
        if one.get("name") == "Idempotency-Key"
    }
    assert posts == OF_THE_ACCOUNT | set(BODIES)
    assert not any(name in path for path in OF_THE_ACCOUNT for name in ("{recording}", "{call_ref}"))


def _asked(tenant: Tenant, path: str, names: dict[str, str], key: str) -> httpx.Response:
    body = dict(BODIES[path])
    if path.endswith("/consent"):
        body |= {"method": "announcement", "at": moment(datetime(2026, 1, 1, tzinfo=UTC))}
    path = path.format(account=tenant.name, **names)
    return tenant.http.post(path, json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("path", BODIES)
def test_a_stored_answer_is_erased_with_what_it_shows(either_house: House, path: str):
    """With the recording or the call: its bytes are gone, and the same request again shows nothing of it."""
    house, key = either_house, secrets.token_hex(8)
    tenant = Tenant.open(house.admin)
    if path.endswith("/retry"):
        announced = tenant.announce("https://nowhere.invalid/x.wav", **{"from": NUMBER}, agent="Kim")
        recording = announced.json()["recording"]
        tenant.wait(recording, "retry_wait")
    else:
        recording = tenant.uploaded(tone())
    names = {"recording": recording, "call_ref": "call-1"}
    first = _asked(tenant, path, names, key)
    assert first.status_code in {200, 201, 202}, first.text
    if path.endswith("/retry"):
        assert NUMBER in first.text
    assert _asked(tenant, path, names, key).content == first.content
    assert stored(house) == 1
    assert tenant.http.delete(tenant.url("/calls/call-1")).status_code == 202
    tenant.wait(recording, "erased")
    assert stored(house) == 0
    again = _asked(tenant, path, names, key)
    assert again.content != first.content
    assert not any(said in again.text for said in (NUMBER, "Kim", TEXT))


def test_an_answer_about_a_recording_goes_when_the_erasure_is_answered(either_house: House):
    """In its transaction; that of another recording stays, and one without an erasure."""
    house, tenant = either_house, Tenant.open(either_house.admin)
    path = "/v1/accounts/{account}/recordings/{recording}/notes"
    first = tenant.uploaded(tone())
    second = tenant.uploaded(tone(1.5), ref="rec-2")
    for recording in (first, second):
        _asked(tenant, path, {"recording": recording}, "one" + recording)
    assert stored(house) == 2
    assert tenant.http.delete(tenant.url(f"/recordings/{first}")).status_code in {200, 202, 204}
    assert stored(house) == 1
    assert _asked(tenant, path, {"recording": second}, "one" + second).status_code == 201
