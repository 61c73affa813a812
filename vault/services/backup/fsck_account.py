"""Compare each account with its newest object: would a restore give the account's current state?"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from vault.database.account_object import differences
from vault.database.interface import Database
from vault.domain.stored.account_object_name import ObjectName, location_of
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.audit_log.own_history import account_object_names, sort_by_history
from vault.services.backup.write_account_objects import open_account_object

#: Accounts per transaction.
_ACCOUNTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareAccount:
    """Reports problems with an account's newest object, one sentence each."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def accounts(self) -> AsyncIterator[str]:
        """Yield the ids of all accounts."""
        after = ""
        while ids := await self.database.read(
            lambda tx, after=after: tx.account_objects.ids(after=after, limit=_ACCOUNTS)  # type: ignore[misc]
        ):
            for account_id in ids:
                yield account_id
            after = ids[-1]

    async def findings(self, account_id: str) -> list[str]:
        """Return findings about one account; none while its object is due, or if it was written meanwhile."""
        if not await self._settled(account_id):
            return []
        names = await account_object_names(self.objects, account_id)
        own = (await sort_by_history(self.database, names)).own
        found = await self._newest(account_id, own[0]) if own else [f"{account_id}: its object is missing."]
        return found if await self._settled(account_id) else []

    async def _settled(self, account_id: str) -> bool:
        row = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        return row is not None and row.now == row.written

    async def _newest(self, account_id: str, name: ObjectName) -> list[str]:
        known = await self.database.read(lambda tx: tx.account_objects.read(account_id))
        if name.revision != known.revision:
            older = f"is of revision {name.revision}, and the account of revision {known.revision}."
            return [f"{account_id}: its newest object {location_of(name)} {older}"]
        try:
            stored = await open_account_object(self.objects, self.ring, name)
        except NotFound:
            return []  # A newer one has replaced it.
        except OwnKeyUnusable:
            return []  # The customer-managed key cannot be used, so it cannot be decrypted.
        except Tampered as error:
            return [f"{account_id}: its object {location_of(name)} cannot be used: {error}"]
        if found := differences(stored, known):
            return [f"{account_id}: its object {location_of(name)} differs in {', '.join(found)}."]
        return []
