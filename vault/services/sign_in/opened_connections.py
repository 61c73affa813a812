"""Seals and opens the settings of sign-in connections and the profiles of people."""

import hashlib
import hmac
import json
from dataclasses import dataclass

from vault.domain.sign_in.connection import (
    PersonRow,
    Profile,
    ProviderSettings,
    SealedConnection,
    SignInConnection,
    decode_profile,
    decode_settings,
    encode_profile,
    encode_settings,
)
from vault.domain.sign_in.seen_claims import SeenClaims, decode_seen, encode_seen
from vault.errors import Tampered
from vault.services.shared.people_keys import PeopleKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedConnections:
    """Seal and open settings and profiles under the keys of their account."""

    data_keys: PeopleKeys

    async def open(self, row: SealedConnection) -> SignInConnection:
        """Return a connection with its settings. Raises NotFound, Tampered, Unavailable."""
        text = await self.data_keys.open_words(row.account_id, "sign-in", row.sealed_settings)
        if text is None:
            raise Tampered("A sign-in connection has no settings.")
        return SignInConnection(
            id=row.id,
            account_id=row.account_id,
            name=row.name,
            revision=row.revision,
            settings=decode_settings(text),
            changed_at=row.changed_at,
            changed_by=row.changed_by,
        )

    async def seal(self, account_id: str, settings: ProviderSettings) -> str:
        """Seal settings. Raises NotFound, Unavailable."""
        return await self.data_keys.seal_words(account_id, "sign-in", encode_settings(settings)) or ""

    async def person_id(self, connection: SignInConnection, subject: str) -> str:
        """Return the id of a person: a keyed hash, so that ids in the log say nothing without the account's keys."""
        return await self.hashed(connection, "per", subject)

    async def hashed(self, connection: SignInConnection, what: str, name: str) -> str:
        """Return a keyed hash of a provider's name for something, as an id with the prefix ``what``."""
        key = await self.data_keys.index_key(connection.account_id)
        parts = [what, connection.id, connection.settings.issuer, name]
        digest = hmac.digest(key, json.dumps(parts).encode(), hashlib.sha256)
        return f"{what}_{digest.hex()[:32]}"

    async def seal_profile(self, account_id: str, profile: Profile) -> str:
        """Seal a person's profile. Raises NotFound, Unavailable."""
        return await self.data_keys.seal_words(account_id, "member", encode_profile(profile)) or ""

    async def seal_claims(self, account_id: str, seen: SeenClaims) -> str:
        """Seal what the last sign-in carried. Raises NotFound, Unavailable."""
        return await self.data_keys.seal_words(account_id, "sign-in-claims", encode_seen(seen)) or ""

    async def open_claims(self, account_id: str, sealed: str | None) -> SeenClaims | None:
        """Return what the last sign-in carried; None before the first. Raises NotFound, Tampered, Unavailable."""
        text = await self.data_keys.open_words(account_id, "sign-in-claims", sealed)
        return None if text is None else decode_seen(text)

    async def open_profile(self, person: PersonRow) -> Profile | None:
        """Return a person's profile; None if only the removal of the person is known."""
        text = await self.data_keys.open_words(person.account_id, "member", person.sealed_profile)
        return None if text is None else decode_profile(text)
