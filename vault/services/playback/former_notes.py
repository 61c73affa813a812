"""Notes of listeners who cannot sign in any more, for the people in charge of privacy.

A note is its author's alone. After the author has left, it is still personal data of the parties of the call, and
somebody must be able to read it: to answer for it, and to decide on the recording.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.stores.recordings.recording_notes import FormerNote
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.note import Note
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.sign_in.connection import decode_profile
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.sealed_notes import NO_RECORDING, open_note, recording_with_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftNote:
    """A note with its author."""

    note: Note
    #: The id of the person or of the API key.
    author: str
    #: The name of the person or of the key; None if only the removal of the person is known.
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerNotes:
    """Read what former listeners wrote down: removed members, people of a deleted sign-in connection, revoked keys."""

    database: Database
    ring: KeyRing
    data_keys: PeopleKeys
    clock: Clock

    async def page(
        self, account_id: str, recording_id: str, *, after: str, limit: int, actor: str
    ) -> Sequence[LeftNote]:
        """Return notes by their ids, those after ``after``. If there are any, that they were read is logged before.

        Raises NotFound, RecordingErased, Refused for a recording that is not available, Tampered, Unavailable.
        """

        def read(tx: Transaction) -> tuple[Recording, RecordingKeys, Sequence[FormerNote]]:
            recording = recording_with_notes(tx, account_id, recording_id)
            keys = tx.recordings.keys(recording_id)
            if keys is None:
                raise NotFound(NO_RECORDING)
            found = tx.recording_notes.of_former(account_id, recording_id, after=after, limit=limit)
            return recording, keys, found

        recording, keys, found = await self.database.read(read)
        if not found:
            return []
        event = AccessEvent(
            type="note.read", at=self.clock(), account_id=account_id, actor=actor, recording_id=recording_id
        )
        await self.database.write(lambda tx: tx.events.append(event))
        opened = await open_recording(self.ring, recording, keys)
        names = await self._names(found)
        return [
            LeftNote(
                note=open_note(opened, one.note), author=one.note.author, name=names.get(one.note.author)
            )
            async for one in paced(found)
        ]

    async def _names(self, found: Sequence[FormerNote]) -> Mapping[str, str]:
        """Return the names of authors."""
        names: dict[str, str] = {}
        async for one in paced(found):
            if one.note.author in names:
                continue
            if one.key_name is not None:
                names[one.note.author] = one.key_name
            elif one.person_account is not None:
                text = await self.data_keys.open_words(one.person_account, "member", one.sealed_profile)
                if text is not None:
                    names[one.note.author] = decode_profile(text).name
        return names
