"""Read one recording or a page of recordings, with the facts of their calls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.errors import NotFound
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.stores import CallFactRow, RecordingFilter
from vault.services.admission.case import Admission
from vault.services.shared.encrypted_fields import join_facts, open_facts, open_recording, search_term

_Row = tuple[Recording, RecordingKeys | None, Sequence[CallFactRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """A recording with the decrypted facts of its call."""

    recording: Recording
    facts: CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Browse:
    """Read recordings and decrypt the facts of their calls."""

    database: Database
    ring: KeyRing
    admission: Admission

    async def one(self, account_id: str, recording_id: str) -> RecordingView:
        """Return one recording in any state. Raises NotFound."""

        def find(tx: Transaction) -> _Row | None:
            recording = tx.recordings.get(account_id, recording_id)
            return None if recording is None else _row(tx, recording)

        found = await self.database.read(find)
        if found is None:
            raise NotFound("There is no such recording.")
        return await self._view(*found)

    async def page(
        self,
        account_id: str,
        wanted: RecordingFilter,
        *,
        number: str | None,
        agent: str | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[RecordingView]:
        """Return a page, newest first. Numbers and agents are found only by their keyed hashes.

        Raises Invalid if ``number`` is not a phone number.
        """
        terms: list[tuple[bytes, ...]] = []
        if number is not None:
            terms.append(await self.admission.terms_of_number(account_id, number))
        if agent is not None:
            terms.append((search_term(await self.admission.index_key(account_id), "agent", agent),))
        wanted = replace(wanted, terms=tuple(terms))

        def find(tx: Transaction) -> list[_Row]:
            return [_row(tx, r) for r in tx.recordings.page(account_id, wanted, before=before, limit=limit)]

        return [await self._view(*row) for row in await self.database.read(find)]

    async def _view(
        self, recording: Recording, keys: RecordingKeys | None, rows: Sequence[CallFactRow]
    ) -> RecordingView:
        if recording.state in {State.ERASING, State.ERASED}:
            return RecordingView(recording=recording, facts=CallFacts(call_ref=recording.call_ref))
        facts = await open_facts(self.ring, rows)
        if keys is not None and keys.details is not None:
            facts.insert(0, (await open_recording(self.ring, recording, keys)).details().facts)
        return RecordingView(recording=recording, facts=join_facts(recording.call_ref, facts))


def _row(tx: Transaction, recording: Recording) -> _Row:
    keys = tx.recordings.keys(recording.id)
    return recording, keys, tx.call_facts.of_call(recording.account_id, recording.call_ref)
