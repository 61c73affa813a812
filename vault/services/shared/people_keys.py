"""Seal what is about people who sign in: under the keys of their account, and of operators under a key of the vault.

The identities of people who signed in under an earlier release are computed from their sealed profiles.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.database.interface import Database
from vault.database.stores.accounts.clear_texts import Words
from vault.domain.sign_in.connection import OPERATORS, PersonRow, decode_profile
from vault.domain.sign_in.identity import new_identity
from vault.domain.stored import encryption_context as bound
from vault.errors import Tampered
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal
from vault.services.shared.account_data_keys import AccountDataKeys, read_words, write_words
from vault.services.shared.paced import paced
from vault.services.shared.peer_keys import PeerKeys

_SEALING: Final = b"callvault sign-in of operators, sealing\x01"
_INDEX: Final = b"callvault sign-in of operators, index\x01"
_CHALLENGES: Final = b"callvault passkeys, challenges\x01"
_IDENTITY: Final = b"callvault people, identity\x01"
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleKeys(AccountDataKeys):
    """The keys of accounts, and those of the operators' sign-in, which belongs to no account.

    The latter are derived from a secret that every node has and that never changes (RFC 5869, expand), as the keys of
    links are.
    """

    secret: bytes = field(repr=False)
    peers: PeerKeys

    @property
    def challenge_key(self) -> bytes:
        """Return the key that signs the challenges of passkeys, the same on every node."""
        return self._derived(_CHALLENGES)

    async def index_key(self, account_id: str) -> bytes:
        """Return the key that hashes names. Raises NotFound."""
        if account_id == OPERATORS:
            return self._derived(_INDEX)
        return await AccountDataKeys.index_key(self, account_id)

    async def identity(self, account_id: str, issuer: str, subject: str) -> str:
        """Return the keyed hash of a human, by a key that all connections, accounts and operators share.

        An account that came from another vault keeps the key of that one: the rows of those who were removed have the
        hash alone. Raises Unavailable.
        """
        peer = None if account_id == OPERATORS else await self.peers.of_account(account_id)
        key = identity_key(self.secret) if peer is None else peer.identity_key
        return new_identity(key, account_id, issuer, subject)

    async def seal_detail(self, account_id: str, event_id: str, detail: Mapping[str, str]) -> bytes | None:  # type: ignore[override]
        """Seal the personal data of an access event; None for operators, whose events belong to no account."""
        if account_id == OPERATORS:
            return None
        return await AccountDataKeys.seal_detail(self, account_id, event_id, detail)

    async def seal_words(self, account_id: str, what: Words, words: str | None) -> str | None:
        """Seal a text. Raises NotFound, Unavailable."""
        if account_id != OPERATORS or words is None:
            return await AccountDataKeys.seal_words(self, account_id, what, words)
        return write_words(seal(self._key(), bound.of_words(account_id, what), words.encode()))

    async def open_words(self, account_id: str, what: Words, kept: str | None) -> str | None:
        """Open a text. Raises NotFound if the key is destroyed, Tampered."""
        if account_id != OPERATORS or kept is None:
            return await AccountDataKeys.open_words(self, account_id, what, kept)
        return open_message(self._key(), read_words(kept), context=bound.of_words(account_id, what)).decode()

    def _key(self) -> NamedKey:
        return NamedKey(name="operators/sign-in", secret=self._derived(_SEALING))

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self.secret, purpose, hashlib.sha256)


def identity_key(secret: bytes) -> bytes:
    """Return the key of a vault that hashes who people are."""
    return hmac.digest(secret, _IDENTITY, hashlib.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyPeople:
    """Fill in identities before they are compared. Once all are there, it costs one read."""

    database: Database
    data_keys: PeopleKeys

    async def __call__(self, account_id: str) -> None:
        """Note the identity of each person of an account that has none. Raises NotFound, Unavailable."""
        rows, after = await self._batch(account_id, ""), ""
        while rows:
            found = [
                (row.id, identity)
                async for row in paced(rows)
                if (identity := await self._identity(row)) is not None
            ]
            await self.database.write(
                lambda tx, found=found: [tx.people.identify(*one) for one in found] and None  # type: ignore[misc]
            )
            after = rows[-1].id
            rows = await self._batch(account_id, after)

    async def _batch(self, account_id: str, after: str) -> Sequence[PersonRow]:
        return await self.database.read(
            lambda tx: tx.people.without_identity(account_id, after=after, limit=_BATCH_SIZE)
        )

    async def _identity(self, row: PersonRow) -> str | None:
        """Return the identity; None for a row that was changed, of which nothing is concluded."""
        try:
            text = await self.data_keys.open_words(row.account_id, "member", row.sealed_profile)
        except Tampered:
            return None
        if text is None:
            return None
        profile = decode_profile(text)
        return await self.data_keys.identity(row.account_id, profile.issuer, profile.subject)
