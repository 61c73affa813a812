"""The text of a call that is handed over: the fields of the policy and the doorway's address, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.crm.handover import Handover
from vault.domain.handover.handover import Cause, StoredHandover
from vault.domain.playback.note import SealedNote
from vault.domain.playback.own_token import TokenKey
from vault.domain.public_urls import PublicUrls
from vault.domain.recordings.recording import GONE, Recording, RecordingKeys
from vault.errors import Invalid
from vault.ports.keys import KeyRing
from vault.ports.numbers import Numbers
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows, read_call_rows
from vault.services.playback.doorways import door_of
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.paced import paced
from vault.services.shared.sealed_notes import open_note

#: Digits of a number that stay where it is masked.
_SHOWN_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallText:
    """What may be handed over of a call, and the number of its other party."""

    text: Handover
    #: In E.164; None: nothing is looked up, for the ``cause``.
    number: str | None
    cause: Cause | None
    #: Keyed hashes of numbers that are not stored with the call, for its objections.
    terms: tuple[bytes, ...]
    call_ref: str
    #: Countries by whose numbering plans national spellings are read.
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTexts:
    """Read calls as they are handed over."""

    database: Database
    ring: KeyRing
    call_opener: CallOpener
    numbers: Numbers
    token_key: TokenKey
    urls: PublicUrls

    async def read(
        self, account_id: str, recording_id: str, handover_id: str, *, masked: bool
    ) -> CallText | None:
        """Return what may be handed over of a recording's call; None if the recording is gone. Raises Unavailable."""
        found = await self.database.read(lambda tx: _find(tx, account_id, recording_id))
        if found is None:
            return None
        recording, keys, rows = found.recording, found.keys, found.rows
        own, notes = list[CallFacts](), list[str]()
        if keys is not None and keys.details is not None:
            opened = await open_recording(self.ring, recording, keys)
            own.append(opened.details().facts)
            # What the sealed note says counts, whatever the row says.
            contents = [open_note(opened, row).content async for row in paced(found.notes)]
            notes = [one.text for one in contents if one.for_crm and one.text]
        known = await self.call_opener.open(account_id, recording.call_ref, rows, *own)
        address = self.address(account_id, recording_id)
        text = replace(self._text(recording, known.facts, rows.regions, handover_id, address), notes=notes)
        number, cause = self._other_party(known.facts, text)
        return CallText(
            text=_masked(text) if masked else text,
            number=number,
            cause=cause,
            terms=known.numbers,
            call_ref=recording.call_ref,
            regions=rows.regions,
        )

    def bare(self, stored: StoredHandover) -> Handover:
        """Return a text that says nothing of the call: the recording may be gone, or is restricted."""
        address = self.address(stored.account_id, stored.recording_id)
        return Handover(id=stored.id, address=address, state="restricted", started_at=stored.created_at)

    def address(self, account_id: str, recording_id: str) -> str:
        """Return the address of a recording's doorway."""
        return self.urls.doorway(door_of(self.token_key, account_id, recording_id))

    def _text(
        self, recording: Recording, facts: CallFacts, regions: tuple[str, ...], handover_id: str, address: str
    ) -> Handover:
        return Handover(
            id=handover_id,
            address=address,
            state="restricted" if recording.restricted else "present",
            agent=facts.agent,
            direction=facts.direction,
            caller=self._e164(facts.caller, regions),
            callee=self._e164(facts.callee, regions),
            started_at=facts.started_at or recording.call_started_at or recording.received_at,
            duration=None if recording.duration is None else timedelta(seconds=recording.duration),
        )

    def _other_party(self, facts: CallFacts, text: Handover) -> tuple[str | None, Cause | None]:
        """Return the number of the party outside the account, or why there is none to look up."""
        if facts.direction is None:
            return None, "no_number"
        is_inbound = facts.direction == "inbound"
        written, number = (facts.caller, text.caller) if is_inbound else (facts.callee, text.callee)
        if number is not None:
            return number, None
        # A short number is an extension or a service, and no contact's.
        has_digits = written is not None and any(one.isdigit() for one in written)
        return None, "internal_number" if has_digits else "no_number"

    def _e164(self, written: str | None, regions: tuple[str, ...]) -> str | None:
        if written is None or self.numbers.has_extension(written):
            return None
        try:
            return self.numbers.e164(written, regions)
        except Invalid:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    recording: Recording
    keys: RecordingKeys | None
    rows: CallRows
    #: That their authors let be handed over.
    notes: Sequence[SealedNote]


def _find(tx: Transaction, account_id: str, recording_id: str) -> _Found | None:
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None or recording.state in GONE:
        return None
    return _Found(
        recording=recording,
        keys=tx.recordings.keys(recording_id),
        rows=read_call_rows(tx, account_id, recording.call_ref),
        notes=tx.recording_notes.for_crm(account_id, recording_id),
    )


def _masked(text: Handover) -> Handover:
    """Return a text whose numbers are cut to their last digits."""
    return replace(text, caller=_mask(text.caller), callee=_mask(text.callee))


def _mask(number: str | None) -> str | None:
    return None if number is None else f"…{number[-_SHOWN_DIGITS:]}"
