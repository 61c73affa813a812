"""OAuth in the console: the form of an app, a link to the system, the way back, and a grant that is given again."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import update

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.doors import INTEGRATION
from vault.database.schema.handover import integrations
from vault.domain.outbox.attempt import Answer
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import VaultRequest


@pytest.fixture
def browser(house: House, tenant: Tenant) -> httpx.Client:
    """Somebody with every right."""
    return sign_in(house, tenant.name)


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


#: The app of the account at Zendesk, and what the form of an integration sends for it.
_APP = {"system": "zendesk", "subdomain": "acme", "recipient": "Zendesk, Inc.", "access": "oauth"}


@dataclass
class _Zendesk:
    """The outside of the vault: nothing but a simulated Zendesk."""

    peer: SimulatedCrm

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
    ) -> Answer:
        """Answer as Zendesk does."""
        parts = urlsplit(url)
        assert parts.hostname in hosts
        asked = VaultRequest(
            method=method, path=parts.path, query=[], headers={k.lower(): v for k, v in headers.items()}, body=body
        )  # fmt: skip
        reply = self.peer.answer(asked)
        return Answer(status=reply.status, headers=dict(reply.headers), body=reply.body)


@pytest.fixture
def zendesk(house: House) -> Iterator[SimulatedCrm]:
    """The simulated Zendesk, which authorizations reach."""
    verbs = house.vault.handover.authorizations
    before, peer = verbs.outside, SIMULATED_CRM["zendesk"]()
    object.__setattr__(verbs, "outside", _Zendesk(peer))
    yield peer
    object.__setattr__(verbs, "outside", before)


def agreed(browser: httpx.Client, at: str, peer: SimulatedCrm) -> dict[str, str]:
    """Press the button, follow the link, and agree; return with what Zendesk sends the browser back."""
    action = f"{at}/authorization"
    page = browser.post(action, data=form_of(browser.get(at), action))
    assert page.status_code == 200
    link = html.unescape(re.findall(r'href="(https://[^"]+)"', page.text)[0])
    assert urlsplit(link).hostname == "acme.zendesk.com"
    query = dict(parse_qsl(urlsplit(link).query))
    assert urlsplit(query["redirect_uri"]).path == "/console/integrations/callback"
    return {"code": peer.tokens.approve(query), "state": query["state"]}


def test_a_person_authorizes_an_app_and_mends_a_grant_that_ended(
    house: House, tenant: Tenant, browser: httpx.Client, zendesk: SimulatedCrm
):
    """From the form to the system and back; no page has the secret; a grant that ended is given again the same way."""
    at, secret = f"{base(tenant)}/integrations", zendesk.tokens.client_secret
    page = browser.get(f"{at}/new?system=zendesk")
    assert "/console/integrations/callback" in page.text
    assert f'action="{at}/preview"' not in page.text
    said = form_of(page, at) | INTEGRATION | _APP | {"client_id": zendesk.tokens.client_id}
    wrong = browser.post(at, data=said | {"client_secret": secret, "subdomain": "a b"})
    assert (wrong.status_code, secret in wrong.text) == (422, False)
    assert 'id="wrong-client_secret"' in browser.post(at, data=said | {"client_secret": ""}).text
    made = browser.post(at, data=said | {"client_secret": secret})
    one = made.headers["location"].partition("?")[0]
    shown = browser.get(one)
    assert "Zendesk needs authorization" in shown.text
    assert secret not in shown.text
    for _ in range(2):
        back = browser.get("/console/integrations/callback", params=agreed(browser, one, zendesk))
        assert (back.status_code, back.headers["location"]) == (303, f"{one}?done=integration_granted")
        done = browser.get(back.headers["location"])
        assert "The integration is authorized. What waited for it goes on" in done.text
        assert "Zendesk needs authorization" not in done.text
        set_unauthorized(house)
        assert "Zendesk needs authorization" in browser.get(one).text


def test_what_the_system_says_no_to_leads_back_to_the_integration(
    house: House, tenant: Tenant, browser: httpx.Client, zendesk: SimulatedCrm
):
    """A person who refuses, a secret that Zendesk does not take, and an answer twice; another app mends it."""
    at = f"{base(tenant)}/integrations"
    said = form_of(browser.get(f"{at}/new?system=zendesk"), at) | INTEGRATION | _APP
    said |= {"client_id": zendesk.tokens.client_id, "client_secret": "wrong"}
    one = browser.post(at, data=said).headers["location"].partition("?")[0]
    no = browser.get(
        "/console/integrations/callback", params=agreed(browser, one, zendesk) | {"error": "access_denied"}
    )
    assert (no.status_code, f'href="{one}"' in no.text) == (409, True)
    answer = agreed(browser, one, zendesk)
    refused = browser.get("/console/integrations/callback", params=answer)
    assert (refused.status_code, f'href="{one}"' in refused.text) == (409, True)
    assert "Check the client, its scopes and its redirect address" in refused.text
    assert browser.get("/console/integrations/callback", params=answer).status_code == 404
    action = f"{one}/client"
    form = form_of(browser.get(one), action) | {"client_id": zendesk.tokens.client_id}
    assert 'id="wrong-client_secret"' in browser.post(action, data=form | {"client_secret": ""}).text
    right = {"client_secret": zendesk.tokens.client_secret, "nonce": "right"}
    assert (
        "Authorize the integration next"
        in browser.post(action, data=form | right, follow_redirects=True).text
    )
    back = browser.get("/console/integrations/callback", params=agreed(browser, one, zendesk))
    assert back.headers["location"].endswith("done=integration_granted")


def test_nobody_else_comes_back_from_the_system(
    house: House, tenant: Tenant, browser: httpx.Client, zendesk: SimulatedCrm
):
    """Another person of the account gets 404 for the answer, and it is still good for who has begun it."""
    at = f"{base(tenant)}/integrations"
    said = form_of(browser.get(f"{at}/new?system=zendesk"), at) | INTEGRATION | _APP
    said |= {"client_id": zendesk.tokens.client_id, "client_secret": zendesk.tokens.client_secret}
    one = browser.post(at, data=said).headers["location"].partition("?")[0]
    answer = agreed(browser, one, zendesk)
    other = sign_in(house, tenant.name)
    assert other.get("/console/integrations/callback", params=answer).status_code == 404
    assert browser.get("/console/integrations/callback", params=answer).status_code == 303


def set_unauthorized(house: House) -> None:
    """Let each grant have ended, as the next refresh would find it."""
    query = update(integrations).values(unauthorized_since=datetime.now(UTC))
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(query) and None)
