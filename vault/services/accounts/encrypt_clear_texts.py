"""Seal texts that an older release stored in clear: reasons, URLs, and admins' texts in tombstones.

It stays in every release, because a restore may bring in objects that an older release wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.stores.accounts.clear_texts import TOMBSTONES_CLEAN, ClearText
from vault.database.transaction import Transaction
from vault.domain.stored.tombstone import PREFIX, decode_tombstones, encode_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.objects import ObjectStore
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptClearTexts:
    """Seal clear texts in the database, and rewrite tombstones that contain an admin's text."""

    database: Database
    objects: ObjectStore
    data_keys: AccountDataKeys

    def jobs(self) -> Sequence[Job]:
        """Return the search for texts in clear."""
        return [IntervalJob(name="seal_words", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> int:
        """Return the number of texts sealed plus objects rewritten. Raises Unavailable."""
        sealed, rewritten = await self._seal(), await self._clean_tombstones()
        if sealed or rewritten:
            # Remove the clear texts from the database's own log too.
            await self.database.scrub(moved=True)
            _LOG.info("words.sealed", count=sealed + rewritten)
        return sealed + rewritten

    async def _seal(self) -> int:
        done = 0
        while found := await self.database.read(lambda tx: tx.clear_texts.some()):
            before = done
            for clear in found:
                done += await self._seal_one(clear)
            if done == before:
                break  # None of these accounts' keys is usable now.
        return done

    async def _seal_one(self, clear: ClearText) -> bool:
        try:
            sealed = await self.data_keys.seal_words(clear.account_id, clear.what, clear.words)
        except (NotFound, OwnKeyUnusable):
            return False
        if sealed is None:
            return False

        def replace(tx: Transaction) -> None:
            tx.lock_account(clear.account_id, exclusive=True)
            tx.clear_texts.replace(clear, sealed)

        await self.database.write(replace)
        return True

    async def _clean_tombstones(self) -> int:
        """Rewrite in place each object that contains an admin's text; once per vault."""
        if await self.database.read(lambda tx: tx.metadata.get(TOMBSTONES_CLEAN)) is not None:
            return 0
        rewritten = 0
        async for stored in self.objects.list(PREFIX):
            try:
                body = await self.objects.get(stored.key)
                # The decoder replaces the admin's text by a fixed sentence.
                recordings = decode_tombstones(body)
            except (NotFound, Tampered):
                continue  # fsck reports it.
            clean = encode_tombstones(stored.key.split("/")[1], recordings)
            if clean != body:
                await self.objects.put(stored.key, clean)
                await self.objects.delete_older(stored.key)
                rewritten += 1
        await self.database.write(lambda tx: tx.metadata.replace({TOMBSTONES_CLEAN: b"1"}))
        return rewritten
