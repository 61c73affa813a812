"""The documents of providers: discovery and key set, fetched by the guarded client and cached by issuer.

A document is used for half an hour, and for at most an hour while it cannot be fetched again. A token that names an
unknown key fetches the key set again at most once in half a minute, however many such tokens come.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.domain.calls.provider_api import RestReply, RestRequest
from vault.domain.sign_in.provider_metadata import (
    ProviderMetadata,
    discovery_url,
    metadata_notes,
    metadata_problems,
    parse_metadata,
)
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.signed_token import ProviderKey, knows, parse_key_set
from vault.domain.urls import split_url
from vault.errors import FetchFailed, Unavailable
from vault.ports.clock import Clock
from vault.ports.telephony import RestClient
from vault.sentence import Sentence, sentence_of

_FRESH: Final = timedelta(minutes=30)
_MAX_AGE: Final = timedelta(hours=1)
_REFETCH: Final = timedelta(seconds=30)
#: Max issuers in the cache; the one that was fetched first goes first.
_MAX_ISSUERS: Final = 1000
_OK: Final = 200


@dataclass(slots=True)
class ProviderDocuments:
    """One provider's documents, as last fetched."""

    metadata: ProviderMetadata
    keys: Sequence[ProviderKey]
    fetched_at: datetime
    #: The last fetch of the key set, also one that failed.
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCheck:
    """What is wrong with the documents of a provider, and what may be, in sentences."""

    problems: Sequence[str]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchProviderDocuments:
    """Fetch and cache the documents of providers."""

    rest: RestClient
    clock: Clock
    _known: dict[str, ProviderDocuments] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def of(self, issuer: str, token: str | None = None) -> ProviderDocuments:
        """Return the documents of an issuer, with the key that ``token`` names if the provider has it.

        Raises SignInRefused for documents that are not valid, Unavailable if the provider does not answer.
        """
        async with self._locks.setdefault(issuer, asyncio.Lock()):
            try:
                return await self._current(issuer, token)
            finally:
                if len(self._known) > _MAX_ISSUERS:
                    self._forget(next(iter(self._known)))
                if issuer not in self._known:
                    self._locks.pop(issuer, None)

    async def check(self, issuer: str, scopes: Sequence[str], claim: str) -> ProviderCheck:
        """Fetch the documents of an issuer now, and return all that is wrong with them. Nothing is cached."""
        address = discovery_url(issuer)
        try:
            reply = await self.send("GET", address, {"accept": "application/json"})
        except Unavailable as error:
            return ProviderCheck(problems=[sentence_of(error)])
        if reply.status != _OK:
            text = Sentence(
                "The provider answers %(status)s at %(address)s. Is this the issuer?",
                status=reply.status,
                address=address,
            )
            return ProviderCheck(problems=[text])
        if problems := metadata_problems(reply.body, issuer):
            return ProviderCheck(problems=problems)
        try:
            has_key = bool(await self._keys(parse_metadata(reply.body, issuer)))
        except Unavailable as error:
            return ProviderCheck(problems=[sentence_of(error)])
        except SignInRefused:
            has_key = False
        if not has_key:
            return ProviderCheck(problems=["The provider's key set has no key that can be used."])
        return ProviderCheck(problems=[], notes=metadata_notes(reply.body, scopes, claim))

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> RestReply:
        """Send a request to a provider's endpoint. Raises Unavailable, whose message has no address."""
        host = split_url(url).hostname or ""
        wanted = RestRequest(method=method, url=url, headers=headers or {}, body=body, hosts=(host,))
        try:
            return await self.rest.send(wanted)
        except FetchFailed as error:
            text = Sentence("The sign-in provider cannot be used: %(error)s", error=error)
            raise Unavailable(text) from None

    async def _current(self, issuer: str, token: str | None) -> ProviderDocuments:
        known, now = self._known.get(issuer), self.clock()
        if known is None or not known.fetched_at <= now < known.fetched_at + _FRESH:
            known = await self._fetch(issuer, known, now)
        if token is not None and not knows(token, known.keys) and now >= known.asked_at + _REFETCH:
            known.asked_at = now
            known.keys = await self._keys(known.metadata)
        return known

    async def _fetch(self, issuer: str, known: ProviderDocuments | None, now: datetime) -> ProviderDocuments:
        try:
            metadata = parse_metadata(await self._get(discovery_url(issuer), "metadata"), issuer)
            keys = await self._keys(metadata)
        except (SignInRefused, Unavailable):
            if known is not None and known.fetched_at <= now < known.fetched_at + _MAX_AGE:
                return known
            self._known.pop(issuer, None)
            raise
        fetched = ProviderDocuments(metadata=metadata, keys=keys, fetched_at=now, asked_at=now)
        self._known[issuer] = fetched
        return fetched

    async def _keys(self, metadata: ProviderMetadata) -> Sequence[ProviderKey]:
        return parse_key_set(await self._get(metadata.jwks_uri, "keys"))

    async def _get(self, url: str, what: str) -> bytes:
        reply = await self.send("GET", url, {"accept": "application/json"})
        if reply.status != _OK:
            raise SignInRefused("metadata" if what == "metadata" else "keys")
        return reply.body

    def _forget(self, issuer: str) -> None:
        self._known.pop(issuer, None)
        self._locks.pop(issuer, None)
