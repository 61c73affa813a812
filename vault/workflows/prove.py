"""For auditors: the access events of an account, and the key that opens one recording elsewhere."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.access_event import AccessEvent
from vault.domain.recording import Recording, RecordingKeys
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.sealing.message import open_message
from vault.workflows.seals import open_recording, sealed_under


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents:
    """Read the access events, with their sealed details opened."""

    database: Database
    ring: KeyRing

    async def __call__(
        self, account_id: str, *, recording_id: str | None, after: int, limit: int
    ) -> Sequence[tuple[int, AccessEvent, Mapping[str, str]]]:
        """Return positions, events and details, oldest first, those after ``after``."""
        rows = await self.database.read(
            lambda tx: tx.events.page(account_id, recording_id=recording_id, after=after, limit=limit)
        )
        return [(position, event, await self._detail(account_id, event)) for position, event in rows]

    async def _detail(self, account_id: str, event: AccessEvent) -> Mapping[str, str]:
        if event.sealed_detail is None:
            return {}
        key = await self.ring.version(account_id, sealed_under(event.sealed_detail))
        text = open_message(key.key, event.sealed_detail, context=bound.of_event_detail(account_id, event.id))
        said: dict[str, str] = json.loads(text)
        return {name: value for name, value in said.items() if name != "v"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKey:
    """Give out one recording's key, so that its objects can be opened without the vault. On record first."""

    database: Database
    ring: KeyRing
    clock: Clock

    async def __call__(self, recording_id: str, *, actor: str) -> Mapping[str, object]:
        """Return what the official AWS Encryption SDK needs to open the objects. Raises NotFound."""

        def take(tx: Transaction) -> tuple[Recording, RecordingKeys]:
            recording = tx.recordings.by_id(recording_id)
            keys = tx.recordings.keys(recording_id)
            if recording is None or keys is None:
                raise NotFound("There is no such recording, or it was erased.")
            tx.events.append(
                AccessEvent(
                    type="key.exported",
                    at=self.clock(),
                    account_id=recording.account_id,
                    actor=actor,
                    recording_id=recording_id,
                )
            )
            return recording, keys

        recording, keys = await self.database.write(take)
        opened = await open_recording(self.ring, recording, keys)
        sealed = {"audio": opened.recording.audio, "rendition": opened.recording.rendition}
        return {
            "recording": recording_id,
            "key_namespace": opened.key.namespace,
            "key_name": opened.key.name,
            "key_hex": opened.key.secret.hex(),
            "objects": [
                {"purpose": purpose, "location": one.location, "bytes": one.size}
                for purpose, one in sealed.items()
                if one is not None
            ],
        }
