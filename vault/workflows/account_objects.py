"""Account objects and tombstones: written when they are due, so that the bucket can stand alone.

An object of an account is written under the number of its newest change, and those before it go. One node
at a time writes, by turns; should one that lost its turn write late, its object has a lower number, and
the account is due again. A crash leaves an object too many, never one too few.
"""

from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.account_object import (
    PREFIX,
    AccountObject,
    Envelope,
    encode_account,
    encode_envelope,
    location_of,
    parse_location,
    prompt_location,
)
from vault.domain.ids import new_id
from vault.domain.tombstone import MOST, encode_tombstones
from vault.domain.tombstone import location_of as location_of_tombstones
from vault.errors import OwnKeyUnusable
from vault.ports.database import Database
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import seal

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAccountObjects:
    """Write the objects of accounts that changed."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def any_due(self) -> bool:
        """Say whether there is one to write."""
        return bool(await self.database.read(lambda tx: tx.account_objects.due(1)))

    async def __call__(self) -> bool:
        """Do a few; False if none could be written. Raises NotFound if an account's key is gone, Unavailable."""
        put_off: list[str] = []
        written = 0
        while not written:
            due = await self.database.read(lambda tx: tx.account_objects.due(_AT_ONCE, but=put_off))
            if not due:
                break
            for account_id in due:
                try:
                    await self._write(account_id)
                    written += 1
                except OwnKeyUnusable:
                    # Its owner took the key away; the other accounts do not wait for that.
                    put_off.append(account_id)
        return bool(written)

    async def _write(self, account_id: str) -> None:
        known = await self.database.read(lambda tx: tx.account_objects.read(account_id))
        # Not the current version as the ring remembers it: the one that this very reading has.
        key = await self.ring.version(account_id, max(known.keys))
        context = bound.of_account_object(account_id, known.revision)
        envelope = Envelope(
            account_id=account_id,
            revision=known.revision,
            keys=known.keys,
            sealed=seal(key.key, context, encode_account(known)),
        )
        unknown = await self._write_prompts(known)
        await self.objects.put(location_of(account_id, known.revision), encode_envelope(envelope))
        async for stored in self.objects.list(f"{PREFIX}{account_id}/"):
            found = parse_location(stored.key)
            if found is not None and found[1] < known.revision:
                unknown.append(stored.key)
        revisions = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        if revisions is None or revisions.now != known.revision:
            # Whoever wrote the newer one may have prompts of which this knew nothing. It is due again: what
            # was written here may have come after that.
            await self.database.write(lambda tx: tx.account_objects.written(account_id, known.revision))
            return
        for location in unknown:
            await self.objects.delete(location)
        # Last: what lay there from before holds keys, and must not outlive a failure on the way.
        await self.database.write(lambda tx: tx.account_objects.written(account_id, known.revision))

    async def _write_prompts(self, known: AccountObject) -> list[str]:
        """Write the audio of notices that is not there yet; return what no notice has any more."""
        account_id = known.account.id
        there = {stored.key async for stored in self.objects.list(prompt_location(account_id, ""))}
        wanted = set()
        for notice_id, (digest, _) in known.prompts.items():
            location = prompt_location(account_id, digest)
            wanted.add(location)
            if location in there:
                continue
            prompt = await self.database.read(lambda tx, n=notice_id: tx.account_objects.prompt(n))  # type: ignore[misc]
            if prompt is not None:
                await self.objects.put(location, prompt.message)
        return sorted(there - wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTombstones:
    """Write the tombstones that are due, several of one account in one object."""

    database: Database
    objects: ObjectStore

    async def any_due(self) -> bool:
        """Say whether there is one to write."""
        return bool(await self.database.read(lambda tx: tx.tombstones.due(1)))

    async def __call__(self) -> bool:
        """Write those of one account; False if none was due."""
        due = await self.database.read(lambda tx: tx.tombstones.due(MOST))
        if not due:
            return False
        account_id = due[0].account_id
        location = location_of_tombstones(account_id, new_id("tomb"))
        await self.objects.put(location, encode_tombstones(account_id, due))
        await self.database.write(lambda tx: tx.tombstones.written(due))
        return True
