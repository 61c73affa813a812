"""Sealing words that an older release kept in clear: reasons, addresses, and what admins wrote in tombstones.

It runs with every release, because a restore brings in what an older one wrote to the object store.
"""

from dataclasses import dataclass

from vault.domain.stored.tombstone import PREFIX, decode_tombstones, encode_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.ports.words import TOMBSTONES_CLEAN, ClearWords
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptClearTexts:
    """Seal what lies in clear in the database, and rewrite tombstones that hold an admin's words."""

    database: Database
    objects: ObjectStore
    carried: AccountDataKeys

    async def __call__(self) -> int:
        """Return how many words were sealed, and objects rewritten. Raises Unavailable."""
        sealed, rewritten = await self._seal(), await self._clean_tombstones()
        if sealed or rewritten:
            # The words leave the database's own log, too.
            await self.database.scrub()
            _LOG.info("words.sealed", count=sealed + rewritten)
        return sealed + rewritten

    async def _seal(self) -> int:
        done = 0
        while found := await self.database.read(lambda tx: tx.words.some()):
            before = done
            for clear in found:
                done += await self._seal_one(clear)
            if done == before:
                break  # None of these accounts' keys can be used now.
        return done

    async def _seal_one(self, clear: ClearWords) -> bool:
        try:
            sealed = await self.carried.seal_words(clear.account_id, clear.what, clear.words)
        except (NotFound, OwnKeyUnusable):
            return False
        if sealed is None:
            return False

        def replace(tx: Transaction) -> None:
            tx.lock_account(clear.account_id, exclusive=True)
            tx.words.replace(clear, sealed)

        await self.database.write(replace)
        return True

    async def _clean_tombstones(self) -> int:
        """Rewrite each object that holds an admin's words under its own key; once for each vault."""
        if await self.database.read(lambda tx: tx.metadata.get(TOMBSTONES_CLEAN)) is not None:
            return 0
        rewritten = 0
        async for stored in self.objects.list(PREFIX):
            try:
                body = await self.objects.get(stored.key)
                # Reading replaces the words by the fixed sentence.
                recordings = decode_tombstones(body)
            except (NotFound, Tampered):
                continue  # fsck says so.
            clean = encode_tombstones(stored.key.split("/")[1], recordings)
            if clean != body:
                await self.objects.put(stored.key, clean)
                await self.objects.delete_older(stored.key)
                rewritten += 1
        await self.database.write(lambda tx: tx.metadata.replace({TOMBSTONES_CLEAN: b"1"}))
        return rewritten
