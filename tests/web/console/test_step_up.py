"""Where the account wants it, a weighty act asks whoever does it to confirm, at most 15 minutes before."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import update

from tests.support.console import OWN, sign_in
from tests.support.provider_scene import Scene
from tests.support.scim_client import CONNECTION
from tests.support.software_authenticator import SoftwareAuthenticator
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from tests.web.console.test_approval_pages import ask_to_decide, enter
from vault.database.schema.accounts import console_sessions
from vault.domain.base64url import decode_base64url

ASKED: Final = "Confirm first that it is you"
#: The path of a form below the account's, and what is sent.
Sent = tuple[str, Mapping[str, str]]


@dataclass
class Ada:
    """An invited person at the console, with a device."""

    house: House
    tenant: Tenant
    http: httpx.Client
    device: SoftwareAuthenticator
    nonces: int = 0

    @classmethod
    def of(cls, house: House, tenant: Tenant) -> "Ada":
        """Invite somebody with every role, who makes a passkey."""
        body = {"name": "Ada", "roles": ["admin", "privacy"]}
        made = operator(house).post(tenant.url("/members"), json=body)
        assert made.status_code == 201, made.text
        path = "/console" + made.json()["invitation"]["address"].partition("/console")[2]
        device = SoftwareAuthenticator(origin=house.vault.sign_in.passkeys.proofs.site.origin)
        ada = cls(house, tenant, house.client(OWN), device)
        answer = device.make(ada.challenge(f"{path}/options"))
        assert ada.http.post(path, data={"answer": answer}).status_code == 303
        return ada

    def challenge(self, path: str) -> bytes:
        """Return what a page asks for."""
        return decode_base64url(self.http.post(path).json()["challenge"])

    def proof(self) -> str:
        """Return an answer that confirms who it is."""
        return self.device.use(self.challenge("/console/passkeys/verification/options"))

    def confirm(self, answer: str) -> int:
        """Send an answer; return the status."""
        return self.http.post("/console/verification", data={"answer": answer}).status_code

    def send(self, sent: Sent) -> httpx.Response:
        """Send a form."""
        self.nonces += 1
        path, data = sent
        nonce = {"nonce": f"n{self.nonces}"}
        return self.http.post(f"/console/accounts/{self.tenant.name}{path}", data={**data, **nonce})


def operator(house: House) -> httpx.Client:
    """Return a client with a key that the operator made: who invites somebody is not another person."""
    issue = house.vault.accounts.api_keys.issue
    _, key = house.call(issue, name="k", scopes=["*"], account_id=None, actor="operator")
    return house.client({"Authorization": f"Bearer {key.text}"})


def verified(house: House, minutes: int) -> None:
    """Let everybody have confirmed so many minutes ago."""
    at = update(console_sessions).values(verified_at=datetime.now(UTC) - timedelta(minutes=minutes))
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(at) and None)


def require(tenant: Tenant) -> None:
    """Switch it on."""
    answer = tenant.http.put(tenant.url("/step-up"), json={"required": True})
    assert (answer.status_code, answer.json()["required"]) == (200, True)


def make_key(_: Tenant) -> Sent:
    """Create an API key."""
    return "/access/keys", {"title": "k", "scopes": "audit:read"}


def provision(tenant: Tenant) -> Sent:
    """Let a directory tell who signs in."""
    assert tenant.http.put(tenant.url("/sign-in-connections/main"), json=CONNECTION).is_success
    return "/access/provisioning", {"connection": "main", "roles_from": "claim", "revokes_links": "yes"}


def make_token(tenant: Tenant) -> Sent:
    """Make a token of a directory."""
    provision(tenant)
    assert tenant.http.put(tenant.url("/provisioning"), json={"connection": "main"}).is_success
    return "/access/provisioning/tokens", {}


def switch_off(tenant: Tenant) -> Sent:
    """Switch recording off."""
    return "/recording-switch", {"enabled": "", "reason": "a test", "name": tenant.name}


def lift(_: Tenant) -> Sent:
    """Ask nobody any more."""
    return "/access/step-up", {}


def approve(tenant: Tenant) -> Sent:
    """Approve what a key asked for."""
    asked = ask_to_decide(tenant).json()
    said = {"decision": "approve", "digest": asked["digest"], "name": tenant.name}
    return f"/approvals/{asked['id']}", said


def decide(tenant: Tenant) -> Sent:
    """Decide on the request of a person."""
    request = enter(tenant, verified=True)
    return f"/requests/{request}/decision", {"decision": '{"code": "erased"}', "name": tenant.name}


def listen(tenant: Tenant) -> Sent:
    """Hear a recording as one in quarantine is heard."""
    return f"/recordings/{tenant.uploaded(AUDIO)}/listening", {"purpose": "consent_check"}


def share(tenant: Tenant) -> Sent:
    """Let somebody else hear a restricted recording."""
    said = {"listener": "Kim", "expires_in": "900", "sessions": "1", "purpose": "legal_claims"}
    return f"/recordings/{restricted(tenant)}/links", {**said, "purpose_text": "a claim"}


def restricted(tenant: Tenant) -> str:
    """Upload a recording, and restrict it."""
    recording = tenant.uploaded(AUDIO)
    path = tenant.url(f"/recordings/{recording}/restriction")
    assert tenant.http.put(path, json={"reason": "disputed"}).is_success
    return recording


@pytest.mark.parametrize(
    "act", [make_key, provision, make_token, switch_off, lift, approve, decide, listen, share]
)
def test_a_weighty_act_asks_for_a_fresh_verification(
    house: House, tenant: Tenant, act: Callable[[Tenant], Sent]
):
    """16 minutes are too long: nothing is done until the person confirms. Without the setting, nobody is asked."""
    ada, sent = Ada.of(house, tenant), act(tenant)
    require(tenant)
    verified(house, 16)
    before = Counter(tenant.types())
    asked = ada.send(sent)
    assert (asked.status_code, ASKED in asked.text) == (409, True), asked.text
    assert 'href="/console/verification"' in asked.text
    # The form is shown again, and the page of a recording reads its details.
    assert set(Counter(tenant.types()) - before) <= {"details.read"}
    assert ada.confirm(ada.proof()) == 303
    assert "Confirmed" in ada.http.get("/console/verification").text
    done = ada.send(sent)
    assert (done.status_code in {200, 303}, ASKED in done.text) == (True, False), done.text


def test_without_the_setting_nobody_is_asked(house: House, tenant: Tenant):
    """It is off until somebody sets it; and with it, a key that signed in to the console is no person."""
    ada = Ada.of(house, tenant)
    verified(house, 16)
    assert ada.send(make_key(tenant)).status_code == 200
    require(tenant)
    key = sign_in(house, tenant.name)
    sent = {"nonce": "k", "title": "k", "scopes": "audit:read"}
    made = key.post(f"/console/accounts/{tenant.name}/access/keys", data=sent)
    assert (made.status_code, ASKED in made.text) == (200, False)
    assert key.get("/console/verification").status_code == 404
    verified(house, 14)
    assert ada.send(make_key(tenant)).status_code == 200


def test_only_an_answer_for_this_confirms(house: House, tenant: Tenant):
    """Not one for another purpose, nor twice, nor of another person or session."""
    ada, other = Ada.of(house, tenant), Ada.of(house, tenant)
    require(tenant)
    used = ada.proof()
    assert ada.confirm(used) == 303
    verified(house, 16)
    for wrong in (
        used,
        ada.device.use(ada.challenge("/console/passkeys/options")),
        ada.device.use(ada.challenge("/console/passkey/options")),
        ada.device.use(other.challenge("/console/passkeys/verification/options")),
        other.device.use(ada.challenge("/console/passkeys/verification/options")),
        other.proof(),
        "{}",
    ):
        assert ada.confirm(wrong) == 401
    assert ada.send(make_key(tenant)).status_code == 409


def test_a_person_of_a_provider_confirms_there(scene: Scene):
    """The provider is told to ask again, and counts only if it says that it did, and when."""
    scene.provider.claims = {"groups": ["boss"], "name": "Ada"}
    require(scene.tenant)
    path, sent = f"{scene.home}/access/keys", {"title": "k", "scopes": "audit:read"}
    now = datetime.now(UTC).timestamp()
    for number, (said, status) in enumerate(
        (
            ({}, 409),
            ({"auth_time": int(now) - 16 * 60}, 409),
            ({"auth_time": int(now) + 3600}, 409),
            ({"auth_time": str(int(now))}, 409),
            ({"auth_time": True}, 409),
            ({"auth_time": int(now)}, 200),
        )
    ):
        scene.provider.claims = {"groups": ["boss"], "name": "Ada", **said}
        browser = scene.browser()
        went = browser.get(scene.connection["sign_in_url"], params={"fresh": "1"}).headers["location"]
        assert "max_age=0" in went
        scene.sign_in(browser, fresh="1", next="/console/verification?asked=1")
        answer = browser.post(path, data=sent | {"nonce": f"n{number}"})
        assert answer.status_code == status, (said, answer.text)
        shown = browser.get("/console/verification?asked=1").text
        assert ("did not say that it asked you" in shown) == (status != 200)
    assert "max_age" not in scene.browser().get(scene.connection["sign_in_url"]).headers["location"]


def test_a_connection_names_how_its_people_confirm(scene: Scene):
    """The provider is asked for it, and counts only if it says that it did. Wrong: to believe what was asked for."""
    require(scene.tenant)
    connection = scene.put("strong", acr_values=["phr", "urn:strong:1"])
    strong = replace(scene, connection=connection)
    path, now = f"{scene.home}/access/keys", int(datetime.now(UTC).timestamp())
    try:
        for number, (acr, status) in enumerate(
            ((None, 409), ("pwd", 409), (["phr"], 409), ("phr urn:strong:1", 409), ("urn:strong:1", 200))
        ):
            said = {} if acr is None else {"acr": acr}
            scene.provider.claims = {"groups": ["boss"], "name": "Ada", "auth_time": now, **said}
            browser = strong.browser()
            went = browser.get(connection["sign_in_url"], params={"fresh": "1"}).headers["location"]
            assert parse_qs(urlsplit(went).query)["acr_values"] == ["phr urn:strong:1"]
            strong.sign_in(browser, fresh="1", next="/console/verification?asked=1")
            sent = {"title": "k", "scopes": "audit:read", "nonce": f"acr{number}"}
            assert browser.post(path, data=sent).status_code == status, acr
        usual = scene.browser().get(connection["sign_in_url"]).headers["location"]
        assert "acr_values" not in usual
        page = scene.browser()
        assert page.post("/console/sign-in", data={"key": scene.house.key}).status_code == 303
        assert 'value="phr urn:strong:1"' in page.get(f"{scene.home}/access/sign-in/strong").text
        wrong = scene.house.admin.put(
            scene.tenant.url("/sign-in-connections/strong"),
            json={"issuer": scene.provider.issuer, "client_id": "c", "acr_values": ['a"b']},
        )
        assert (wrong.status_code, "acr_values" in wrong.text) == (422, True)
    finally:
        scene.house.admin.delete(scene.tenant.url("/sign-in-connections/strong"))
        scene.tenant.http.put(scene.tenant.url("/step-up"), json={"required": False})
