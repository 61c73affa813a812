"""The two steps of a sign-in at a provider: redirect the browser, then identify the person who returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.attempt import (
    Attempt,
    Client,
    authorization_url,
    client_assertion,
    end_session_url,
    token_request,
)
from vault.domain.sign_in.connection import SignInConnection
from vault.domain.sign_in.id_token import (
    Audience,
    IdToken,
    LogoutToken,
    check_id_token,
    check_logout_token,
    display_name,
    has_claim,
    values_at,
    verified_at,
)
from vault.domain.sign_in.identity import stable_subject
from vault.domain.sign_in.provider_metadata import ProviderMetadata
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.seen_claims import claim_names
from vault.domain.strict_json import read_object
from vault.ports.clock import Clock
from vault.services.sign_in.provider_documents import FetchProviderDocuments

_OK: Final = 200
_MAX_REPLY: Final = 256 * 1024
_MAX_CODE: Final = 4096
#: Errors that a provider names (RFC 6749, section 4.1.2.1; Core, section 3.1.2.6), shown as they are.
_ERRORS: Final = frozenset(
    {
        "access_denied", "invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type",
        "server_error", "temporarily_unavailable", "interaction_required", "login_required", "consent_required",
        "account_selection_required",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProviderAnswer:
    """The query with which the browser comes back."""

    state: str = ""
    code: str | None = None
    #: The issuer of the answer (RFC 9207).
    issuer: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identified:
    """Who signed in, as the provider says. It has no repr: it is personal data."""

    subject: str
    name: str
    #: Issuer and subject as every client of the provider sees them.
    stable_subject: tuple[str, str]
    #: The provider's own session, for a logout that it sends later.
    session: str | None
    #: The ids of the connection's mappings that fit.
    role_ids: tuple[str, ...]
    #: The names of the claims, and whether the connection's one is among them.
    claim_names: tuple[str, ...]
    has_claim: bool
    #: When the provider asked the person; None if it does not say.
    verified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProvider:
    """Redirect a browser to a provider, and identify the person who returns."""

    documents: FetchProviderDocuments
    clock: Clock
    urls: PublicUrls

    def redirect_uri(self, connection_id: str) -> str:
        """Return the address to which the provider sends the browser: each connection has its own."""
        return self.urls.console("callback", connection_id)

    async def address(self, connection: SignInConnection, attempt: Attempt, *, fresh: bool = False) -> str:
        """Return the address at the provider; ``fresh``: where it asks again. Raises SignInRefused, Unavailable."""
        documents = await self.documents.of(connection.settings.issuer)
        acr_values = connection.settings.acr_values
        return authorization_url(
            documents.metadata, self._client(connection), attempt, fresh=fresh, acr_values=acr_values
        )

    async def end_address(self, connection: SignInConnection) -> str | None:
        """Return the address at which the provider's session ends. Raises SignInRefused, Unavailable."""
        metadata = (await self.documents.of(connection.settings.issuer)).metadata
        return end_session_url(metadata, connection.settings.client_id)

    async def identify(
        self, connection: SignInConnection, attempt: Attempt, answer: ProviderAnswer
    ) -> Identified:
        """Exchange the code and check everything that the provider says. Raises SignInRefused, Unavailable."""
        issuer = connection.settings.issuer
        metadata = (await self.documents.of(issuer)).metadata
        if answer.issuer != issuer and (answer.issuer is not None or metadata.sends_issuer):
            raise SignInRefused("issuer_parameter")
        if answer.error is not None:
            shown = f"The provider refused the sign-in ({answer.error})." if answer.error in _ERRORS else None
            raise SignInRefused("provider_error", shown)
        if not answer.code or len(answer.code) > _MAX_CODE:
            raise SignInRefused("code")
        token, access_token = await self._exchange(metadata, connection, attempt, answer.code)
        checked = check_id_token(
            token,
            (await self.documents.of(issuer, token)).keys,
            Audience(issuer=issuer, client_id=connection.settings.client_id),
            nonce=attempt.nonce,
            access_token=access_token,
            now=self.clock(),
        )
        claims = await self._all_claims(metadata, connection, checked, access_token)
        values = values_at(claims, connection.settings.claim)
        return Identified(
            subject=checked.subject,
            name=display_name(claims, checked.subject),
            # Of the ID token alone: it is signed.
            stable_subject=stable_subject(issuer, checked.subject, checked.claims),
            session=checked.session,
            claim_names=claim_names(claims),
            has_claim=has_claim(claims, connection.settings.claim),
            verified_at=verified_at(checked, connection.settings.acr_values, self.clock()),
            role_ids=tuple(mapping.id for mapping in connection.settings.roles if mapping.value in values),
        )

    async def check_logout(self, connection: SignInConnection, token: str) -> LogoutToken:
        """Check a logout token of the connection's provider. Raises SignInRefused, Unavailable."""
        settings = connection.settings
        keys = (await self.documents.of(settings.issuer, token)).keys
        expected = Audience(issuer=settings.issuer, client_id=settings.client_id)
        return check_logout_token(token, keys, expected, now=self.clock())

    async def _exchange(
        self, metadata: ProviderMetadata, connection: SignInConnection, attempt: Attempt, code: str
    ) -> tuple[str, str | None]:
        """Return the ID token and the access token."""
        settings, assertion = connection.settings, None
        if settings.client_key is not None:
            assertion = client_assertion(
                settings.client_key,
                client_id=settings.client_id,
                audience=settings.issuer,
                now=self.clock(),
            )
        client = self._client(connection)
        headers, form = token_request(metadata, client, attempt, code, assertion=assertion)
        reply = await self.documents.send("POST", metadata.token_endpoint, headers, form)
        if reply.status != _OK:
            raise SignInRefused("token_response")
        try:
            tokens = read_object(reply.body, _MAX_REPLY)
        except ValueError:
            raise SignInRefused("token_response") from None
        token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(token, str) or not isinstance(access_token, str | None):
            raise SignInRefused("token_response")
        return token, access_token

    async def _all_claims(
        self,
        metadata: ProviderMetadata,
        connection: SignInConnection,
        checked: IdToken,
        access_token: str | None,
    ) -> Mapping[str, Any]:
        """Return the claims; where the ID token lacks the mapped one, with those of the userinfo endpoint."""
        endpoint = metadata.userinfo_endpoint
        if endpoint is None or access_token is None or has_claim(checked.claims, connection.settings.claim):
            return checked.claims
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        reply = await self.documents.send("GET", endpoint, headers)
        try:
            found = read_object(reply.body, _MAX_REPLY) if reply.status == _OK else None
        except ValueError:
            found = None
        if found is None or found.get("sub") != checked.subject:
            # Also where the subject is another one (Core, section 5.3.2).
            raise SignInRefused("userinfo")
        return {**found, **checked.claims}

    def _client(self, connection: SignInConnection) -> Client:
        settings = connection.settings
        return Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            redirect_uri=self.redirect_uri(connection.id),
            scopes=settings.scopes,
        )
