"""The texts of a package beside the audio: consultations, evidence of consent, receipts and recipients."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.database.interface import Database
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import Voice
from vault.domain.calls.metadata import Metadata
from vault.domain.playback.note import Note
from vault.domain.requests.package import CONSULTATIONS, evidence_json
from vault.domain.stored.evidence import Evidence
from vault.errors import Unavailable
from vault.rfc3339 import write_rfc3339
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.requests.receipts import Receipts
from vault.services.requests.speakers import Spoken
from vault.services.shared.paced import paced
from vault.services.shared.sealed_metadata import SealedMetadata
from vault.services.shared.sealed_notes import open_note

#: The event of a write to another system.
_HANDED_OVER: Final = "handover.sent"
#: Events of a recording per read.
_EVENTS: Final = 500
#: Notes on a recording per read.
_NOTES: Final = 100
#: Receipts of earlier requests of the person in one package: more than anybody gets in three years.
_MAX_RECEIPTS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContents:
    """Read the texts of a package about each recording and the person's earlier requests."""

    database: Database
    receipts: Receipts
    sealed_metadata: SealedMetadata

    async def consultations(self, account_id: str, recording_id: str) -> list[dict[str, object]]:
        """Return when and how a recording was consulted, without the names of listeners, which stay sealed.

        With it what was handed over of it, and to which system.
        """
        purposes = await self.database.read(
            lambda tx: {link.id: link.purpose for link in tx.links.of_recording(account_id, recording_id)}
        )
        systems = await self.database.read(
            lambda tx: {one.id: one.system for one in tx.integrations.of_account(account_id)}
        )
        return [
            {
                "recording": recording_id,
                "at": write_rfc3339(event.at),
                "what": event.type,
                "purpose": purposes.get(event.link_id or ""),
                **_recipient(event, systems),
            }
            for event in await self._events(account_id, recording_id)
            if event.type in CONSULTATIONS or event.type == _HANDED_OVER
        ]

    async def _events(self, account_id: str, recording_id: str) -> list[AccessEvent]:
        """Return the events of a recording, in the order of the log; last, those that are not in its tree yet."""
        # These are read first: one that comes into the tree meanwhile is then read twice, and not missed.
        waiting = await self.database.read(lambda tx: tx.events.waiting(account_id, recording_id))
        found: dict[str, AccessEvent] = {}
        start = 0
        while True:
            page = await self.database.read(
                lambda tx, start=start: tx.events.page(  # type: ignore[misc]
                    account_id, recording_id=recording_id, start=start, limit=_EVENTS
                )
            )
            found |= {one.event.id: one.event for one in page}
            if len(page) < _EVENTS:
                return list((found | {event.id: event for event in waiting}).values())
            start = page[-1].index + 1

    async def of_recording(
        self, spoken: Spoken, evidence: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield name and text of each file of a recording beside its audio. Raises Tampered, Unavailable.

        ``evidence``: what ``evidence`` returned.
        """
        yield "evidence.json", json.dumps(evidence, indent=2)
        if notes := await self._notes(spoken):
            yield "notes.json", json.dumps(notes, indent=2)
        if metadata := await self._metadata(spoken):
            yield "metadata.json", json.dumps(metadata, indent=2)

    async def _metadata(self, spoken: Spoken) -> dict[str, Metadata]:
        """Return what the account notes of a call and its recording, which is about its parties."""
        recording = spoken.opened.recording
        rows = await self.database.read(
            lambda tx: tx.call_metadata.of_calls(recording.account_id, [recording.call_ref], [recording.id])
        )
        opened = await self.sealed_metadata.open_all(rows)
        parts = {
            "call": opened.get((recording.call_ref, "")),
            "recording": opened.get((recording.call_ref, recording.id)),
        }
        return {name: metadata for name, metadata in parts.items() if metadata}

    async def _notes(self, spoken: Spoken) -> list[dict[str, object]]:
        """Return what listeners wrote down of a call, which is about its parties, without who wrote it."""
        opened, notes, after = spoken.opened, list[Note](), ""
        where = (opened.recording.account_id, opened.recording.id)
        while True:
            page = await self.database.read(
                lambda tx, after=after: tx.recording_notes.of_recording(*where, after=after, limit=_NOTES)  # type: ignore[misc]
            )
            notes += [open_note(opened, row) async for row in paced(page)]
            if len(page) < _NOTES:
                break
            after = page[-1].id
        return [
            {
                "at_seconds": note.content.at,
                "text": note.content.text,
                "made_at": write_rfc3339(note.made_at),
            }
            for note in sorted(notes, key=lambda note: (note.content.at, note.id))
        ]

    async def evidence(self, spoken: Spoken) -> Sequence[Mapping[str, Any]]:
        """Return the evidence of a recording without what the other party said. Raises Tampered, Unavailable."""
        opened = spoken.opened
        rows = await self.database.read(lambda tx: tx.evidence.of_recording(opened.recording.id))
        entries = [
            Evidence(canonical=opened.details().evidence),
            *[open_entry(opened, row) async for row in paced(rows)],
        ]
        side: Voice | None = None if spoken.channel is None else opened.recording.voices[spoken.channel]
        return [evidence_json(entry.content, entry.digest, side) for entry in entries]

    async def earlier_receipts(
        self, account_id: str, terms: frozenset[bytes]
    ) -> AsyncIterator[tuple[str, str]]:
        """Yield the id of each closed request of the person with its receipt, the newest first. Raises Tampered."""
        for request_id in await self.database.read(
            lambda tx: tx.requests.with_receipt(account_id, terms, limit=_MAX_RECEIPTS)
        ):
            try:
                yield request_id, (await self.receipts.read(account_id, request_id)).decode()
            except Unavailable:
                # The log cannot be proven now: the receipt is had from the request itself.
                continue


def _recipient(event: AccessEvent, systems: Mapping[str, str]) -> dict[str, object]:
    """Return to which system something was handed over, where that is what was done."""
    if event.type != _HANDED_OVER:
        return {}
    return {"recipient": systems.get((event.result or "").partition("/")[0])}
