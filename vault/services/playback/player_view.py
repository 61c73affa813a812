"""What the player shows, the waveform and the call details; and what it reports as heard.

Call details are the listener, direction, start time and the notices to the parties. They hold no phone number, party
name or reference: a link gives access to one recording only. The ``playback.open`` event covers them, so they are not
logged as a separate access.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.listening import encode_heard
from vault.domain.calls.call import CallFacts, Direction
from vault.domain.consent.consent_event import Party
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice, text_digest
from vault.domain.playback.link import Link, Session, plays_without_right
from vault.domain.recordings.media import Waveform, read_waveform
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.recordings.removed import RemovedRange, removed_ranges
from vault.domain.stored.evidence import Evidence
from vault.errors import NotFound, Tampered
from vault.ports.audio import SpanDecoder
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.playback.audio_parts import AudioPart, find_part, require_part
from vault.services.playback.playable_audio import PlayableAudio, not_playable
from vault.services.playback.session_allowance import Allowance
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import (
    OpenedRecording,
    join_facts,
    open_facts,
    open_listener,
    open_recording,
)
from vault.services.shared.paced import paced
from vault.services.shared.sealed_audio import with_waveform

_Rows = tuple[Link, RecordingKeys, Sequence[CallFactRow], Sequence[EvidenceRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedNotice:
    """A notice that a party received, verified against the digest in the evidence."""

    party: Party
    #: A tag such as ``fr-CA``.
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """The call details that a listener may see."""

    #: The name of the intended listener.
    listener: str
    direction: Direction | None
    #: None if the start time is unknown.
    started_at: datetime | None
    #: In the order of delivery, each notice once per party.
    notices: tuple[ReceivedNotice, ...]
    #: Whether the link allows the original to be downloaded.
    may_download: bool
    #: False if the describer crashed.
    has_waveform: bool
    #: Ranges of the audio that became silence, in order.
    removed: tuple[RemovedRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Show the details of the call and the waveform to a listener, and log what the player says that it played."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    clock: Clock
    allowance: Allowance
    decoder: SpanDecoder
    data_keys: AccountDataKeys

    async def call_view(self, session: Session, recording: Recording) -> ShownCall:
        """Return the call details of an open session for its page. Raises NotFound, Tampered, Unavailable."""
        link, keys, fact_rows, entries = await self.database.read(lambda tx: _rows(tx, session, recording))
        opened = await open_recording(self.ring, recording, keys)
        facts = await self._facts(opened, fact_rows)
        evidence = [Evidence(canonical=opened.details().evidence)]
        evidence += [open_entry(opened, row) async for row in paced(entries)]
        return ShownCall(
            listener=await open_listener(self.ring, link),
            direction=facts.direction,
            started_at=facts.started_at or recording.call_started_at,
            notices=await self._notices(recording.account_id, evidence),
            may_download=link.download,
            has_waveform=recording.duration is not None,
            removed=removed_ranges([entry.content for entry in evidence]),
        )

    async def part(
        self, session: Session, recording: Recording, audio: PlayableAudio, *, begin: float, end: float
    ) -> AudioPart:
        """Return where a part of the audio lies, which then is streamed as any range is.

        To find it uses one entry of the session's allowance, since it is work of the decoder. Raises as ``find_part``
        does, and Invalid, TooMany.
        """
        require_part(begin, end)
        await self.allowance.use(session.id)
        return await find_part(self.decoder, audio, recording, begin=begin, end=end)

    async def _facts(self, opened: OpenedRecording, rows: Sequence[CallFactRow]) -> CallFacts:
        later_facts = await open_facts(self.ring, rows)
        return join_facts(opened.recording.call_ref, [opened.details().facts, *later_facts])

    async def _notices(self, account_id: str, evidence: Sequence[Evidence]) -> tuple[ReceivedNotice, ...]:
        # A dict removes duplicates and keeps the order.
        announced = {
            (event["party"], event["notice"]["id"]): event["notice"] for event in _announced(evidence)
        }

        def read(tx: Transaction) -> dict[str, Notice | None]:
            return {notice_id: tx.notices.get(account_id, notice_id) for _, notice_id in announced}

        notices = await self.database.read(read) if announced else {}
        return tuple(
            _verified(party, notice, pinned)
            for (party, notice_id), pinned in announced.items()
            if (notice := notices[notice_id]) is not None
        )

    async def waveform(
        self, account_id: str, recording_id: str, *, actor: str, session_id: str | None = None
    ) -> Waveform:
        """Return the waveform of an available recording. Raises NotFound, TooMany."""
        if session_id is not None:
            await self.allowance.use(session_id)
        event = AccessEvent(
            type="waveform.read",
            at=self.clock(),
            account_id=account_id,
            actor=actor,
            recording_id=recording_id,
            session_id=session_id,
        )

        def take(tx: Transaction) -> tuple[Recording, RecordingKeys]:
            recording, keys = tx.recordings.get(account_id, recording_id), tx.recordings.keys(recording_id)
            if recording is None or keys is None or not _is_playable(tx, recording, session_id):
                raise not_playable(recording if session_id is None else None)
            tx.events.append(event)
            return recording, keys

        recording, keys = await self.database.write(take)
        keys = await with_waveform(self.objects, recording, keys)
        waveform = (await open_recording(self.ring, recording, keys)).waveform()
        if not waveform:
            raise NotFound("This recording has no waveform.")
        return read_waveform(waveform, recording.channels or 1)

    async def report_heard(
        self, session: Session, recording: Recording, spans: Sequence[tuple[float, float]]
    ) -> None:
        """Log what the player of an open session played since its last report, in seconds [first, end).

        Nobody can check it: the log knows what was sent. Raises TooMany, Unavailable.
        """
        said = encode_heard(spans, duration=recording.duration or 0)
        if not said:
            return
        await self.allowance.use(session.id)
        event_id = new_id("evt")
        event = AccessEvent(
            type="playback.heard",
            id=event_id,
            at=self.clock(),
            account_id=session.account_id,
            actor=session.id,
            recording_id=session.recording_id,
            link_id=session.link_id,
            session_id=session.id,
            sealed_detail=await self.data_keys.seal_detail(session.account_id, event_id, {"heard": said}),
        )
        await self.database.append_soon(event)


def _is_playable(tx: Transaction, recording: Recording, session_id: str | None) -> bool:
    if plays_without_right(recording):
        return True
    session = None if session_id is None else tx.links.session(session_id)
    link = None if session is None else tx.links.get(recording.account_id, session[0].link_id)
    return link is not None and link.plays(recording)


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
        content = entry.content
        if content["kind"] == "sealing":
            events = content["consent"]
        else:
            events = [content["event"]] if "event" in content else []
        yield from (event for event in events if "notice" in event)


def _verified(party: Party, notice: Notice, pinned: dict[str, Any]) -> ReceivedNotice:
    """Return the notice. Raises Tampered if its text does not match the digest in the evidence."""
    if not hmac.compare_digest(text_digest(notice.text), pinned["text_sha256"]):
        raise Tampered("The text of a notice differs from the announced text.")
    return ReceivedNotice(party=party, language=notice.language, text=notice.text)
