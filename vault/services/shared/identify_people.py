"""Compute the identities of people who signed in under an earlier release, from their sealed profiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.domain.sign_in.connection import PersonRow, decode_profile
from vault.errors import Tampered
from vault.services.shared.people_keys import PeopleKeys

_BATCH_SIZE: Final = 200


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
                (row.id, identity) for row in rows if (identity := await self._identity(row)) is not None
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
        return self.data_keys.identity(row.account_id, profile.issuer, profile.subject)
