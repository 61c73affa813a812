"""The authorization code flow with the differences of systems as fields (RFC 6749, RFC 7636)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import quote, urlencode

from vault.crm.reading import at, code_of, json_of, text_at
from vault.crm.replies import verdict_of
from vault.crm.requests import SECRET, basic, form_request, request
from vault.domain.crm.exchange import CrmReply, CrmRequest, Grant, OAuthClient
from vault.domain.crm.verdict import Refused, Unauthorized, Unclear, Wait
from vault.ports.crm import OAuth, Settings

#: Seconds of an access token that are believed.
_LONGEST: Final = 10 * 365 * 24 * 3600
#: Errors of a token endpoint after which a person must authorize again (RFC 6749, 5.2, and systems' own).
_ENDED: Final = frozenset(
    {
        "invalid_grant", "invalid_code", "invalid_refresh_token", "token_expired", "token_revoked", "access_denied",
        "invalid_token", "bad_auth_code", "bad_refresh_token", "expired_access_refresh_token", "inactive_user",
    }
)  # fmt: skip
_SUCCESS: Final = 200


def _no_settings(_settings: Settings, _answer: object) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFlow(OAuth):
    """The flow of one system."""

    #: The addresses of the page for the admin and of the token endpoint, by the settings.
    authorize: Callable[[Settings], str]
    token: Callable[[Settings], str]
    scopes: Sequence[str]
    scope_separator: str = " "
    has_pkce: bool = True
    rotates: bool = False
    unused_life: timedelta | None = None
    #: Where the token endpoint wants the client: in the form, in HTTP Basic, or in a JSON body.
    client_in: Literal["body", "header", "json"] = "body"
    #: The life of an access token where the reply does not say it. None: it does not expire.
    usual_life: timedelta | None = None
    #: More parameters of the page, and of the requests for tokens.
    asks: Mapping[str, str] = field(default_factory=dict)
    sends: Mapping[str, str] = field(default_factory=dict)
    revoke: Callable[[Settings], str] | None = None
    #: Returns settings that a reply has beside the tokens. Raises ValueError for a host that is not the system's.
    learn: Callable[[Settings, object], Mapping[str, str]] = _no_settings

    def authorize_url(
        self, settings: Settings, client: OAuthClient, *, redirect_url: str, state: str, challenge: str
    ) -> str:
        """Return the address to which the admin's browser is sent."""
        query = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": redirect_url,
            "scope": self.scope_separator.join(self.scopes),
            "state": state,
            **self.asks,
        }
        if self.has_pkce:
            query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return (
            f"{self.authorize(settings)}?{urlencode({k: v for k, v in query.items() if v}, quote_via=quote)}"
        )

    def code_request(
        self, settings: Settings, client: OAuthClient, *, code: str, verifier: str, redirect_url: str
    ) -> CrmRequest:
        """Return the request that changes a code into tokens."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url}
        if self.has_pkce:
            fields["code_verifier"] = verifier
        return self._request(settings, client, fields)

    def refresh_request(self, settings: Settings, client: OAuthClient, refresh_token: str) -> CrmRequest:
        """Return the request that changes a refresh token into tokens."""
        return self._request(
            settings, client, {"grant_type": "refresh_token", "refresh_token": refresh_token}
        )

    def revoke_request(self, settings: Settings, client: OAuthClient, token: str) -> CrmRequest | None:
        """Return the request that ends a token (RFC 7009)."""
        if self.revoke is None:
            return None
        named = {"client_id": client.client_id, "client_secret": client.client_secret}
        return form_request(self.revoke(settings), {"token": token, **named}, {})

    def grant_of(
        self, settings: Settings, reply: CrmReply
    ) -> Grant | Unauthorized | Wait | Refused | Unclear:
        """Read the reply to a request for tokens."""
        answer = json_of(reply)
        # Slack and Zoho say an error with status 200.
        if reply.status // 100 * 100 == _SUCCESS and at(answer, "error") is None:
            return self._grant(settings, answer)
        code = code_of(text_at(answer, "error") or text_at(answer, "status") or text_at(answer, "code"))
        if code in _ENDED:
            return Unauthorized()
        if reply.status // 100 * 100 == _SUCCESS:
            return Refused(code=code)
        verdict = verdict_of("create", reply, code=code)
        return verdict if isinstance(verdict, Unauthorized | Wait | Unclear) else Refused(code=code)

    def _request(self, settings: Settings, client: OAuthClient, fields: Mapping[str, str]) -> CrmRequest:
        url = self.token(settings)
        if self.client_in == "header":
            return form_request(url, {**fields, **self.sends}, basic(client.client_id, client.client_secret))
        named = {"client_id": client.client_id, "client_secret": client.client_secret}
        if self.client_in == "json":
            return request("POST", url, {}, {**fields, **named, **self.sends})
        return form_request(url, {**fields, **named, **self.sends}, {})

    def _grant(self, settings: Settings, answer: object) -> Grant | Refused | Unclear:
        token, refresh = text_at(answer, "access_token"), text_at(answer, "refresh_token")
        if token is None or SECRET.fullmatch(token) is None:
            return Unclear()
        if refresh is not None and SECRET.fullmatch(refresh) is None:
            return Unclear()
        try:
            learnt = self.learn(settings, answer)
        except ValueError:
            return Refused(code="foreign_host")
        seconds = at(answer, "expires_in")
        life = self.usual_life
        if isinstance(seconds, int) and 0 < seconds <= _LONGEST:
            life = timedelta(seconds=seconds)
        return Grant(access_token=token, refresh_token=refresh, expires_in=life, settings=learnt)
