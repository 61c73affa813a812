"""Take stored recordings through the gate: uploads, and what a fetch could not finish under its own lease."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vault.database.interface import Database
from vault.database.signals import Work
from vault.domain.recordings.fetch_attempts import MAX_FETCHES, backoff_after
from vault.domain.recordings.recording import Lease, State
from vault.errors import LeaseLost, Unavailable
from vault.fair_places import FairPlaces, GaveWay
from vault.ports.keys import KeyRing
from vault.services.ingest.admit_recording import AdmitRecording
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.job import FairJob, Job, Size
from vault.services.shared.row_lease import GAVE_WAY_PAUSE, ClaimHint, claim_place, hold_row
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Take the stored recording that has waited longest through the gate."""

    database: Database
    ring: KeyRing
    admit: AdmitRecording
    places: FairPlaces = field(default_factory=FairPlaces)
    _hint: ClaimHint = field(default_factory=ClaimHint)

    def jobs(self) -> Sequence[Job]:
        """Return the work on one stored recording."""
        return [
            FairJob(
                work=Work.DESCRIBE, step=self, needs_objects=True, places=self.places, size=Size.DESCRIBERS
            )
        ]

    async def __call__(self) -> bool:
        """Process one recording; return False if none is due, or if a part of the vault is down."""
        found = await claim_place(self.database, State.STORED, hint=self._hint, places=self.places)
        if found is None:
            return False
        lease, place = found
        try:
            with place:
                return await self._through_the_gate(lease)
        except LeaseLost:
            _LOG.info("describe.lease_lost", recording_id=lease.recording.id)
        return True

    async def _through_the_gate(self, lease: Lease) -> bool:
        recording = lease.recording
        try:
            await hold_row(self.database, lease, self._describe(lease))
        except GaveWay:
            _LOG.info("describe.gave_way", recording_id=recording.id)
            await self.database.write(
                lambda tx: tx.queue.put_back(lease, not_before=tx.now() + GAVE_WAY_PAUSE, counts=False)
            )
        except Unavailable as error:
            if recording.attempts >= MAX_FETCHES:
                _LOG.error("describe.waiting_long", recording_id=recording.id, attempts=recording.attempts)
            pause = backoff_after(error, recording.attempts)
            await self.database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now() + pause))
            _LOG.warning("describe.put_off", recording_id=recording.id, reason=str(error))
            return False
        return True

    async def _describe(self, lease: Lease) -> None:
        recording = lease.recording
        keys = await self.database.read(lambda tx: tx.recordings.keys(recording.id))
        if keys is None or recording.audio is None:
            raise LeaseLost("The recording was shredded.")
        await self.admit.stored(lease, await open_recording(self.ring, recording, keys))
