"""The check of a link's token before anything is read: an invented token costs no database statement.

Own tokens carry a keyed hash of the vault. Signed tokens name a key; the id of a key carries a keyed hash too, so an id
that the vault never gave out is refused without a look-up, and one that it gave out is looked up once and then cached:
what is cached never changes. Whether the key still signs is decided by its row, in the statement that finds the link.
"""

import asyncio
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.hot.open_sessions import NO_LINK
from vault.database.stores.playback.signed_links import LINK_KEY, read_link_key
from vault.domain.accounts.limits import TokenBucket
from vault.domain.ids import new_id
from vault.domain.playback.link_key import CheckedKey, checked_key
from vault.domain.playback.own_token import TokenKey, has_own_form, is_opaque
from vault.domain.playback.signed_token import BadToken, Permission, SignedText, read_claims, read_form
from vault.errors import NotFound, TooMany
from vault.ports.clock import Clock
from vault.rfc3339 import parse_rfc3339
from vault.services.shared.peer_keys import PeerKeys

#: Max keys in memory, with half a kilobyte each; the one that was used least recently leaves.
MAX_CACHED: Final = 10_000
#: Seconds for which an id that the vault gave out, but whose row is missing, is not looked up again.
MISSING_TTL: Final = 5.0
#: Look-ups a second, in this process, of tokens that only the database can check; and how many may come in a burst.
OPAQUE_RATE: Final = 50.0
OPAQUE_BURST: Final = 100.0
#: Characters at the end of a key's id that are the keyed hash of what is before.
_TAG_CHARS: Final = 16
#: Metadata: until when there can be links of a release before signed tokens.
OPAQUE_UNTIL: Final = "opaque_links_until"


@dataclass(slots=True)
class _State:
    """What the verifier of this process remembers."""

    #: By the key's id: the key, or the time of the event loop until which its row counts as missing.
    keys: OrderedDict[str, CheckedKey | float] = field(default_factory=OrderedDict)
    opaque_read: bool = False
    opaque_until: datetime | None = None
    opaque: TokenBucket = field(default_factory=lambda: TokenBucket(OPAQUE_BURST, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTokenVerifier:
    """Checks tokens of links. One instance per process."""

    database: Database
    token_key: TokenKey
    peers: PeerKeys
    #: The origin of the vault, which a signed token must name.
    audience: str
    clock: Clock
    _state: _State = field(default_factory=_State)

    async def check(self, token: str, *, held: bool = False) -> Permission | None:
        """Return what a signed token allows; None for a token of the vault's own, which may be looked up.

        An expired one is refused, except where its session may go on: ``held`` by a browser, or of a media link.

        Raises NotFound, the same for every reason, and TooMany while too many old links are asked for.
        """
        if await self.is_own(token):
            return None
        if is_opaque(token):
            await self._check_opaque()
            return None
        try:
            permission = await self._claims(await self._verify_signature(token))
        except BadToken as error:
            raise self.refused(error) from None
        if permission.expires_at <= self.clock() and not held and permission.kind != "media":
            raise self.refused(BadToken("expired"))
        return permission

    async def read(self, token: str, account_id: str) -> Permission:
        """Return what a token allows that a key of this account signed, also an expired one. Counts nothing.

        Raises BadToken, which only the account may be told: a key of another one is as unknown as an invented one.
        """
        text = read_form(token)
        key = await self._key(text.key_id)
        if key.account_id != account_id:
            raise BadToken("unknown_key")
        key.check(text.algorithm, text.signed, text.signature)
        return await self._claims(text)

    async def is_own(self, token: str) -> bool:
        """Return whether this vault made the token, or one from which accounts came."""
        return self.token_key.made(token) or (has_own_form(token) and await self.peers.made(token))

    async def is_forged(self, token: str) -> bool:
        """Return whether a token was neither made by this vault nor signed by a registered key.

        Every other token is checked completely when it is used. This check is cheap enough to come before that.
        """
        if await self.is_own(token) or is_opaque(token):
            return False
        try:
            await self._verify_signature(token)
        except BadToken as error:
            self.refused(error)
            return True
        return False

    async def _verify_signature(self, token: str) -> SignedText:
        """Return a token whose signature is good. Raises BadToken."""
        text = read_form(token)
        key = await self._key(text.key_id)
        key.check(text.algorithm, text.signed, text.signature)
        return text

    def refused(self, error: BadToken) -> NotFound:
        """Count a refusal by its reason; return the error for the listener."""
        metrics.LINKS_REFUSED.labels(error.reason).inc()
        return NotFound(NO_LINK)

    async def account_of(self, key_id: str) -> str:
        """Return the account of a key that has just checked a token."""
        return (await self._key(key_id)).account_id

    def new_key_id(self) -> str:
        """Return the id for a new key: half random, half the keyed hash of that."""
        half = new_id("lkey")[:-_TAG_CHARS]
        return half + _tag(self.token_key, half)

    async def _claims(self, text: SignedText) -> Permission:
        """Return what a token allows whose signature is good. Raises BadToken.

        A key that was registered at the vault where its account was signs for that vault or for this one.
        """
        audiences = [self.audience]
        if not _has_tag(self.token_key, text.key_id):
            peers = await self.peers.all()
            audiences += [audience_of(peer.url) for peer in peers if _has_tag(peer.key, text.key_id)]
        return read_claims(text, audiences=audiences, now=self.clock())

    async def _key(self, key_id: str) -> CheckedKey:
        """Return the key with this id. Raises BadToken."""
        if not _has_tag(self.token_key, key_id) and not any(
            _has_tag(peer.key, key_id) for peer in await self.peers.all()
        ):
            raise BadToken("unknown_key")
        keys, now = self._state.keys, asyncio.get_running_loop().time()
        known = keys.get(key_id)
        if known is None or (isinstance(known, float) and known <= now):
            row = read_link_key(await self.database.fetch(LINK_KEY, key_id=key_id))
            known = now + MISSING_TTL if row is None else checked_key(row)
            keys[key_id] = known
            while len(keys) > MAX_CACHED:
                keys.popitem(last=False)
        keys.move_to_end(key_id)
        if isinstance(known, float):
            raise BadToken("unknown_key")
        return known

    async def _check_opaque(self) -> None:
        """Let a token of an earlier release be looked up, while such links can exist, at most OPAQUE_RATE a second."""
        state = self._state
        if not state.opaque_read:
            value = await self.database.read(lambda tx: tx.metadata.get(OPAQUE_UNTIL))
            state.opaque_until = None if value is None else parse_rfc3339(value.decode())
            state.opaque_read = True
        if state.opaque_until is None or state.opaque_until <= self.clock():
            raise self.refused(BadToken("malformed"))
        if state.opaque.take(OPAQUE_RATE, OPAQUE_BURST, asyncio.get_running_loop().time()) > 0:
            raise TooMany("Too many links of an earlier release are asked for.", retry_after=1)


def _tag(key: TokenKey, half: str) -> str:
    return key.tag(half.encode()).hex()[:_TAG_CHARS]


def _has_tag(key: TokenKey, key_id: str) -> bool:
    return hmac.compare_digest(_tag(key, key_id[:-_TAG_CHARS]), key_id[-_TAG_CHARS:])


def audience_of(public_url: str) -> str:
    """Return the origin of a URL, as signed links name it: scheme, host and port."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
