"""Links that a customer's backend signs offline: what they open, what ends them, and what they cost."""

import base64
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_network
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant, moment, open_link
from tests.support.web_house import AUDIO, House
from vault.web.app import Hosting

pytestmark = pytest.mark.faults


@pytest.fixture
def recording(tenant: Tenant) -> str:
    """A recording that can be played."""
    return tenant.uploaded(AUDIO, call="call%201", ref="rec%201")


@pytest.fixture(autouse=True)
def own_address(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an address: dead links are counted by address, and a minute's may be used up by other tests."""
    address = str(IPv4Address("198.18.0.0") + secrets.randbelow(2**16))
    hosting = Hosting(public_url=house.url, trusted_proxies=(ip_network("127.0.0.0/8"),))
    client = house.client

    def client_at(headers: dict[str, str] | None = None) -> httpx.Client:
        return client({"X-Forwarded-For": address} | (headers or {}))

    monkeypatch.setattr(house.app.state, "hosting", hosting)
    monkeypatch.setattr(house, "client", client_at)


def opens(house: House, token: str, browser: httpx.Client | None = None) -> httpx.Response:
    """Open a link in a new browser."""
    return open_link(browser or house.client(), f"/p/{token}", nonce=secrets.token_hex(8))


@pytest.mark.parametrize("minter", [Minter(), Minter.es256()], ids=["Ed25519", "ES256"])
def test_a_link_signed_offline_plays(house: House, tenant: Tenant, recording: str, minter: Minter):
    """The page, the session, the audio; the log says who let the listener in, and proves it by the public key alone."""
    register(tenant, minter)
    token, browser = minter.token(recording, lsn="agent-7"), house.client()
    assert "nonce" in browser.get(f"/p/{token}").text
    opened = opens(house, token, browser)
    assert opened.status_code == 303, opened.text
    assert browser.get(f"{opened.headers['location']}/audio").content == AUDIO
    events = {event["type"]: event for event in tenant.events(recording)}
    made = events["link.created"]
    assert made["actor"] == minter.key_id
    assert (
        made["permission"]
        == events["playback.open"]["permission"]
        == hashlib.sha256(token.encode()).hexdigest()
    )
    assert made["detail"]["listener"] == "agent-7"
    assert "token" not in made["detail"]  # It still opens the link.
    key = tenant.http.get(tenant.url("/link-keys/crm")).json()
    assert load_pem_public_key(key["public_key"].encode()) == load_pem_public_key(minter.pem.encode())
    (link,) = tenant.http.get(tenant.url(f"/recordings/{recording}/links")).json()["items"]
    assert (link["listener"], link["created_by"]) == ("agent-7", minter.key_id)


def test_the_log_proves_who_let_the_listener_in(house: House, tenant: Tenant, recording: str):
    """Once it has expired, the log shows the token; by the public key alone it proves listener and time."""
    minter, now = register(tenant, Minter()), int(time.time())
    token = minter.token(recording, lsn="agent-7", exp=now + 5)
    assert opens(house, token).status_code == 303
    time.sleep(max(0.0, now + 5.1 - time.time()))
    (made,) = [one for one in tenant.events(recording) if one["type"] == "link.created"]
    proof = made["detail"]["token"]
    assert hashlib.sha256(proof.encode()).hexdigest() == made["permission"]
    assert json.loads(base64.b64decode(made["leaf"]))["permission"] == made["permission"]
    signed, _, signature = proof.rpartition(".")
    public: Any = load_pem_public_key(
        tenant.http.get(tenant.url("/link-keys/crm")).json()["public_key"].encode()
    )
    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
    assert json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))["lsn"] == "agent-7"
    history = tenant.http.get(tenant.url(f"/recordings/{recording}/history")).text
    assert "signed by the account" in history
    assert proof not in history


def test_the_platforms_references_open_it(house: House, tenant: Tenant, recording: str):
    """A customer's backend knows the call and the recording by the platform's names."""
    minter = register(tenant, Minter())
    assert opens(house, minter.token("", sub=None, ref="call%201/rec%201")).status_code == 303
    assert opens(house, minter.token("", sub=None, ref="call%201/rec-2")).status_code == 404
    assert opens(house, minter.token(recording)).status_code == 303


def test_a_scanner_uses_nothing_up(house: House, tenant: Tenant, recording: str):
    """GET a hundred times: no link, no session, no event; then it opens once."""
    minter = register(tenant, Minter())
    token, before = minter.token(recording, n=1), tenant.types()
    for _ in range(100):
        assert house.client().get(f"/p/{token}").status_code == 200
    assert tenant.types() == before
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/links")).json()["items"] == []
    assert [opens(house, token).status_code for _ in range(2)] == [303, 404]


def test_a_jti_is_one_link(house: House, tenant: Tenant, recording: str):
    """Another token with the same jti opens nothing, whatever it claims; the first one goes on."""
    minter, jti = register(tenant, Minter()), secrets.token_urlsafe(16)
    first = minter.token(recording, jti=jti, n=2)
    assert opens(house, first).status_code == 303
    assert opens(house, minter.token(recording, jti=jti, n=3)).status_code == 404
    assert opens(house, first).status_code == 303
    assert opens(house, first).status_code == 404


def test_walls_between_accounts_hold(house: House, tenant: Tenant, recording: str):
    """A key opens recordings of its own account alone; another's id or key is as unknown as a guess."""
    other = Tenant.open(house.admin)
    mine, theirs = register(tenant, Minter()), register(other, Minter())
    dead = [
        theirs.token(recording),
        Minter(private=theirs.private, key_id=mine.key_id, audience=mine.audience).token(recording),
        Minter(private=mine.private, key_id=theirs.key_id, audience=mine.audience).token(recording),
        mine.token("rec_" + "0" * 32),
        mine.token(recording, aud="https://test.example"),
        Minter(audience=mine.audience).token(recording),
    ]
    answers = [opens(house, token) for token in dead] + [house.client().get(f"/p/{token}") for token in dead]
    assert {(one.status_code, one.content) for one in answers} == {(404, answers[0].content)}
    assert other.http.get(other.url("/link-keys/crm")).json()["id"] == theirs.key_id
    stranger = house.client(house.key_for(other.name, "*"))
    assert stranger.get(tenant.url("/link-keys/crm")).status_code == 404
    assert stranger.post(tenant.url("/link-cuts"), json={}).status_code == 404


def test_a_deleted_key_ends_everything_it_signed(house: House, tenant: Tenant, recording: str):
    """Unused links immediately, open sessions at their next window; the name is free for another key."""
    minter, browser = register(tenant, Minter()), house.client()
    unused, opened = minter.token(recording), opens(house, minter.token(recording), browser)
    session = opened.headers["location"]
    assert browser.get(f"{session}/audio").status_code == 200
    assert tenant.http.delete(tenant.url("/link-keys/crm")).status_code == 204
    assert tenant.http.delete(tenant.url("/link-keys/crm")).status_code == 404
    assert opens(house, unused).status_code == 404
    assert browser.get(f"{session}/audio").status_code == 404
    assert browser.get(f"{session}/state").json()["state"] == "revoked"
    again = register(tenant, Minter(private=minter.private))
    assert again.key_id != minter.key_id
    assert opens(house, unused).status_code == 404
    assert opens(house, again.token(recording)).status_code == 303


@pytest.mark.parametrize("target", ["key", "recording", "listener", "jti", None])
def test_a_cut_refuses_what_was_minted_before(
    house: House, tenant: Tenant, recording: str, target: str | None
):
    """T - 1 fails and its session ends, T + 1 opens; what the cut does not name goes on."""
    minter, other = register(tenant, Minter()), register(tenant, Minter(), "other")
    now, browser = int(time.time()), house.client()
    kept = other.token(tenant.uploaded(AUDIO, ref="rec-2"), lsn="someone else", iat=now - 5)
    same = {"lsn": "Agent 7", "jti": secrets.token_urlsafe(16)}
    session = opens(house, minter.token(recording, **same, iat=now - 9), browser).headers["location"]
    early = [minter.token(recording, lsn="agent 7", iat=now - 5) for _ in range(2)]
    value = {"key": "crm", "recording": recording, "listener": "agent 7", "jti": same["jti"]}
    body: dict[str, Any] = {target: value[target]} if target else {}
    cut = tenant.http.post(
        tenant.url("/link-cuts"), json=body | {"minted_before": moment(datetime.fromtimestamp(now - 4, UTC))}
    )
    assert cut.status_code == 201, cut.text
    assert browser.get(f"{session}/audio").status_code == 404
    expected = 303 if target == "jti" else 404
    assert [opens(house, token).status_code for token in early] == [expected] * 2
    assert opens(house, minter.token(recording, lsn="agent 7", iat=now - 3)).status_code == 303
    assert opens(house, kept).status_code == (404 if target is None else 303)
    (listed,) = tenant.http.get(tenant.url("/link-cuts")).json()["items"]
    assert {name: listed.get(name) for name in value} == dict.fromkeys(value) | body


def test_recordings_that_cannot_be_played_stay_closed(house: House, tenant: Tenant, recording: str):
    """Restricted or erased: the one 404, also for a link that was open before."""
    minter = register(tenant, Minter())
    token = minter.token(recording)
    assert opens(house, token).status_code == 303
    assert tenant.http.put(tenant.url(f"/recordings/{recording}/restriction"), json={}).status_code in {
        200,
        204,
    }
    assert opens(house, token).status_code == 404
    assert opens(house, minter.token(recording)).status_code == 404
    tenant.http.delete(tenant.url(f"/recordings/{recording}/restriction"))
    assert opens(house, token).status_code == 404
    # Whose clock is a minute ahead has signed it before the restriction; the vault's own clock is sure.
    assert opens(house, minter.token(recording)).status_code == 404
    assert open_link(house.client(), tenant.link(recording)["url"]).status_code == 303
    tenant.http.delete(tenant.url(f"/recordings/{recording}"))
    assert opens(house, minter.token(recording)).status_code == 404


def test_a_media_link_serves_one_player(house: House, tenant: Tenant, recording: str):
    """GET opens its only session; HEAD opens none; a key that does not allow it refuses."""
    minter = register(tenant, Minter(), kinds=["player", "media"])
    token = minter.token(recording, knd="media")
    assert house.client().head(f"/p/{token}").status_code == 200
    assert [house.client().get(f"/p/{token}").content for _ in range(2)] == [AUDIO, AUDIO]
    assert tenant.types(recording).count("playback.open") == 1
    narrow = register(tenant, Minter(), "narrow")
    assert house.client().get(f"/p/{narrow.token(recording, knd='media')}").status_code == 404


def test_networks_bind_the_link(house: House, tenant: Tenant, recording: str):
    """A link opens only from its networks, and from those of its key where it names none."""
    minter = register(tenant, Minter(), networks=["203.0.113.0/24"])
    away = register(tenant, Minter(), "away", networks=["192.0.2.0/24"])
    inside = minter.token(recording, net=["203.0.113.9/32"])
    outside = [minter.token(recording, net=[net]) for net in ("203.0.113.10/32", "0.0.0.0/0")]
    browsers = [house.client({"X-Forwarded-For": "203.0.113.9"}) for _ in range(4)]
    answers = [
        opens(house, *one) for one in zip([inside, *outside, away.token(recording)], browsers, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [303, 404, 404, 404]


def test_a_page_reload_goes_on(house: House, tenant: Tenant, recording: str):
    """The browser that holds the session is offered it, and needs no second one."""
    minter, browser = register(tenant, Minter()), house.client()
    token = minter.token(recording, n=1)
    session = opens(house, token, browser).headers["location"]
    assert session in browser.get(f"/p/{token}").text
    assert opens(house, token, browser).headers["location"] == session


def test_limits_that_were_narrowed_bind_links_minted_before(house: House, tenant: Tenant, recording: str):
    """They are read when the link is opened, not when the key was first seen."""
    minter = register(tenant, Minter())
    token = minter.token(recording)
    assert house.client().get(f"/p/{token}").status_code == 200
    register(tenant, minter, max_life=60)
    assert opens(house, token).status_code == 404
    register(tenant, minter, not_after=moment(datetime.fromtimestamp(time.time() - 1, UTC)))
    assert opens(house, minter.token(recording, exp=int(time.time()) + 30)).status_code == 404


def test_a_cut_does_not_reach_into_the_future(tenant: Tenant, recording: str):
    """It would refuse links that are minted later; two targets, and unknown ones, are refused too."""
    later = moment(datetime.fromtimestamp(time.time() + 3600, UTC))
    for body, status in (
        ({"minted_before": later}, {400, 422}), ({"key": "crm"}, {404}), ({"recording": "rec_0"}, {404}),
        ({"recording": recording, "jti": "j" * 16}, {400, 422}), ({"jti": "j"}, {400, 422}),
    ):  # fmt: skip
        answer = tenant.http.post(tenant.url("/link-cuts"), json=body)
        assert answer.status_code in status, (json.dumps(body), answer.text)
    assert tenant.http.get(tenant.url("/link-cuts")).json()["items"] == []


def test_too_many_wrong_tokens_are_429(house: House, tenant: Tenant, recording: str):
    """The address waits after sixty, whatever is wrong with them; memory and answers stay the same."""
    minter = register(tenant, Minter())
    good = minter.token(recording)
    browser = house.client({"X-Forwarded-For": "192.0.2.77"})
    answers = [browser.get(f"/p/{good[:-4]}{number:04}") for number in range(70)]
    assert {answer.status_code for answer in answers[:60]} == {404}
    assert {answer.status_code for answer in answers[60:]} == {429}
    assert browser.get(f"/p/{good}").status_code == 429
    assert house.client({"X-Forwarded-For": "192.0.2.78"}).get(f"/p/{good}").status_code == 200
    long = house.client({"X-Forwarded-For": "192.0.2.79"}).get(f"/p/{'x' * 1025}")
    assert long.status_code in {404, 422}
    assert "x" * 30 not in long.text
