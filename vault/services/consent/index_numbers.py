"""Write the keyed hashes of numbers that came without those of every spelling.

Objections of earlier releases have that of their number in E.164 alone, and so has one that a restore brings in: the
job stays in every release. Facts of calls that an earlier release stored are read again once for each vault.
"""

import asyncio
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.transaction import Transaction
from vault.errors import NotFound, OwnKeyUnusable, Tampered
from vault.ports.keys import KeyRing
from vault.services.admission.number_terms import possible_terms
from vault.services.consent.enter_objection import ObjectionList
from vault.services.shared.encrypted_fields import open_facts
from vault.services.shared.job import EACH_MINUTE, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 200
#: The metadata entry with the last fact that was read again; with the word below when all were.
_PROGRESS: Final = "call_numbers_read"
_DONE: Final = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexNumbers:
    """Read numbers again, and write what finds them."""

    database: Database
    ring: KeyRing
    objection_list: ObjectionList

    def jobs(self) -> Sequence[Job]:
        """Return the search for numbers whose keyed hashes a restore or an older release left out."""
        return [IntervalJob(name="index_numbers", run=self, every=EACH_MINUTE, needs_objects=False)]

    async def __call__(self) -> int:
        """Return the number of objections and facts that were read. Raises Unavailable."""
        found = await self._objections() + await self._facts()
        if found:
            _LOG.info("numbers.indexed", count=found)
        return found

    async def _objections(self) -> int:
        done, after = 0, ""
        while rows := await self.database.read(
            lambda tx, after=after: tx.objections.unread(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            terms = dict[str, set[bytes]]()
            for row in rows:
                with suppress(Tampered, OwnKeyUnusable, NotFound):
                    number = await self.objection_list.number_of(row)
                    # Without its key nobody can read the number any more.
                    spelled = self.objection_list.terms_of(row.account_id, number) if number else None
                    terms[row.id] = set() if spelled is None else await spelled
                await asyncio.sleep(0)
            for row in rows:
                if row.id in terms:
                    await self.database.write(
                        lambda tx, row=row, found=terms[row.id]: tx.objections.index(row, found)  # type: ignore[misc]
                    )
            done, after = done + len(terms), rows[-1].id
        return done

    async def _facts(self) -> int:
        kept = await self.database.read(lambda tx: tx.metadata.get(_PROGRESS))
        after, done = "" if kept is None else json.loads(kept), 0
        while after != _DONE:
            rows = await self.database.read(
                lambda tx, after=after: tx.call_facts.page(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
            )
            terms = {row.id: found for row in rows if (found := await self._terms(row))}
            after = rows[-1].id if rows else _DONE
            # A transaction for each: with the locks of several calls, this and a batch of announcements could wait for
            # each other.
            for row in rows:
                if row.id in terms:
                    await self.database.write(
                        lambda tx, row=row, found=terms[row.id]: _index(tx, row, found)  # type: ignore[misc]
                    )
            progress = json.dumps(after).encode()
            await self.database.write(
                lambda tx, progress=progress: tx.metadata.replace({_PROGRESS: progress})  # type: ignore[misc]
            )
            done += len(terms)
        return done

    async def _terms(self, row: CallFactRow) -> set[bytes]:
        try:
            (facts,) = await open_facts(self.ring, [row])
            index_key = await self.objection_list.call_terms.index_key(row.account_id)
        except (NotFound, Tampered, OwnKeyUnusable):
            # What cannot be opened is in no decision either; a later release may read it.
            return set()
        return possible_terms(index_key, [one for one in (facts.caller, facts.callee) if one is not None])


def _index(tx: Transaction, row: CallFactRow, terms: Collection[bytes]) -> None:
    """Write the terms of a fact that is still there."""
    tx.lock_account_and_call(row.account_id, row.call_ref)
    if any(fact.id == row.id for fact in tx.call_facts.of_call(row.account_id, row.call_ref)):
        tx.call_facts.index(row.account_id, row.call_ref, sorted(terms))
