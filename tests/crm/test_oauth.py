"""The authorization code flow of every system that has one, with the token server of its simulated counterpart."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.crm.walk import BY_NAME, NOW, as_asked, as_reply
from vault.domain.crm.exchange import CrmReply, Grant, OAuthClient
from vault.domain.crm.verdict import Refused, Unauthorized, Unclear, Wait
from vault.simulator.crm.registry import SIMULATED_CRM

NAMES = sorted(name for name, system in BY_NAME.items() if system.oauth is not None)
REDIRECT, VERIFIER = "https://vault.example/console/oauth", "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Flow:
    """The steps of the vault, with one system."""

    def __init__(self, name):
        """Begin."""
        self.peer = SIMULATED_CRM[name]()
        self.oauth = BY_NAME[name].oauth
        self.client = OAuthClient(
            client_id=self.peer.tokens.client_id, client_secret=self.peer.tokens.client_secret
        )

    def ask(self, request):
        """Send a request for tokens, and read the reply."""
        assert request.url.startswith("https://")
        assert urlsplit(request.url).hostname in request.hosts
        assert self.client.client_secret not in request.url
        return self.oauth.grant_of(self.peer.settings, as_reply(self.peer.answer(as_asked(request))))

    def authorize(self, verifier=VERIFIER):
        """Return what the code of an approval gives."""
        url = self.oauth.authorize_url(
            self.peer.settings, self.client, redirect_url=REDIRECT, state="s1", challenge=CHALLENGE
        )
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert ("scope" in query) == bool(self.oauth.scopes)
        assert self.client.client_secret not in url
        code = self.peer.tokens.approve(query)
        return self.ask(
            self.oauth.code_request(
                self.peer.settings, self.client, code=code, verifier=verifier, redirect_url=REDIRECT
            )
        )

    def refresh(self, token):
        """Return what a refresh token gives."""
        return self.ask(self.oauth.refresh_request(self.peer.settings, self.client, token))


@pytest.mark.parametrize("name", NAMES)
def test_a_code_gives_tokens_and_a_refresh_gives_more(name):
    """The admin approves once; the access token is the server's, and is renewed without a person."""
    flow = Flow(name)
    grant = flow.authorize()
    assert isinstance(grant, Grant)
    assert grant.access_token in flow.peer.tokens.access
    if grant.refresh_token is None:
        return
    again = flow.refresh(grant.refresh_token)
    assert isinstance(again, Grant)
    assert again.access_token != grant.access_token
    assert grant.access_token not in repr(grant)


@pytest.mark.parametrize("name", NAMES)
def test_a_stolen_code_is_worth_nothing(name):
    """With PKCE a code without its verifier gives no tokens; the system without PKCE is named here."""
    flow = Flow(name)
    grant = flow.authorize(verifier="w" * 64)
    assert isinstance(grant, Unauthorized) == flow.oauth.has_pkce
    assert flow.oauth.has_pkce == flow.peer.tokens.has_pkce


@pytest.mark.parametrize("name", NAMES)
def test_whether_a_refresh_token_is_valid_once_is_as_the_system_does(name):
    """Where they rotate, the second use of one is refused: the new pair must be stored before it is used."""
    flow = Flow(name)
    grant = flow.authorize()
    assert isinstance(grant, Grant)
    if grant.refresh_token is None:
        assert not flow.oauth.rotates
        return
    flow.refresh(grant.refresh_token)
    assert isinstance(flow.refresh(grant.refresh_token), Unauthorized) == flow.oauth.rotates


@pytest.mark.parametrize("name", NAMES)
def test_a_revoked_grant_is_the_end_and_a_broken_server_is_not(name):
    """After ``invalid_grant`` nothing is repeated; a 503 or an unreadable answer is no revocation."""
    flow = Flow(name)
    flow.peer.tokens.revoke()
    assert isinstance(flow.refresh("rt_" + "0" * 32), Unauthorized)
    for status, body, kinds in (
        (503, b"", (Unclear, Wait)),
        (200, b"<html>", (Unclear,)),
        (200, b'{"access_token": "with blank and more"}', (Unclear,)),
        (429, b"{}", (Wait,)),
        (400, b'{"error": "invalid_scope"}', (Refused,)),
    ):
        reply = CrmReply(status=status, body=body, received_at=NOW)
        assert isinstance(flow.oauth.grant_of(flow.peer.settings, reply), kinds), (status, body)


@pytest.mark.parametrize("name", NAMES)
def test_a_client_with_a_wrong_secret_gets_nothing(name):
    """The client authenticates as the system wants it; a wrong secret needs a person."""
    flow = Flow(name)
    flow.client = OAuthClient(client_id=flow.client.client_id, client_secret="wrong")
    assert isinstance(flow.authorize(), Refused | Unauthorized)
