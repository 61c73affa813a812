"""The name of an actor of the access log, to show beside its id: of an API key, or of a person who signed in."""

from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.sign_in.connection import OPERATORS, PersonRow, decode_profile
from vault.errors import NotFound, Tampered
from vault.services.shared.people_keys import PeopleKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorNames:
    """Read names of actors."""

    database: Database
    data_keys: PeopleKeys

    async def __call__(self, account_id: str, actor: str) -> str | None:
        """Return the name of a key or a person; None if none is known. Raises Unavailable."""

        def read(tx: Transaction) -> str | PersonRow | None:
            key = tx.api_keys.find(actor)
            if key is not None:
                return key[0].name
            return tx.people.get(account_id, actor) or tx.people.get(OPERATORS, actor)

        found = await self.database.read(read)
        return await self._name(found) if isinstance(found, PersonRow) else found

    async def _name(self, person: PersonRow) -> str | None:
        try:
            text = await self.data_keys.open_words(person.account_id, "member", person.sealed_profile)
        except (NotFound, Tampered):
            return None
        return None if text is None else decode_profile(text).name
