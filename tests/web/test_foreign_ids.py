"""Keys that were revoked, and ids of others at the doors that take no key: all as if nothing were there."""

import secrets
from datetime import UTC, datetime

import httpx
import pytest

from tests.support.seen_answer import seen
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from tests.web.doors import DOORS
from tests.web.test_access import send
from vault.telephony.signatures.standard_webhooks import sign

pytestmark = pytest.mark.faults

UNKNOWN_KEY = {"Authorization": "Bearer cv_" + "0" * 32 + "_" + "x" * 43}
#: Doors that ask for a key and are no account's.
KEYED = [
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/key_0"),
    ("GET", "/v1/rules"),
    ("GET", "/v1/rules/FR"),
]
SESSION = [
    (method, path)
    for path in ("", "/audio", "/audio.wav", "/download", "/waveform", "/state")
    for method in ("GET", "HEAD")
    if method == "GET" or path.startswith(("/audio", "/download"))
]


@pytest.fixture(scope="module")
def revoked(house: House, shared: tuple[Tenant, str]) -> dict[str, str]:
    """A key of an account, with every scope, that worked until it was revoked."""
    tenant, _ = shared
    header = house.key_for(tenant.name, "*")
    assert house.client(header).get(tenant.url()).status_code == 200
    made = "key_" + header["Authorization"].split("_")[1]
    assert house.admin.delete(f"/v1/keys/{made}").status_code == 204
    return header


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_a_revoked_key_opens_no_door_of_its_account(
    house: House, shared: tuple[Tenant, str], revoked: dict[str, str], door: tuple[str, str]
):
    """With it every door answers as to a key that never was, and nothing happens behind it."""
    tenant, recording = shared
    names = {"recording": recording, "link": tenant.link(recording)["id"]}
    before = house.admin.get(tenant.url(f"/recordings/{recording}")).content
    dead, unknown = (
        send(house.client(header), tenant.name, door, **names) for header in (revoked, UNKNOWN_KEY)
    )
    assert (dead.status_code, seen(dead)) == (401, seen(unknown))
    assert house.admin.get(tenant.url(f"/recordings/{recording}")).content == before


@pytest.mark.parametrize("door", KEYED, ids=" ".join)
def test_a_revoked_key_opens_no_other_door(house: House, revoked: dict[str, str], door: tuple[str, str]):
    """It lists, makes and revokes no keys, not even itself, and is told no rule."""
    body = {"json": {"name": "n", "scopes": ["ingest"]}} if door[0] == "POST" else {}
    dead, unknown = (house.client(header).request(*door, **body) for header in (revoked, UNKNOWN_KEY))
    assert (dead.status_code, seen(dead)) == (401, seen(unknown))


@pytest.mark.parametrize("door", SESSION, ids=" ".join)
def test_another_session_looks_like_none(house: House, shared: tuple[Tenant, str], door: tuple[str, str]):
    """With a cookie for one session another account's, a stranger's guess, and none at all are the same 404."""
    method, path = door
    others, recording = shared
    mine = Tenant.open(house.admin)
    browser = house.client()
    own = open_link(browser, mine.link(mine.uploaded(AUDIO), download=True)["url"]).headers["location"]
    secret = browser.cookies[own.removeprefix("/s/")]
    theirs = open_link(house.client(), others.link(recording, download=True)["url"]).headers["location"]
    nobody = "/s/sess_" + "0" * 32
    answers = [
        house.client().request(method, where + path, headers={"Cookie": cookie})
        for where in (theirs, nobody)
        for cookie in (
            f"{own.removeprefix('/s/')}={secret}",
            f"{where.removeprefix('/s/')}={secret}",
            f"{where.removeprefix('/s/')}=",
            "",
        )
    ]
    assert {seen(answer) for answer in answers} == {seen(answers[-1])}
    assert answers[-1].status_code == 404
    assert browser.request(method, own + path).status_code == 200


def test_what_is_no_token_opens_no_link(house: House, shared: tuple[Tenant, str]):
    """Ids that the vault shows are not what opens a link: each is as unknown as a guess, at every method."""
    tenant, recording = shared
    link = tenant.link(recording)
    session = open_link(house.client(), link["url"]).headers["location"].removeprefix("/s/")
    ids = [link["id"], session, recording, "x" * 43]
    stranger = house.client()
    for ask in (stranger.get, stranger.head, lambda url: open_link(stranger, url, nonce="n")):
        answers = [ask(f"/p/{one}") for one in ids]
        assert {seen(answer) for answer in answers} == {seen(answers[-1])}
        assert answers[-1].status_code == 404


@pytest.mark.parametrize("path", ["", "/call", "/heard", "/key"])
def test_another_accounts_connection_looks_like_none(
    house: House, stranger: httpx.Client, shared: tuple[Tenant, str], path: str
):
    """Signed with a secret of one's own, or sent to another platform's door: the same 401 as for nobody's."""
    theirs, _ = shared
    mine, body = Tenant.open(house.admin), b'{"type": "call.started", "data": {"call_ref": "foreign"}}'
    connection = theirs.webhook_url.rpartition("/")[2]

    def deliver(provider: str, name: str) -> httpx.Response:
        signed = sign(mine.secret, delivery_id=secrets.token_hex(8), sent_at=datetime.now(UTC), body=body)
        return stranger.post(f"/webhooks/{provider}/{name}{path}", content=body, headers=signed)

    for provider in ("platform", "twilio"):
        foreign, unknown = deliver(provider, connection), deliver(provider, "conn_" + "0" * 32)
        assert (foreign.status_code, seen(foreign)) == (401, seen(unknown))
    assert (deliver("platform", mine.webhook_url.rpartition("/")[2]).status_code == 200) == (path == "")
