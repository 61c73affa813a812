"""The tokens of integrations: refreshed by one node at a time, and stored before they are used.

A system whose refresh tokens are valid once ends the former pair when it gives a new one. So while one refreshes, the
others wait for what it stores; and where it ended in between, nobody knows whether the pair there is still lives. It
is not tried: a person authorizes again.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.crm.exchange import CrmReply, Grant
from vault.domain.crm.verdict import Refused, Unauthorized, Unclear, Wait
from vault.domain.handover.integration import StoredGrant, StoredIntegration
from vault.errors import Busy, FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.crm import CrmSystem, OAuth
from vault.ports.outside import SendRequest
from vault.services.handover.stored_integration import (
    OpenedIntegration,
    lose_authorization,
    open_integration,
    seal_integration,
)
from vault.services.shared.account_data_keys import AccountDataKeys

#: How long nobody else refreshes: the request takes 10 seconds, and is followed by one of the database.
_LEASE: Final = timedelta(seconds=30)
#: How often, and after how many seconds each, one looks whether another node has stored new tokens.
_LOOKS, _PAUSE = 48, 0.25
_SUCCESS: Final = range(200, 300)
#: Runs a transaction before the request for tokens: that of a message asks in it for its permission.
Begin = Callable[[Callable[[Transaction], Any]], Awaitable[Any]]
_Turn = Literal["mine", "waits", "unknown", "over"]


class GrantEnded(Exception):
    """A person must authorize the integration again, and the log says so."""


class RefreshFailed(Exception):
    """There are no new tokens yet, and a later attempt can succeed."""

    def __init__(self, *, asked: timedelta | None = None) -> None:
        """Take how long the system asks to wait."""
        super().__init__()
        self.asked = asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Open integrations, and refresh their tokens."""

    database: Database
    data_keys: AccountDataKeys
    systems: Mapping[str, CrmSystem]
    clock: Clock

    async def open(self, stored: StoredIntegration) -> OpenedIntegration:
        """Open the credentials of an integration. Raises NotFound, Tampered, Unavailable."""
        system = self.systems.get(stored.system)
        if system is None:
            raise NotFound("This release has no such system.")
        return OpenedIntegration(
            stored=stored, system=system, secrets=await open_integration(self.data_keys, stored)
        )

    def is_over(self, opened: OpenedIntegration) -> bool:
        """Return whether the access token has expired."""
        grant = opened.secrets.grant
        return grant is not None and grant.is_over(self.clock())

    async def refresh(
        self, opened: OpenedIntegration, begin: Begin, request: SendRequest
    ) -> OpenedIntegration:
        """Return the integration with later tokens than these, its own or those of another node.

        Raises GrantEnded, RefreshFailed, FetchFailed, Busy while another node takes too long, Unavailable.
        """
        oauth, grant = opened.system.oauth, opened.secrets.grant
        if oauth is None or grant is None or grant.refresh_token is None or opened.secrets.client is None:
            await self.lose(opened.stored)
            raise GrantEnded
        for _ in range(_LOOKS):
            turn: _Turn | StoredIntegration = await begin(lambda tx: _take_turn(tx, opened.stored, oauth))
            if isinstance(turn, StoredIntegration):
                return await self.open(turn)
            if turn == "mine":
                return await self._ask(opened, oauth, grant, request)
            if turn != "waits":
                await self.lose(opened.stored)
                raise GrantEnded
            await asyncio.sleep(_PAUSE)
        raise Busy("Another node refreshes the tokens of this integration.", retry_after=1)

    async def lose(self, stored: StoredIntegration) -> None:
        """Note that a person must authorize an integration, unless others have set other credentials."""
        await self.database.write(lose_authorization(stored))

    async def _ask(
        self, opened: OpenedIntegration, oauth: OAuth, grant: StoredGrant, request: SendRequest
    ) -> OpenedIntegration:
        client = opened.secrets.client
        assert client is not None and grant.refresh_token is not None  # noqa: PT018, S101 - as refresh has checked
        settings = opened.access.settings
        wanted = oauth.refresh_request(settings, client, grant.refresh_token)
        try:
            answer = await request(wanted.method, wanted.url, wanted.headers, wanted.body, wanted.hosts)
        except FetchFailed as error:
            if oauth.rotates and not (error.final or error.unsent):
                await self._end(opened)
            await self._release(opened)
            raise
        reply = CrmReply(
            status=answer.status, headers=answer.headers, body=answer.body, received_at=self.clock()
        )
        got = oauth.grant_of(settings, reply)
        if isinstance(got, Grant):
            new = StoredGrant.of(got, at=reply.received_at, former=grant)
            return await self._keep(opened, new)
        is_lost = isinstance(got, Unclear) and reply.status in _SUCCESS and oauth.rotates
        if is_lost or isinstance(got, Unauthorized | Refused):
            await self._end(opened)
        await self._release(opened)
        raise RefreshFailed(asked=got.asked if isinstance(got, Wait) else None)

    async def _keep(self, opened: OpenedIntegration, new: StoredGrant) -> OpenedIntegration:
        """Store new tokens, and return the integration with them.

        What people changed of it meanwhile stays; if they have authorized it anew, that counts.
        """
        used, stored = opened.secrets.grant, opened.stored
        while True:
            secrets = await open_integration(self.data_keys, stored)
            if used is None or secrets.grant is None or not _is_same(secrets.grant, used):
                return await self.open(stored)
            sealed = await seal_integration(self.data_keys, stored.account_id, replace(secrets, grant=new))
            found = await self.database.write(_kept(stored, sealed))
            if found.sealed == sealed:
                return await self.open(found)
            stored = found

    async def _end(self, opened: OpenedIntegration) -> None:
        await self.lose(opened.stored)
        raise GrantEnded

    async def _release(self, opened: OpenedIntegration) -> None:
        await self.database.write(lambda tx: tx.integrations.refresh(opened.stored.id, None))


def _take_turn(tx: Transaction, before: StoredIntegration, oauth: OAuth) -> "_Turn | StoredIntegration":
    """Take the turn to refresh; return the integration if it has other credentials than ``before``."""
    stored = tx.integrations.lock(before.account_id, before.id)
    if stored is None or stored.state == "ended" or stored.unauthorized_since is not None:
        return "over"
    if stored.sealed != before.sealed:
        return stored
    until, now = tx.integrations.refreshing_until(stored.id), tx.now()
    if until is not None and until > now:
        return "waits"
    if until is not None and oauth.rotates:
        return "unknown"
    tx.integrations.refresh(stored.id, now + _LEASE)
    return "mine"


def _is_same(one: StoredGrant, other: StoredGrant) -> bool:
    tokens = ((it.refresh_token or "").encode() for it in (one, other))
    return hmac.compare_digest(*tokens)


def _kept(before: StoredIntegration, sealed: str) -> Callable[[Transaction], StoredIntegration]:
    """Return what stores new tokens if the integration is as ``before``, and returns it as it is then."""

    def keep(tx: Transaction) -> StoredIntegration:
        stored = tx.integrations.lock(before.account_id, before.id)
        if stored is None:
            raise NotFound("There is no such integration.")
        if stored.sealed != before.sealed:
            return stored
        new, now = replace(stored, sealed=sealed), tx.now()
        if stored.unauthorized_since is not None:
            # Somebody has taken them for lost.
            tx.integrations.put(replace(new, unauthorized_since=None, set_up_at=now))
        tx.integrations.keep_grant(new, now)
        return tx.integrations.get(before.account_id, before.id) or new

    return keep
