"""What a listener sees of a call beside its sound: who is heard, when it was, and what the parties were told.

No number, no name of a party and no reference is among it: a link is for hearing one recording. It is part of
what ``playback.open`` put on record, so it is no access of its own.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.domain.calls.call import CallFacts, Direction
from vault.domain.consent.consent_event import Party
from vault.domain.notices.notice import Notice, text_digest
from vault.domain.playback.link import Link, Session
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.evidence import Evidence
from vault.errors import NotFound, Tampered
from vault.ports.consent_stores import EvidenceRow
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.stores import CallFactRow
from vault.services.admission.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import (
    OpenedRecording,
    join_facts,
    open_facts,
    open_listener,
    open_recording,
)

_Rows = tuple[Link, RecordingKeys, Sequence[CallFactRow], Sequence[EvidenceRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldNotice:
    """What a party was told, word for word as the evidence pins it."""

    party: Party
    #: A tag such as ``fr-CA``.
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """A call as its listener sees it."""

    #: Who is meant to listen.
    listener: str
    direction: Direction | None
    #: None where nobody said when the call began.
    started_at: datetime | None
    #: In the order in which the parties were told, each notice once for each party.
    notices: tuple[ToldNotice, ...]
    #: Whether the link lets its listener keep the original as a file.
    may_download: bool
    #: False where the describer crashed.
    has_waveform: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCall:
    """Open what the player's page says of a call."""

    database: Database
    ring: KeyRing

    async def __call__(self, session: Session, recording: Recording) -> ShownCall:
        """Return what an open session may see. Raises NotFound, Tampered, Unavailable."""
        link, keys, said, entries = await self.database.read(lambda tx: _rows(tx, session, recording))
        opened = await open_recording(self.ring, recording, keys)
        facts = await self._facts(opened, said)
        return ShownCall(
            listener=await open_listener(self.ring, link),
            direction=facts.direction,
            started_at=facts.started_at or recording.call_started_at,
            notices=await self._notices(opened, entries),
            may_download=link.download,
            has_waveform=keys.waveform is not None,
        )

    async def _facts(self, opened: OpenedRecording, rows: Sequence[CallFactRow]) -> CallFacts:
        said = await open_facts(self.ring, rows)
        return join_facts(opened.recording.call_ref, [opened.details().facts, *said])

    async def _notices(
        self, opened: OpenedRecording, entries: Sequence[EvidenceRow]
    ) -> tuple[ToldNotice, ...]:
        account_id = opened.recording.account_id
        evidence = [Evidence(canonical=opened.details().evidence)]
        evidence += [open_entry(opened, row) for row in entries]
        # A dict keeps the order, and one of each.
        told = {(event["party"], event["notice"]["id"]): event["notice"] for event in _announced(evidence)}

        def read(tx: Transaction) -> dict[str, Notice | None]:
            return {notice_id: tx.notices.get(account_id, notice_id) for _, notice_id in told}

        notices = await self.database.read(read) if told else {}
        return tuple(
            _told(party, notice, pinned)
            for (party, notice_id), pinned in told.items()
            if (notice := notices[notice_id]) is not None
        )


def _rows(tx: Transaction, session: Session, recording: Recording) -> _Rows:
    link = tx.links.get(session.account_id, session.link_id)
    keys = tx.recordings.keys(recording.id)
    if link is None or keys is None or keys.details is None:
        raise NotFound("This session has ended. Open the link again.")
    facts = tx.call_facts.of_call(recording.account_id, recording.call_ref)
    return link, keys, facts, tx.evidence.of_recording(recording.id)


def _announced(evidence: Sequence[Evidence]) -> Iterator[dict[str, Any]]:
    """Yield the consent events that name a notice."""
    for entry in evidence:
        said = entry.said
        events = said["consent"] if said["kind"] == "sealing" else [said["event"]] if "event" in said else []
        yield from (event for event in events if "notice" in event)


def _told(party: Party, notice: Notice, pinned: dict[str, Any]) -> ToldNotice:
    """Raise Tampered where the text is not the one that the evidence has the digest of."""
    if not hmac.compare_digest(text_digest(notice.text), pinned["text_sha256"]):
        raise Tampered("A notice is not what was announced.")
    return ToldNotice(party=party, language=notice.language, text=notice.text)
