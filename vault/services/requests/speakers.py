"""Tell on which channel of a recording a person is, by the numbers and agents of its call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.consent.call_claims import CallClaims
from vault.domain.folded_text import folded
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.requests.own_side import Side, channel_of, own_numbers, side_of
from vault.domain.requests.request import PersonalData, Request, Ruling
from vault.errors import Invalid, NotFound, Refused, Tampered
from vault.ports.keys import KeyRing
from vault.ports.numbers import Numbers
from vault.sentence import Sentence
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import home_regions
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.paced import paced

#: Recordings that a refusal names.
_MAX_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """An available recording of a person, and the channel that has this person alone; None if there is none."""

    opened: OpenedRecording
    facts: CallFacts
    #: Where the person certainly was alone; their voice may share a channel with others nevertheless.
    side: Side | None
    #: The person's number on each side of the call that has one.
    own_numbers: Mapping[Side, str]
    channel: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSide:
    """Where a person is on a call."""

    #: None unless the person was certainly alone on one of the sides.
    side: Side | None
    #: The person's number on each side that has one.
    numbers: Mapping[Side, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSpeaker:
    """Open a recording with its call, and find the person in it. It is decided per call, never per request."""

    database: Database
    ring: KeyRing
    call_opener: CallOpener
    numbers: Numbers

    async def __call__(self, account_id: str, recording_id: str, personal: PersonalData) -> Spoken | None:
        """Return the recording; None if it is not available. Raises Tampered, Unavailable."""

        def read(tx: Transaction) -> tuple[Recording | None, RecordingKeys | None, Sequence[str]]:
            recording = tx.recordings.get(account_id, recording_id)
            return recording, tx.recordings.keys(recording_id), home_regions(tx, account_id)

        recording, keys, regions = await self.database.read(read)
        if recording is None or keys is None or recording.state is not State.AVAILABLE:
            return None
        opened = await open_recording(self.ring, recording, keys)
        known = await self.call_opener.load_call(account_id, recording.call_ref, opened.details().facts)
        own = self._own_side(known.claims, personal, regions)
        channel = channel_of(recording, own.side)
        return Spoken(
            opened=opened, facts=known.facts, side=own.side, own_numbers=own.numbers, channel=channel
        )

    async def own_side(self, account_id: str, claims: CallClaims, personal: PersonalData) -> OwnSide:
        """Return where the person was on a call, by all that was ever reported of it."""
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        return self._own_side(claims, personal, regions)

    def _own_side(self, claims: CallClaims, personal: PersonalData, regions: Sequence[str]) -> OwnSide:
        normal = replace(
            claims,
            callers=frozenset(self._e164(number, regions) for number in claims.callers),
            callees=frozenset(self._e164(number, regions) for number in claims.callees),
            agents=frozenset(map(folded, claims.agents)),
        )
        agents = [*map(folded, personal.agents)]
        return OwnSide(
            side=side_of(normal, personal.numbers, agents), numbers=own_numbers(normal, personal.numbers)
        )

    async def check(self, request: Request, personal: PersonalData, ruling: Ruling) -> None:
        """Raise Refused ``review_needed`` if a channel of the person is to be provided that nobody can cut out."""
        provided = [one for one in ruling.recordings if ruling.verdict_on(one).code == "provided"]
        uncut = await self.uncut(request.account_id, provided, personal)
        if uncut:
            text = Sentence(
                "The person's own channel cannot be cut out, because others are on it or it cannot be read, of "
                "%(number)s of the recordings. Provide the whole recording, or decide on each of these: "
                "%(recordings)s.",
                number=len(uncut),
                recordings=", ".join(uncut[:_MAX_NAMED]),
            )
            raise Refused(text, reasons=("review_needed",))

    async def uncut(
        self, account_id: str, recording_ids: Sequence[str], personal: PersonalData
    ) -> Sequence[str]:
        """Return those of the recordings out of which the person's own channel cannot be cut. Raises Unavailable."""
        return [one async for one in paced(recording_ids) if await self._is_uncut(account_id, one, personal)]

    async def _is_uncut(self, account_id: str, recording_id: str, personal: PersonalData) -> bool:
        """Return whether a recording is available and no channel of the person can be cut out, or it is damaged."""
        try:
            spoken = await self(account_id, recording_id, personal)
        except (NotFound, Tampered):
            return True
        return spoken is not None and spoken.channel is None

    def _e164(self, written: str, regions: Sequence[str]) -> str:
        if self.numbers.has_extension(written):
            # Behind the number are several people.
            return written
        try:
            return self.numbers.e164(written, regions)
        except Invalid:
            return written
