"""Authorizations of integrations: a person agrees at the system, which gives tokens for it (RFC 6749, RFC 7636).

An authorization belongs to who has begun it, is used up by the first answer, and lasts ten minutes. The verifier of its
code challenge is made of its state and a key of the vault, so that nothing secret of it is stored; the state is stored
as a hash. So a person cannot be led to give away what another one has begun, nor can a code be used by who has read it.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.handover.integrations import BegunAuthorization
from vault.database.transaction import Transaction
from vault.domain.base64url import encode_base64url
from vault.domain.crm.exchange import CrmReply, Grant, OAuthClient
from vault.domain.crm.verdict import Refused as GrantRefused
from vault.domain.crm.verdict import Unauthorized
from vault.domain.handover.integration import StoredGrant, StoredIntegration
from vault.domain.ids import Token
from vault.domain.playback.own_token import TokenKey
from vault.domain.public_urls import PublicUrls
from vault.errors import FetchFailed, Invalid, NotFound, Refused, Unavailable
from vault.ports.clock import Clock
from vault.ports.crm import OAuth
from vault.ports.outside import Outside
from vault.sentence import Sentence
from vault.services.handover.grants import Grants
from vault.services.handover.stored_integration import (
    OpenedIntegration,
    find_integration,
    seal_integration,
)
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.end_integration import log_integration

#: Where systems send the browser back to, below the public address; it is registered at each system.
CALLBACK: Final = "/console/integrations/callback"
#: How long a person may take at the system.
_LIFE: Final = timedelta(minutes=10)
#: Longer than any code.
_MAX_CODE: Final = 4096
_NONE: Final = "There is no such authorization: it is over, or was used. Begin again."


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedAuthorization:
    """Where a person is sent, and until when that is good."""

    #: It has the state: who has begun it may see it, and nobody else.
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizations:
    """Begin and end authorizations."""

    database: Database
    data_keys: AccountDataKeys
    grants: Grants
    outside: Outside
    token_key: TokenKey
    urls: PublicUrls
    clock: Clock

    async def begin(self, account_id: str, integration_id: str, *, actor: str) -> StartedAuthorization:
        """Return the address at which a person agrees. One that was begun before is over.

        Raises NotFound, Refused if the integration has ended or has a key, Invalid, Unavailable.
        """
        stored = await self.database.read(lambda tx: find_integration(tx, account_id, integration_id))
        opened = await self._opened(stored)
        oauth, client = _oauth_of(opened)
        state = Token.new()

        def begin(tx: Transaction) -> datetime:
            _require_open(tx.integrations.lock(account_id, integration_id))
            until = tx.now() + _LIFE
            begun = BegunAuthorization(state_hash=state.digest.hex(), by=actor, until=until)
            tx.integrations.begin_authorization(integration_id, begun)
            return until

        url = oauth.authorize_url(
            opened.access.settings, client, redirect_url=self.redirect_url, state=state.text,
            challenge=_challenge(self._verifier(state)),
        )  # fmt: skip
        return StartedAuthorization(url=url, expires_at=await self.database.write(begin))

    async def integration_of(self, state: str) -> StoredIntegration:
        """Return the integration for which an authorization was begun. Raises NotFound."""
        name = Token(state).digest.hex()
        found = await self.database.read(lambda tx: tx.integrations.begun_authorization(name))
        if found is None:
            raise NotFound(_NONE)
        return found[0]

    async def finish(
        self, account_id: str, *, state: str, code: str | None, error: str | None, actor: str
    ) -> StoredIntegration:
        """Take the answer of the system: what waited for it goes on, removals first.

        Raises NotFound unless ``actor`` has begun it in this account and it is not over, Refused if the system or the
        person has said no, Unavailable if the system gives no answer.
        """
        token = Token(state)
        stored = await self.database.write(lambda tx: _use_up(tx, account_id, token.digest.hex(), actor))
        if stored is None:
            raise NotFound(_NONE)
        opened = await self._opened(stored)
        if code is None or error is not None or not 0 < len(code) <= _MAX_CODE:
            text = Sentence(
                "%(name)s was not authorized: the person or the system refused.", name=opened.system.title
            )
            raise Refused(text, reasons=("authorization_refused",))
        grant = await self._exchange(opened, code, self._verifier(token))
        _check_hosts(opened, grant)
        sealed = await seal_integration(self.data_keys, account_id, replace(opened.secrets, grant=grant))
        return await self.database.write(lambda tx: _authorized(tx, stored, sealed, actor))

    async def _exchange(self, opened: OpenedIntegration, code: str, verifier: str) -> StoredGrant:
        """Change a code into tokens. It is asked for once: a code is good once."""
        oauth, client = _oauth_of(opened)
        settings, title = opened.access.settings, opened.system.title
        wanted = oauth.code_request(
            settings, client, code=code, verifier=verifier, redirect_url=self.redirect_url
        )
        try:
            answer = await self.outside.request(
                wanted.method, wanted.url, wanted.headers, wanted.body, wanted.hosts
            )
        except FetchFailed:
            raise Unavailable(f"{title} does not answer. Begin the authorization again.") from None
        reply = CrmReply(
            status=answer.status, headers=answer.headers, body=answer.body, received_at=self.clock()
        )
        got = oauth.grant_of(settings, reply)
        if isinstance(got, Grant):
            return StoredGrant.of(got, at=reply.received_at)
        if isinstance(got, Unauthorized | GrantRefused):
            code_ = "invalid_grant" if isinstance(got, Unauthorized) else got.code
            text = Sentence(
                "%(name)s gives no tokens (%(code)s). Check the client, its scopes and its redirect address.",
                name=title, code=code_,
            )  # fmt: skip
            raise Refused(text, reasons=("authorization_refused",))
        raise Unavailable(f"{title} gives no tokens now. Begin the authorization again.")

    async def _opened(self, stored: StoredIntegration) -> OpenedIntegration:
        _require_open(stored)
        return await self.grants.open(stored)

    def _verifier(self, state: Token) -> str:
        return encode_base64url(self.token_key.tag(b"oauth verifier " + state.text.encode()))

    @property
    def redirect_url(self) -> str:
        """Return the address to which systems send the browser back: an app is registered with it."""
        return f"{self.urls.public_url}{CALLBACK}"


def _challenge(verifier: str) -> str:
    return encode_base64url(hashlib.sha256(verifier.encode()).digest())


def _oauth_of(opened: OpenedIntegration) -> tuple[OAuth, OAuthClient]:
    oauth, client = opened.system.oauth, opened.secrets.client
    if oauth is None or client is None:
        text = "This integration has a key: nobody needs to authorize it. Set a client to use OAuth."
        raise Refused(text, reasons=("no_client",))
    return oauth, client


def _require_open(stored: StoredIntegration | None) -> None:
    if stored is None or stored.state == "ended":
        raise Refused("This integration has ended. Activate a new one.", reasons=("integration_ended",))


def _check_hosts(opened: OpenedIntegration, grant: StoredGrant) -> None:
    """Raise Refused unless the hosts to which the token would be sent are the system's own."""
    with_grant = replace(opened, secrets=replace(opened.secrets, grant=grant))
    try:
        opened.system.hosts(with_grant.access.settings)
    except Invalid as error:
        raise Refused(str(error), reasons=("foreign_host",)) from None


def _use_up(tx: Transaction, account_id: str, state_hash: str, actor: str) -> StoredIntegration | None:
    """Return the integration of an authorization that this actor has begun; nobody else ends it from then on."""
    found = tx.integrations.begun_authorization(state_hash)
    if found is None:
        return None
    stored, begun = found
    if stored.account_id != account_id or begun.by != actor or begun.until <= tx.now():
        return None
    return stored if tx.integrations.end_authorization(stored.id, state_hash) else None


def _authorized(tx: Transaction, before: StoredIntegration, sealed: str, actor: str) -> StoredIntegration:
    tx.lock_account(before.account_id, exclusive=True)
    stored = tx.integrations.get(before.account_id, before.id)
    _require_open(stored)
    if stored is None or stored.sealed != before.sealed:
        raise Refused("The integration was changed meanwhile. Begin again.", reasons=("changed",))
    now = tx.now()
    new = replace(
        stored, sealed=sealed, unauthorized_since=None, changed_at=now, changed_by=actor, set_up_at=now
    )
    tx.integrations.put(new)
    tx.integrations.keep_grant(new, now)
    log_integration(tx, "integration.changed", new, actor)
    return new
